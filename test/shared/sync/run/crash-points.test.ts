/**
 * Kills the worker once at every call that leaves the process, before and after the far side has done it: in the end
 * the tenant is as if nothing had happened, by the same writes, none of them made twice. A creation that may or may
 * not have been sent is not sent again by itself: it has failed as unknown, and a retry of what failed makes it.
 */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

const own = { displayName: "By hand", platform: "macOS", rule: "(device.model -eq 'x')" };

/** A tenant whose next plan updates a filter, makes one again, and deletes one. */
async function drifted(): Promise<string> {
  const tenantId = await rig.tenant();
  // So many that one deletion is no great part of them.
  for (let each = 0; each < 20; each += 1)
    await rig.byHand("POST", tenantId, "assignmentFilter", { ...own, displayName: `Rule ${each}` });
  await rig.settle(tenantId, { deletes: ["assignmentFilter"] });
  await rig.sync(tenantId);
  const [one, two] = await rig.inTenant(tenantId, "assignmentFilter");
  await rig.byHand("PATCH", tenantId, `assignmentFilter/${one?.id}`, { description: "drift" });
  await rig.byHand("DELETE", tenantId, `assignmentFilter/${two?.id}`);
  await rig.byHand("POST", tenantId, "assignmentFilter", own);
  await rig.allowDeletion(tenantId, "assignmentFilter/By hand / macOS");
  return tenantId;
}

const idPattern = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** Drift, plan, approval and deploy, with one death on the way. */
async function run(death?: { atCall: number; when: "before" | "after" }) {
  const tenantId = await drifted();
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  const planned = await rig.sync(tenantId);
  if (planned.waits?.for !== "approval") throw new Error(JSON.stringify(planned));
  await rig.approve(planned);
  const end = await rig.toRest(tenantId, planned.syncId);
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  const unknown = (await rig.items(end)).filter(({ state }) => state === "failed");
  const isUnknown = unknown.every(
    ({ action, reason }) => action === "create" && reason === "outcomeUnknown",
  );
  expect([unknown.length <= 1, isUnknown]).toEqual([true, true]);
  if (unknown.length > 0) {
    const again = await rig.sync(tenantId, { mode: "retryFailed", types: smallTypes });
    await rig.approve(again);
    await rig.toRest(tenantId, again.syncId);
  }
  await rig.quiet();
  const { value, doubled } = await rig.writes(tenantId);
  const { status, active, outbox } = await rig.status(tenantId);
  const filters = await rig.inTenant(tenantId, "assignmentFilter");
  return {
    calls,
    unknown: unknown.length,
    end: {
      status,
      active,
      outbox,
      doubled,
      writes: value
        .map(({ method, path, body }) => [method, path, body])
        .map((write) => JSON.stringify(write).replaceAll(idPattern, "id"))
        .toSorted(),
      filters: filters
        .map(({ displayName, description, rule }) => ({ displayName, description, rule }))
        .toSorted((a, b) => (String(a.displayName) < String(b.displayName) ? -1 : 1)),
      open: await rig.open(tenantId),
      planIsEmpty: (await rig.sync(tenantId)).outcome,
    },
  };
}

it("ends as if nothing had happened wherever a worker dies, and writes nothing twice", async () => {
  const undisturbed = await run();
  expect(undisturbed.end).toMatchObject({
    status: "idle",
    doubled: 0,
    outbox: [],
    open: [],
    planIsEmpty: "succeeded",
  });
  expect(undisturbed.end.writes.map((write) => write.slice(0, 6))).toEqual([
    '["DELE',
    '["PATC',
    '["POST',
  ]);
  const { calls } = undisturbed;
  const unknownAt: number[] = [];
  for (let atCall = 1; atCall <= calls.length; atCall += inject("oneCaseIn"))
    for (const when of ["before", "after"] as const) {
      const disturbed = await run({ atCall, when });
      const where = `killed ${when} call ${atCall}, ${calls[atCall - 1]}`;
      expect(disturbed.end, where).toEqual(undisturbed.end);
      if (disturbed.unknown > 0) unknownAt.push(atCall);
    }
  // Between the mark and the answer to the creation, which are a few calls one after the other, and nowhere else.
  expect(Math.max(...unknownAt) - Math.min(...unknownAt)).toSatisfy((span) => !(span > 8));
}, 1_200_000);
