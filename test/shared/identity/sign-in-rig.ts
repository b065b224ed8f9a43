/** A stand-in for Microsoft, storage and a clock of a test's own: what signing people in is made of. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pollSeconds } from "../../../local/sandbox/sign-in/poll-interval.ts";
import type { SignInParts } from "../../../shared/identity/accounts.ts";
import { deviceCodeOf, pollDeviceCode } from "../../../shared/identity/device-code.ts";
import type { SignInRequest } from "../../../shared/identity/user-sign-in.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { keyFileWrapper, sealer } from "../../../shared/storage/sealing.ts";
import { allRows } from "../../../shared/storage/tables.ts";
import { trust, typeCode } from "../../local/sandbox/sign-in/person.ts";
import { startTestSandbox, type TestTenant } from "../../local/sandbox/support.ts";
import { testStorage } from "../storage/open-storage.ts";

/** Roles by the template ids that Entra has for them. */
export const privilegedRoles = [
  { templateId: "e8611ab8-c189-46e8-94e1-60213ab1f814", name: "Privileged Role Administrator" },
];
export const exchangeRoles = [
  { templateId: "29232cdf-9323-42fd-ade2-1d097af3e4de", name: "Exchange Administrator" },
];

/** Starts it. */
export async function signInRig() {
  const sandbox = await startTestSandbox();
  trust(sandbox);
  const folder = mkdtempSync(join(tmpdir(), "sign-in-"));
  const asked = new Map<string, number>();
  let aheadMs = 0;
  let tap = passThrough;
  const clock = { now: () => Date.now() + aheadMs };
  const keys = keyFileWrapper(join(folder, "keys.json"));

  /** What a worker that has just been started has: nothing but what is stored. */
  const freshParts = async (over: Partial<SignInParts> = {}): Promise<SignInParts> => {
    const { tables, blobs } = await testStorage(clock, (name, call) => tap(name, call));
    return {
      authorityUrl: sandbox.authorityUrl,
      clientId: sandbox.home.signInClientId,
      resource: sandbox.graphUrl,
      tables,
      blobs,
      sealer: sealer(keys),
      clock,
      ...over,
    };
  };
  const requestFor = (
    { id }: Pick<TestTenant, "id">,
    over: Partial<SignInRequest> = {},
  ): SignInRequest => ({
    tenantId: id,
    scopes: ["RoleManagementPolicy.ReadWrite.Directory"],
    roles: [privilegedRoles],
    deadline: clock.now() + 180_000,
    askedBy: "user/one",
    reference: "sync-1",
    ...over,
  });
  return {
    sandbox,
    /** A tenant that has consented to what its people are asked for. */
    tenant: async (plan: Record<string, unknown> = {}): Promise<TestTenant> => {
      const made = await sandbox.tenant(plan);
      const grantScopes = ["RoleManagementPolicy.ReadWrite.Directory"];
      await sandbox.control("POST", `/tenants/${made.id}/consent`, { grantScopes });
      return made;
    },
    keys,
    clock,
    freshParts,
    requestFor,
    /** Lets time pass for the app; the stand-in has its own. */
    pass: (ms: number) => {
      aheadMs += ms;
    },
    tap: (over: typeof passThrough) => {
      tap = over;
    },
    /** A person types the code of a sign-in. */
    type: async (tenantId: string, signInId: string, form: Readonly<Record<string, string>>) => {
      const code = await deviceCodeOf(await freshParts(), tenantId, signInId);
      return typeCode(sandbox, { user_code: code?.userCode ?? "", ...form });
    },
    /** A slice by a worker of its own, when its time has come. */
    slice: async (tenantId: string, signInId: string) => {
      aheadMs += 6_000;
      // The stand-in has a clock of its own, and tells whoever comes twice within a second to slow down.
      await sleep((asked.get(signInId) ?? 0) + pollSeconds * 1000 - Date.now());
      const answer = await pollDeviceCode(await freshParts(), tenantId, signInId);
      asked.set(signInId, Date.now());
      return answer;
    },
    /** Everything that is stored for a tenant's sign-ins, as text. */
    stored: async (tenantId: string) => {
      const { tables } = await freshParts();
      const rows = [];
      for await (const row of allRows(tables, tableNames.signIns, { partition: tenantId }))
        rows.push(row);
      return rows;
    },
    stop: async () => {
      await sandbox.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A rig with everything started. */
export type SignInRig = Awaited<ReturnType<typeof signInRig>>;
