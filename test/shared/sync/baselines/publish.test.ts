/**
 * Publishing without the host: a worker that dies at any call leaves one revision and one sync all the same, a message
 * that was lost is sent again, and a tenant that is busy is waited for.
 */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import { publish, sweepPublications } from "../../../../shared/sync/baselines/publish.ts";
import { type JsonObject, textOf } from "../../../../shared/sync/items/json.ts";
import { rejectAndReset } from "../../../../shared/sync/run/undo.ts";
import { deaths } from "../../../support/fault-tap.ts";
import { type SyncRig, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
let tenantId: string;
const by = { kind: "user", id: "ada" };
beforeAll(async () => {
  rig = await startSyncRig();
  tenantId = await rig.tenant();
  await rig.sync(tenantId);
});
afterAll(() => rig.stop());

const draft = (description: string) => ({
  name: "Tags",
  description: "",
  message: "tags",
  parameters: [],
  content: {
    items: [{ type: "roleScopeTag", key: "Branch", body: { displayName: "Branch", description } }],
  },
});

async function made(description: string): Promise<string> {
  const id = newestFirstId(rig.parts.clock.now());
  const added = await rig.publishing.baselines.add(id, draft(description), by);
  if (!added.ok) throw new Error(JSON.stringify(added.failure));
  return id;
}

async function published(baselineId: string, to = tenantId) {
  const publishId = newestFirstId(rig.parts.clock.now());
  const asked = { baselineId, publishId, by, tenantIds: [to] };
  const queued = await publish(rig.publishing, asked, () => Promise.resolve(true));
  if (!queued.ok) throw new Error(JSON.stringify(queued.failure));
}

const publication = async (baselineId: string, of = tenantId) =>
  (await rig.publishing.rows.publication(baselineId, of))?.value;

/** Handles messages; what was lost is noticed minutes later. */
async function toEnd(baselineId: string, of = tenantId): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    await rig.quiet();
    if ((await publication(baselineId, of))?.state !== "queued") return;
    rig.pass(2 * rig.parts.claimMs + 1_000);
    await sweepPublications(rig.publishing);
  }
}

const revisionsOf = async () => (await rig.parts.store.revisions(tenantId, 200)).length;

it("ends with one revision and one sync that waits for approval, wherever a worker dies", async () => {
  const run = async (description: string, death?: { atCall: number; when: "before" | "after" }) => {
    const baselineId = await made(description);
    const before = [await revisionsOf(), await rig.syncCount(tenantId)] as const;
    await published(baselineId);
    rig.faults.reset();
    if (death) rig.faults.arm(death);
    const message = await rig.queues.take();
    if (message === undefined) throw new Error("there is no message");
    await rig.handle(message);
    const calls = [...rig.faults.calls()];
    rig.faults.revive();
    await toEnd(baselineId);
    const end = await publication(baselineId);
    const sync = await rig.toRest(tenantId, end?.syncId ?? "");
    return {
      calls,
      end: {
        state: end?.state,
        on: end?.on,
        waitsFor: sync.waits?.for,
        trigger: sync.trigger,
        items: sync.items,
        revisions: (await revisionsOf()) - before[0],
        syncs: (await rig.syncCount(tenantId)) - before[1],
      },
    };
  };
  // Three, since the second supersedes the plan of the first, as all those after it do, and finds what nobody had read.
  const first = await run("first");
  expect(first.end).toEqual({
    state: "published",
    on: 1,
    waitsFor: "approval",
    trigger: "baseline",
    items: [{ type: "roleScopeTag", key: "Branch" }],
    revisions: 1,
    syncs: 1,
  });
  expect((await run("second")).end.revisions).toBe(2);
  const undisturbed = await run("third");
  const { calls } = undisturbed;
  expect(calls.length).toBeGreaterThan(10);
  for (const { atCall, when } of deaths(calls.length, inject("oneCaseIn"))) {
    const where = `killed ${when} call ${atCall}, ${calls[atCall - 1]}`;
    const disturbed = await run(where, { atCall, when });
    expect(disturbed.end, where).toEqual(undisturbed.end);
  }
  expect((await rig.writes(tenantId)).total).toBe(0);
}, 600_000);

it("makes no sync where everything is wanted already", async () => {
  const baselineId = await made("again");
  await published(baselineId);
  await toEnd(baselineId);
  const before = [await revisionsOf(), await rig.syncCount(tenantId)];
  await published(baselineId);
  await toEnd(baselineId);
  expect(await publication(baselineId)).toMatchObject({ state: "unchanged", on: 1 });
  expect([await revisionsOf(), await rig.syncCount(tenantId)]).toEqual(before);
});

it("sends again what was lost, and leaves alone what a newer publication replaced", async () => {
  const baselineId = await made("lost");
  await published(baselineId);
  const old = await rig.queues.take();
  // The same version again is under way already.
  await published(baselineId);
  expect((await rig.queues.take())?.message).toEqual(old?.message);
  const next = await rig.publishing.baselines.replace(baselineId, draft("newer"), {
    ifMatch: undefined,
    by,
  });
  expect(next).toMatchObject({ ok: true });
  await published(baselineId);
  const lostOne = await rig.queues.take();
  expect(lostOne?.message).not.toEqual(old?.message);
  if (old !== undefined) await rig.handle(old);
  expect(await publication(baselineId)).toMatchObject({ state: "queued" });
  await toEnd(baselineId);
  expect(await publication(baselineId)).toMatchObject({ state: "published" });
});

it("waits for a tenant that is busy, and plans it when that has ended", async () => {
  const waiting = await publication(await made("before")); // nothing yet
  expect(waiting).toBeUndefined();
  const started = await rig.start(tenantId);
  if (!started.ok) throw new Error(started.failure.detail);
  const work = await rig.queues.take();
  const baselineId = await made("busy");
  await published(baselineId);
  const message = await rig.queues.take();
  if (message === undefined || work === undefined) throw new Error("messages are missing");
  await rig.handle(message);
  const busy = await publication(baselineId);
  expect(busy).toMatchObject({ state: "queued", detail: expect.stringContaining("under way") });
  // Somebody publishes it once more, and somebody edits the item meanwhile: both stand.
  await published(baselineId);
  const body = { displayName: "Branch", description: "edited since" };
  await rig.want(tenantId, [{ type: "roleScopeTag", key: "Branch", name: "Branch", body }]);
  await rig.handle(work);
  await rig.toRest(tenantId, started.value.syncId);
  await toEnd(baselineId);
  const end = await publication(baselineId);
  expect(end).toMatchObject({ state: "published", on: 1 });
  expect(end).not.toHaveProperty("detail");
  const tags = await rig.wanted(tenantId, "roleScopeTag");
  expect(tags.find(({ key }) => key === "Branch")?.body).toMatchObject(body);
  expect(await rig.toRest(tenantId, end?.syncId ?? "")).toMatchObject({
    waits: { for: "approval" },
    // The plan that waited had more in it: the next one is of all that is enabled.
    trigger: "baseline",
  });
});

it("refuses a tenant that was never synchronised, since nobody knows yet what it has", async () => {
  const fresh = await rig.tenant();
  const baselineId = await made("fresh");
  const publishId = newestFirstId(rig.parts.clock.now());
  const asked = { baselineId, publishId, by, tenantIds: [fresh] };
  await publish(rig.publishing, asked, () => Promise.resolve(true));
  await rig.quiet();
  const end = await rig.publishing.rows.publication(baselineId, fresh);
  expect(end?.value).toMatchObject({
    state: "refused",
    detail: expect.stringContaining("first sync"),
  });
  expect((await rig.status(fresh)).desired).toBeUndefined();
});

it("takes a removed tenant off every baseline", async () => {
  const baselineId = await made("removed");
  await published(baselineId);
  await rig.publishing.rows.dropTenant(tenantId);
  expect(await publication(baselineId)).toBeUndefined();
  await rig.quiet();
});

it("takes an item that kept its key when it was renamed for the one of its new name", async () => {
  const other = await rig.tenant();
  await rig.sync(other);
  const type = "assignmentFilter";
  const [filter] = await rig.inTenant(other, type);
  await rig.byHand("PATCH", other, `${type}/${filter?.id}`, { displayName: "Renamed" });
  const sync = await rig.sync(other);
  const asked = { planHash: sync.plan?.hash ?? "" };
  expect(await rejectAndReset(rig.parts, sync, asked, by)).toMatchObject({ ok: true });
  const id = newestFirstId(rig.parts.clock.now());
  const content = { from: { tenantId: other, types: [type] } };
  expect(await rig.publishing.baselines.add(id, { ...draft(""), content }, by)).toMatchObject({
    ok: true,
  });
  const shown = await rig.publishing.baselines.preview(id, other);
  const states = shown.ok ? shown.value.items.map(({ state }) => state) : [];
  expect(new Set(states)).toEqual(new Set(["same"]));
  await published(id, other);
  await toEnd(id, other);
  expect(await publication(id, other)).toMatchObject({ state: "unchanged" });
  // So does an import of what another tenant gives under that name.
  const [renamed] = (await rig.wanted(other, type)).filter(({ name }) => name === "Renamed");
  const body: JsonObject = { ...renamed?.body, description: "theirs" };
  const key = `Renamed / ${textOf(body["platform"])}`;
  await rig.want(other, [{ type, key, name: "Renamed", body }]);
  expect(await rig.sync(other, { mode: "plan" })).toMatchObject({
    plan: { counts: { creates: 0, updates: 1 } },
  });
});
