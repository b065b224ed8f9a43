/**
 * A registration from the list that is handed in to the last device, through Graph in the customer's tenant: services, storage
 * and the sandbox are real, and the queues are the test's.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller } from "../../../shared/access/sign-in/caller.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { takeFile } from "../../../shared/registration/check-list.ts";
import {
  findRegistration,
  listDevices,
  viewOf,
} from "../../../shared/registration/read-registrations.ts";
import { registerDevices } from "../../../shared/registration/register-devices.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { csv, hashOf, intune } from "./lists.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig();
});
afterAll(() => rig.stop());

const caller: Caller = {
  kind: "user",
  oid: randomUUID(),
  tid: randomUUID(),
  appId: randomUUID(),
  groups: [],
  groupsComplete: true,
  scopes: [],
  roles: [],
};

type Row = { readonly serial: string; readonly tag?: string };

const rowOf = ({ serial, tag = "" }: Row): string => `${serial},,${hashOf(serial)},${tag},`;

async function register(tenantId: string, rows: readonly string[], partial = false) {
  const registrationId = newestFirstId(Date.now());
  const bytes = Buffer.from(csv(intune, ...rows));
  const read = (take: (piece: Uint8Array) => void) => {
    take(bytes);
    return Promise.resolve({ ok: true, value: undefined } as const);
  };
  const ids = { tenantId, registrationId };
  const sent = await registerDevices(
    rig.services.register,
    ids,
    () => takeFile(read, undefined),
    { backEnd: "graph", partial },
    caller,
  );
  if (!sent.ok) return { refused: sent.failure };
  return { registrationId };
}

async function ended(tenantId: string, registrationId: string) {
  const { register: parts } = rig.services;
  const found = await findRegistration(parts, { tenantId, registrationId });
  if (!found.ok) throw new Error(found.failure.detail);
  const view = await viewOf(parts, found.value);
  const { items } = await listDevices(parts, found.value, { top: 500 });
  return { view, devices: items };
}

const tenantOf = async (behaviour: object = {}): Promise<string> => {
  const tenantId = await rig.tenant({ devices: 10 });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, ...behaviour });
  return tenantId;
};

const submissions = async (tenantId: string) =>
  (await rig.sandbox.control("GET", `/registrations?tenantId=${tenantId}`)).body;

const rows = (count: number, prefix: string, tag?: string): Row[] =>
  Array.from({ length: count }, (_, at) => ({
    serial: `${prefix}${String(at).padStart(4, "0")}`,
    ...(tag === undefined ? {} : { tag }),
  }));

describe("a registration through Graph", () => {
  it("registers every device once, with its group tag, and leaves no import record behind", async () => {
    const tenantId = await tenantOf({ droppedTagRate: 0.1 });
    const list = rows(250, "A", "shop");
    const { registrationId = "" } = await register(tenantId, list.map(rowOf));
    await rig.drain();
    const { view, devices } = await ended(tenantId, registrationId);
    expect(view).toMatchObject({ state: "finished", counts: { total: 250, registered: 250 } });
    expect(new Set(devices.map(({ outcome }) => outcome))).toEqual(new Set(["registered"]));
    expect(devices.map(({ serialNumber }) => serialNumber)).toEqual(
      list.map(({ serial }) => serial),
    );
    expect(await submissions(tenantId)).toEqual({ total: 250, distinct: 250, doubled: 0 });
    const path = "/deviceManagement/importedWindowsAutopilotDeviceIdentities";
    const left = await rig.services.graph.ask(tenantId, "v1.0", { method: "GET", path });
    expect(left).toMatchObject({ kind: "ok", body: { value: [] } });
  });
});
