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

/** A tenant that rests without consent, and the night since which it does. */
async function restingTenant() {
  const tenantId = await lackingTenant();
  const { syncId } = await rig.sync(tenantId, { trigger: "schedule" });
  await rig.quiet();
  expect((await rig.status(tenantId)).status).toBe("pendingAdminConsent");
  return { tenantId, syncId };
}

it("a consent for a tenant that rests is looked for soon and again, too, and not by a duplicate of its night", async () => {
  const ids = await restingTenant();
  const { tenantId } = ids;
  const back = await settleConsent(rig.parts, ids, { kind: "consented" }, { requestId: "r" });
  expect(back).toMatchObject({ ok: true, value: { permissions: [{}, {}] } });
  const look = async (ms: number) => {
    rig.pass(ms);
    const message = await rig.queues.take();
    if (message === undefined) throw new Error("nobody looks");
    await rig.handle(message);
    return (await rig.status(tenantId)).active;
  };
  expect(await look(6_000)).toBeUndefined();
  await consent(tenantId, { grant: permissions });
  const active = (await look(10_000)) ?? "";
  expect(await rig.toRest(tenantId, active)).toMatchObject({
    trigger: "consent",
    outcome: "succeeded",
  });
  await rig.quiet();
  expect(await rig.syncCount(tenantId), "the other looks start nothing").toBe(2);
  expect(await rig.status(tenantId)).toMatchObject({ status: "idle", last: active });
  const other = await restingTenant();
  await consent(other.tenantId, { grant: permissions });
  await rig.parts.queues.send("sync-work", other);
  await rig.quiet();
  expect(await rig.syncCount(other.tenantId), "nobody came back").toBe(1);
  expect(await recheck(), "the timer finds it").toBe(1);
  await rig.quiet();
});

it("a consent for a tenant that rests is looked for soon, though the timer has looked in between", async () => {
  const ids = await restingTenant();
  await settleConsent(rig.parts, ids, { kind: "consented" }, { requestId: "t" });
  expect(await recheckConsents(rig.parts, () => true)).toBe(0);
  await consent(ids.tenantId, { grant: permissions });
  rig.pass(6_000);
  await rig.quiet();
  expect(await rig.syncCount(ids.tenantId)).toBe(2);
});

it("a consent that is declined for a tenant that rests is an error of the tenant, and its night stays what it was", async () => {
  const ids = await restingTenant();
  const failed = { kind: "failed", code: "no-consent", words: "went away" } as const;
  expect(await settleConsent(rig.parts, ids, failed, { requestId: "f" })).toMatchObject({
    ok: true,
  });
  expect((await rig.status(ids.tenantId)).status).toBe("pendingAdminConsent");
  const declined = { kind: "declined", code: "AADSTS65004", words: "no" } as const;
  expect(await settleConsent(rig.parts, ids, declined, { requestId: "d" })).toMatchObject({
    ok: true,
  });
  expect(await rig.status(ids.tenantId)).toMatchObject({
    status: "newError",
    error: { code: "consent-declined", cause: "AADSTS65004: no", correlationId: ids.syncId },
    outbox: [],
  });
  expect(await rig.syncOf(ids.tenantId, ids.syncId)).toMatchObject({
    outcome: "partial",
    error: { code: "consent-declined" },
  });
  await rig.quiet();
  expect(await rig.open(ids.tenantId)).toEqual([]);
  expect(await recheck(), "it waits for no consent any more").toBe(0);
});

it("a night whose plan was approved and made rests without consent, too, and is looked at again", async () => {
  const tenantId = await rig.tenant();
  await rig.sync(tenantId);
  const tag = (await rig.inTenant(tenantId, "roleScopeTag")).find(({ id }) => id !== "0");
  await rig.byHand("PATCH", tenantId, `roleScopeTag/${tag?.id}`, { description: "drift" });
  await consent(tenantId, { withdraw: permissions });
  // The token that still has them is over.
  rig.pass(2 * 3600_000);
  const night = await rig.sync(tenantId, { trigger: "schedule" });
  expect(night.waits?.for).toBe("approval");
  await rig.approve(night);
  expect(await rig.toRest(tenantId, night.syncId)).toMatchObject({
    outcome: "partial",
    deployed: { done: 1, failed: 0 },
  });
  expect(await rig.status(tenantId)).toMatchObject({
    status: "pendingAdminConsent",
    lacksConsent: {},
  });
  await consent(tenantId, { grant: permissions });
  expect(await recheck()).toBe(1);
  const { active = "" } = await rig.status(tenantId);
  expect(await rig.toRest(tenantId, active)).toMatchObject({ outcome: "succeeded" });
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

it("a sync that somebody stops in a tenant that rests without consent is not begun again by the clock", async () => {
  const { tenantId, syncId: night } = await restingTenant();
  const types = ["roleScopeTag"];
  const started = await rig.start(tenantId, { types, mode: "exportOnly" });
  if (!started.ok) throw new Error(started.failure.detail);
  const { syncId } = started.value;
  await rig.cancel(tenantId, syncId);
  expect(await rig.toRest(tenantId, syncId)).toMatchObject({ outcome: "cancelled" });
  await rig.quiet();
  const rests = { status: "pendingAdminConsent" };
  expect(await rig.status(tenantId)).toMatchObject(rests);
  expect(await recheck(), "permissions are missing still").toBe(0);
  expect(await rig.status(tenantId)).toMatchObject(rests);
  const { mode, types: ofNight } = await rig.syncOf(tenantId, night);
  const asked = await rig.sync(tenantId);
  expect(asked.waits?.for).toBe("consent");
  await rig.cancel(tenantId, asked.syncId);
  await consent(tenantId, { grant: permissions });
  expect(await recheck()).toBe(1);
  const { active = "" } = await rig.status(tenantId);
  expect(await rig.toRest(tenantId, active)).toMatchObject({
    trigger: "consent",
    mode,
    types: ofNight,
    outcome: "succeeded",
  });
  expect(await rig.status(tenantId)).not.toHaveProperty("lacksConsent");
});

it("a consent that came back while nobody could tell what is granted is looked for again soon, also of a tenant that rests", async () => {
  const tenantId = await lackingTenant();
  const { syncId } = await rig.sync(tenantId, { trigger: "schedule" });
  await consent(tenantId, { grant: permissions });
  const error = { code: "away", text: "Away.", cause: "Away.", remedy: "Wait.", requestIds: [] };
  const away = { ...rig.parts, preflight: async () => ({ kind: "failed" as const, error }) };
  const ids = { tenantId, syncId };
  const back = await settleConsent(away, ids, { kind: "consented" }, { requestId: "s" });
  expect(back).toMatchObject({ ok: false });
  rig.pass(6_000);
  const message = await rig.queues.take();
  expect(message).toMatchObject({ message: ids });
  if (message !== undefined) await rig.handle(message);
  const { status, active, last = "" } = await rig.status(tenantId);
  expect(status).not.toBe("pendingAdminConsent");
  expect(active ?? last).not.toBe(syncId);
  expect(await rig.toRest(tenantId, active ?? last)).toMatchObject({ outcome: "succeeded" });
});
