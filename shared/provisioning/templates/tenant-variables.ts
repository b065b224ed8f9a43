/** A tenant's variables, and those of single devices, which win over every other: a blob, read when a run begins. */
import * as z from "zod";
import { invalidRequest } from "../../http/body.ts";
import { type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import { DeviceId } from "../../kernel/values.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { Variables } from "./template.ts";
import { factNames, type Known, open, resolve } from "./variables.ts";

const maxDevices = 2_000;

/** All of them; also the body that replaces them. */
export const TenantValues = z
  .strictObject({
    values: Variables.default({}),
    devices: z
      .record(DeviceId, Variables)
      .refine((all) => Object.keys(all).length <= maxDevices, `at most ${maxDevices}`)
      .meta({ maxProperties: maxDevices })
      .default({})
      .describe("By device id; each wins over the tenant's and the template's"),
  })
  .meta({ id: "TenantVariables" });
export type TenantValues = z.output<typeof TenantValues>;

const facts: Readonly<Record<string, Known>> = Object.fromEntries(
  factNames.map((name) => [name, open]),
);

/** What all devices' values may come to, with those of the tenant that they name: working it out keeps everybody waiting. */
const maxChars = 5_000_000;
const tooMuch: Fault = {
  pointer: "/devices",
  code: "too-long",
  detail: `come to more than ${maxChars} characters with the tenant's values`,
};

/** Names that are unknown or go in a circle, of the tenant and of each device. Pure. */
function faultsOfValues({ values, devices }: TenantValues): Fault[] {
  const { faults } = faultsBelow("/values", values, {});
  let left = maxChars;
  for (const [deviceId, own] of Object.entries(devices)) {
    const found = faultsBelow(`/devices/${deviceId}`, own, values);
    faults.push(...found.faults);
    left -= found.chars;
    if (left < 0) return [...faults, tooMuch];
  }
  return faults;
}

function faultsBelow(pointer: string, own: Variables, wider: Variables) {
  const resolved = resolve([wider, own], facts, Object.keys(own));
  const faults = resolved.faults
    .filter(({ name }) => Object.hasOwn(own, name))
    .map(({ name, code, detail }): Fault => ({ pointer: `${pointer}/${name}`, code, detail }));
  return { faults, chars: resolved.chars() };
}

/** Tenants' variables in and out. */
export class TenantVariables {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** A tenant's; none while nobody has written any. */
  async get(tenantId: string): Promise<{ readonly value: TenantValues; readonly etag?: string }> {
    const found = await this.#blobs.getWithEtag(pathOf(tenantId));
    if (found === undefined) return { value: { values: {}, devices: {} } };
    return { value: TenantValues.parse(JSON.parse(found.content.toString())), etag: found.etag };
  }

  /** Replaces all of them; with `ifMatch` only those that the caller read. Answers what was there before. */
  async replace(
    tenantId: string,
    value: TenantValues,
    ifMatch: string | undefined,
  ): Promise<Result<{ readonly before: TenantValues }>> {
    const faults = faultsOfValues(value);
    if (faults.length > 0) return invalidRequest(faults);
    const { value: before, etag } = await this.get(tenantId);
    const changed = fail("precondition-failed", "The variables changed since you read them.");
    if (ifMatch !== undefined && ifMatch !== etag) return changed;
    const conditions = { etag, leaseId: undefined };
    const content = JSON.stringify(value);
    const isWritten = await this.#blobs.putIf(pathOf(tenantId), content, conditions);
    return isWritten ? succeed({ before }) : changed;
  }

  /** Removes a removed tenant's. */
  remove(tenantId: string): Promise<void> {
    return this.#blobs.remove(pathOf(tenantId));
  }
}

const pathOf = (tenantId: string): string => `variables/${tenantId}.json`;
