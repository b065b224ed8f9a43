/** Tenants that lack consent are looked at again by the clock: an administrator may have consented by another way. */
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  checkConsent,
  recheckConsents,
  settleConsent,
} from "../../../../shared/sync/run/consent.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const permissions = [
  "DeviceManagementConfiguration.ReadWrite.All",
  "DeviceManagementConfiguration.Read.All",
];
const ada = { kind: "user", id: "ada" };
const consent = (tenantId: string, body: object) =>
  rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, body);
/** The timer, a quarter of an hour later. */
const recheck = () => {
  rig.pass(quarterMs);
  return recheckConsents(rig.parts, () => true);
};
const quarterMs = 15 * 60_000;

async function lackingTenant(): Promise<string> {
  const tenantId = await rig.tenant();
  await consent(tenantId, { withdraw: permissions });
  return tenantId;
}

it("a sync that waits for consent goes on once it is there, and not before", async () => {
  const tenantId = await lackingTenant();
  const { syncId, waits } = await rig.sync(tenantId);
  expect(waits?.for).toBe("consent");
  expect(await recheck()).toBe(0);
  await consent(tenantId, { grant: permissions });
  expect(await recheck()).toBe(1);
  expect(await rig.toRest(tenantId, syncId)).toMatchObject({ outcome: "succeeded", skipped: [] });
  expect(await recheck(), "nothing lacks consent any more").toBe(0);
});

it("a consent that takes a while to arrive is looked for soon, and again, without anybody asking", async () => {
  const tenantId = await lackingTenant();
  const { syncId } = await rig.sync(tenantId);
  const ids = { tenantId, syncId };
  const back = await settleConsent(rig.parts, ids, { kind: "consented" }, { requestId: "r" });
  expect(back).toMatchObject({ ok: true, value: { permissions: [{}, {}] } });
  const isLooked = async (ms: number) => {
    rig.pass(ms);
    const message = await rig.queues.take();
    if (message !== undefined) await rig.handle(message);
    return message !== undefined && (await rig.syncOf(tenantId, syncId)).waits === undefined;
  };
  expect(await isLooked(6_000)).toBe(false);
  await consent(tenantId, { grant: permissions });
  expect(await isLooked(10_000)).toBe(true);
  expect(await rig.toRest(tenantId, syncId)).toMatchObject({ outcome: "succeeded", skipped: [] });
});

it("a tenant that rests without consent after its night is synchronised anew", async () => {
  const tenantId = await lackingTenant();
  const night = await rig.sync(tenantId, { trigger: "schedule" });
  expect(night).toMatchObject({
    outcome: "partial",
    skipped: [expect.objectContaining({ type: "assignmentFilter", reason: "consentMissing" })],
  });
  expect((await rig.status(tenantId)).status).toBe("pendingAdminConsent");
  expect(await recheck()).toBe(0);
  await consent(tenantId, { grant: permissions });
  expect(await recheck()).toBe(1);
  const { active = "" } = await rig.status(tenantId);
  expect(await rig.toRest(tenantId, active)).toMatchObject({
    trigger: "consent",
    outcome: "succeeded",
  });
});

it("who rests there is asked ever more rarely, night after night, and at once where somebody wants to know", async () => {
  const tenantId = await lackingTenant();
  const { preflight } = rig.parts;
  let asked = 0;
  const counting = {
    ...rig.parts,
    preflight: (sync: Parameters<typeof preflight>[0]) => {
      if (sync.tenantId === tenantId) asked += 1;
      return preflight(sync);
    },
  };
  /** Quarters of an hour of a day in which it was asked. */
  const askedIn = async () => {
    const quarters: number[] = [];
    for (let quarter = 1; quarter <= 96; quarter += 1) {
      const before = asked;
      rig.pass(quarterMs);
      await recheckConsents(counting, () => true);
      if (asked > before) quarters.push(quarter);
    }
    return quarters;
  };
  await rig.sync(tenantId, { trigger: "schedule" });
  expect(await askedIn()).toEqual([1, 2, 4, 8, 16, 32, 64]);
  const night = await rig.sync(tenantId, { trigger: "schedule" });
  expect((await askedIn()).length).toBeLessThan(2);
  await consent(tenantId, { grant: permissions });
  const { syncId } = night;
  expect(await checkConsent(counting, { tenantId, syncId }, ada)).toMatchObject({
    value: { permissions: [], sync: { trigger: "consent" } },
  });
  const { active = "" } = await rig.status(tenantId);
  expect(await rig.toRest(tenantId, active)).toMatchObject({ outcome: "succeeded" });
  expect(await rig.status(tenantId)).not.toHaveProperty("lacksConsent");
});
