/** What a sync costs that finds nothing changed: counted at the seam around storage, and by the stand-in for Graph. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { typeOf } from "../../../shared/sync/catalogue/catalogue.ts";
import { type SyncRig, smallTypes, startSyncRig } from "./sync-rig.ts";

let rig: SyncRig;
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(() => rig.stop());

type Counts = {
  readonly total: number;
  readonly parts: number;
  readonly byKind: Readonly<Record<string, number>>;
};
/** All that was asked, alone or as a part of a batch. */
const questionsOf = ({ total, parts, byKind }: Counts): number => {
  const batches = Object.entries(byKind).filter(([kind]) => kind.endsWith("$batch"));
  return total + parts - sum(batches.map(([, count]) => count));
};
const graphRequests = async (): Promise<Counts> =>
  (await rig.sandbox.control<Counts>("GET", "/requests")).body;

const types = [
  "roleScopeTag",
  "assignmentFilter",
  "deviceCompliancePolicy",
  "deviceConfiguration",
  "configurationPolicy",
];

it("an unchanged tenant costs no blob and no item, a request a page, and a part of a batch for an item that is read by itself", async () => {
  const tenantId = await rig.tenant({ items: 200 });
  await rig.sync(tenantId, { types });
  await rig.sync(tenantId, { types });
  const before = await graphRequests();
  rig.faults.reset();
  const sync = await rig.sync(tenantId, { types });
  expect(sync).toMatchObject({ outcome: "succeeded", plan: { counts: { updates: 0 } } });
  const calls = Map.groupBy(rig.faults.calls(), (name) => name);
  const count = (name: string): number => calls.get(name)?.length ?? 0;
  expect(count("blob.put")).toBe(0);
  expect(await rig.items(sync)).toEqual([]);
  // Trees and manifests are known from the last time; bodies that are the same on both sides are not looked at.
  expect(count("blob.get")).toBe(0);
  // Rows are found by their names: what it has written itself, it knows.
  expect(count("table.page Syncs")).toBe(0);
  // A place at the throttle is taken for many requests at once.
  expect(count("table.replace Throttles")).toBeLessThan(10);
  const storage = rig.faults.calls().filter((name) => !name.startsWith("graph."));
  expect(storage.length).toBeLessThan(60);

  const after = await graphRequests();
  const items = await Promise.all(types.map((type) => rig.inTenant(tenantId, type)));
  const singly = items.filter((_, at) => typeOf(types[at] ?? "")?.contentIn === "item");
  const alone = singly.flat().length;
  // Of pages some types have 20 items, others more; and the names of groups are one question.
  const pages = sum(items.map((each) => Math.ceil(each.length / 20)));
  const asked = questionsOf(after) - questionsOf(before);
  expect(asked).toBeGreaterThanOrEqual(types.length + alone);
  expect(asked).toBeLessThanOrEqual(pages + alone + 1);
  // First pages come together, and what is left of one type with what is left of another.
  const batches = sum(singly.map((each) => Math.ceil(each.length / 20)));
  expect(after.total - before.total).toBeLessThanOrEqual(pages - types.length + batches + 2);
});

it("a small tenant is through inside the request that asks for it, and leaves no message", async () => {
  const tenantId = await rig.tenant();
  const asked = rig.newSync(tenantId);
  const priorities = prioritiesOfReads();
  expect(await rig.startHere(asked)).toMatchObject({ ok: true });
  expect(new Set(priorities()), "somebody waits").toEqual(new Set([null]));
  expect(await rig.syncOf(tenantId, asked.syncId)).toMatchObject({ outcome: "succeeded" });
  rig.pass(60_000);
  expect(await rig.queues.take()).toBeUndefined();
});

it("a night that finds nothing is gone through where it starts, and is one write, and what the trail is told of it is one too", async () => {
  const tenantId = await rig.tenant();
  await rig.settle(tenantId, { nightly: { enabled: true }, types: smallTypes });
  await rig.sync(tenantId);
  const { nextAt = 0 } = await rig.status(tenantId);
  rig.pass(nextAt - Date.now() + 1_000);
  rig.faults.reset();
  const priorities = prioritiesOfReads();
  await rig.startDue();
  expect(new Set(priorities()), "nobody waits for a night").toEqual(new Set(["low"]));
  // What it has read stands in its own row, and needs no word of its own.
  expect(rig.faults.calls().filter((name) => name === "table.replace Syncs")).toEqual([]);
  const told = rig.faults.calls().filter((name) => name === "table.transact Audit");
  expect(told).toHaveLength(1);
  const own = rig.faults.calls().filter((name) => !/^graph|Throttles|Webhooks/.test(name));
  expect(own.filter((name) => name.startsWith("queue."))).toEqual([]);
  // Three are not its own each night: which nights have come, whether the installation is drained, and a plan as none was before.
  expect(own.length).toBeLessThanOrEqual(7 + 3);
  const { active, last = "" } = await rig.status(tenantId);
  expect(active).toBeUndefined();
  expect(await rig.syncOf(tenantId, last)).toMatchObject({ outcome: "succeeded" });
});

it("a first sync writes a type's content once, and the tree that is found and wanted once", async () => {
  const tenantId = await rig.tenant();
  rig.faults.reset();
  await rig.sync(tenantId);
  const puts = rig.faults.calls().filter((name) => name === "blob.put");
  // A pack and a manifest of each of two types, and the tree.
  expect(puts).toHaveLength(5);
});

/** Begins to note with which priority Graph is asked for lists, as it arrives there; what it answers ends that. */
function prioritiesOfReads(): () => readonly (string | null)[] {
  const seen: (string | null)[] = [];
  const note = (message: unknown): void => {
    const { request } = message as { readonly request: IncomingMessage };
    const { method, url = "", headers } = request;
    if (!/^\/(v1\.0|beta)\//.test(url)) return;
    if (method === "GET") seen.push(headers["x-ms-throttle-priority"]?.toString() ?? null);
    if (!url.endsWith("/$batch")) return;
    const body: Buffer[] = [];
    request.on("data", (chunk: Buffer) => body.push(chunk));
    request.on("end", () => seen.push(...prioritiesIn(Buffer.concat(body).toString())));
  };
  subscribe("http.server.request.start", note);
  return () => {
    unsubscribe("http.server.request.start", note);
    return seen;
  };
}

function prioritiesIn(batch: string): (string | null)[] {
  type Part = { readonly method: string; readonly headers?: Readonly<Record<string, string>> };
  const { requests } = JSON.parse(batch) as { readonly requests: readonly Part[] };
  const lists = requests.filter(({ method }) => method === "GET");
  return lists.map(({ headers }) => headers?.["x-ms-throttle-priority"] ?? null);
}

const sum = (counts: readonly number[]): number => counts.reduce((all, each) => all + each, 0);
