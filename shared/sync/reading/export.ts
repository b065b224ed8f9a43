/**
 * Export: reads the types of a sync, wave by wave, into manifests. What fits into one pass is read in it, several
 * types side by side, and costs no row; what takes longer becomes a message of its own, with a row that says how far
 * it is. A type has a budget of time and tries, and one that fails stops no other: its last whole content stands.
 */
import { inParallel } from "../../kernel/concurrency.ts";
import { plainText } from "../../kernel/outside-text.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { queueNames } from "../../storage/names.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import { type Canonical, canonical, keyed, type Resolve } from "../items/canonical.ts";
import type { JsonObject } from "../items/json.ts";
import {
  configurationPrefix,
  type KeptItem,
  type Repository,
  type Tree,
} from "../revisions/revisions.ts";
import type { TypeProgress } from "../state/sync.ts";
import type { Stored } from "../state/sync-store.ts";
import type { SyncIds, SyncRows, SyncWork } from "../state/sync-work.ts";
import type { Asked, NameFinder } from "./find-names.ts";
import type { PacedGraph } from "./paced-graph.ts";
import { idOf, nothingRead, type ReadOutcome, type ReadSoFar, readType } from "./read-type.ts";

/** What exporting takes. */
export type ExportParts = SyncRows & {
  readonly graph: PacedGraph;
  readonly revisions: Repository;
  readonly blobs: Pick<Blobs, "get" | "put" | "remove">;
  readonly names: NameFinder;
  readonly typeOf: (key: string) => ConfigurationType | undefined;
};

/** How long one pass reads before it leaves the rest to messages, in ms. */
const passMs = 20_000;
/** How long one slice of a long type reads. */
const sliceMs = 60_000;
/** All that a type may take, from its first request: then it has failed, and the sync goes on. */
const budgetMs = 20 * 60_000;
const maxTries = 5;
/** Longest pause before the next slice, however long the service wants to be left alone. */
const maxPauseMs = 60_000;
const concurrency = 6;

const fresh = (type: string, now: number): TypeProgress => ({
  v: 1,
  type,
  state: "queued",
  items: 0,
  changed: 0,
  incomplete: 0,
  requests: 0,
  slices: 0,
  tries: 0,
  leaseUntil: 0,
  touchedAt: now,
});

/** Where a wave stands after a pass. */
export type Wave = "read" | "reading";

/** Reads the types of a wave, or goes on waiting for those that are read elsewhere. */
export async function exportWave(
  parts: ExportParts,
  work: SyncWork,
  keys: readonly string[],
): Promise<Wave> {
  const { tenantId, syncId } = work.ids;
  const { clock, store, typeOf } = parts;
  const rows = await store.types(tenantId, syncId);
  const types = keys.flatMap((key) => typeOf(key) ?? []).filter(({ key }) => !rows.has(key));
  const until = clock.now() + passMs;
  const before = await parts.revisions.tree(tenantId, work.tenant.snapshot);
  const known: Known = { before, tree: { ...before, ...manifestsOf(rows) }, asked: new Map() };
  const passes = await inParallel(types, concurrency, async (type) => {
    const began = { ...fresh(type.key, clock.now()), beganAt: clock.now() };
    return readPass(parts, work.ids, type, began, nothingRead, known, until);
  });
  if (passes.length > 0) await store.addTypes(tenantId, syncId, passes);
  const open = [
    ...passes,
    ...[...rows.values()].flatMap(({ value }) => (keys.includes(value.type) ? [value] : [])),
  ].filter(({ state }) => state === "queued" || state === "reading");
  // A message too many finds its type claimed or settled.
  for (const { type } of open)
    await parts.queues.send(queueNames.syncExport, { ...work.ids, type });
  return open.length === 0 ? "read" : "reading";
}

/** What a pass knows of the tenant: as it was last read, the same with what this sync has read, and names asked for. */
type Known = { readonly before: Tree; readonly tree: Tree; readonly asked?: Asked };

const manifestsOf = (rows: ReadonlyMap<string, Stored<TypeProgress>>): Tree =>
  Object.fromEntries(
    [...rows.values()].flatMap(({ value: { type, manifest } }) =>
      manifest === undefined ? [] : [[type, manifest]],
    ),
  );

/** Reads on, and says how far the type is now. What was read of a type that is not through lies in a blob. */
async function readPass(
  parts: ExportParts,
  ids: SyncIds,
  type: ConfigurationType,
  progress: TypeProgress,
  from: ReadSoFar,
  known: Known,
  until: number,
): Promise<TypeProgress> {
  const { clock, graph } = parts;
  const asking = {
    tenantId: ids.tenantId,
    asker: ids.tenantId,
    graph: type.graph,
    workload: type.workloads.read,
  };
  const read = await readType(graph, asking, type, from, () => clock.now() < until);
  const touched = {
    ...progress,
    requests: read.reading.requests,
    touchedAt: clock.now(),
    leaseUntil: 0,
  };
  if (read.kind === "read") return settle(parts, ids, type, touched, read.reading, known);
  if (read.kind === "failed") return failed(touched, read);
  const spent = clock.now() - (progress.beganAt ?? clock.now());
  if (spent > budgetMs)
    return failed(touched, {
      reason: "throttled",
      detail: `its ${budgetMs / 60_000} minutes were over: ${read.why}`,
    });
  const hasMoved = read.reading.requests > from.requests;
  if (hasMoved) await parts.blobs.put(readingPath(ids, type.key), JSON.stringify(read.reading));
  // The longer nothing gets through, the longer the pause.
  const pauseMs = Math.max(read.afterMs, hasMoved ? 0 : spent / 4);
  return {
    ...touched,
    state: "reading",
    slices: progress.slices + (hasMoved ? 1 : 0),
    leaseUntil: clock.now() + Math.min(pauseMs, maxPauseMs),
  };
}

const failed = (
  progress: TypeProgress,
  {
    reason,
    detail,
    requestId,
  }: Pick<Extract<ReadOutcome, { kind: "failed" }>, "reason" | "detail"> & {
    readonly requestId?: string;
  },
): TypeProgress => ({
  ...progress,
  state: "failed",
  reason,
  detail: plainText(detail, 400),
  ...(requestId === undefined ? {} : { requestId }),
});

/** Makes items of what was read, and keeps them; those that were read in part stay as they were. */
async function settle(
  parts: ExportParts,
  { tenantId }: SyncIds,
  type: ConfigurationType,
  progress: TypeProgress,
  { items: raw, incomplete }: ReadSoFar,
  { before: { [type.key]: before }, tree, asked }: Known,
): Promise<TypeProgress> {
  const { revisions, names } = parts;
  const found = await names.find(tenantId, type, raw, tree, { asked });
  if (found.kind === "failed") return failed(progress, found);
  const old = await revisions.list(tenantId, type.key, before);
  const known = new Map(old.flatMap(({ id, key }) => (id === undefined ? [] : [[id, key]])));
  const kept = canonicalItems(type, raw, found.resolve, incomplete, known);
  const partial = kept.filter(({ entry }) => entry.flaw?.reason === "incompleteRead");
  // Only what is flawed needs the old bodies.
  const last = partial.length > 0 ? await revisions.content(tenantId, type.key, before) : undefined;
  const whole = kept.flatMap((each): KeptItem[] => {
    if (each.entry.flaw?.reason !== "incompleteRead") return [each];
    const item = last?.items.find(({ id }) => id === each.item.id);
    const entry = item && last?.entries.get(item.key);
    return item && entry && each.entry.flaw
      ? [{ item, entry: { ...entry, flaw: each.entry.flaw } }]
      : [each];
  });
  const manifest = await revisions.putType(tenantId, type.key, whole, before);
  const hashes = new Set(old.map(({ hash }) => hash));
  return {
    ...progress,
    state: "read",
    manifest,
    items: whole.length,
    changed: whole.filter(({ entry }) => !hashes.has(entry.hash)).length,
    incomplete: partial.length,
  };
}

/** Items as they are kept; `known`: keys by id, so that a new name is no new item. */
function canonicalItems(
  type: ConfigurationType,
  raw: readonly JsonObject[],
  resolve: Resolve,
  incomplete: Readonly<Record<string, string>>,
  known: ReadonlyMap<string, string>,
): Canonical[] {
  const items = raw.map((each) => {
    const made = canonical(type, each, resolve);
    const detail = incomplete[idOf(each)];
    if (detail === undefined) return made;
    return {
      ...made,
      entry: { ...made.entry, flaw: { reason: "incompleteRead" as const, detail } },
    };
  });
  return keyed(items, known);
}

const readingPath = ({ tenantId, syncId }: SyncIds, type: string): string =>
  `${configurationPrefix(tenantId)}reading/${syncId}/${type}`;

/** What becomes of a message about one type. */
export type ExportOutcome =
  | { readonly kind: "ack" }
  | { readonly kind: "again"; readonly afterMs: number };

/** Reads a slice of one long type. A duplicate finds it claimed or settled, and reads nothing. */
export async function exportType(
  parts: ExportParts,
  ids: SyncIds,
  key: string,
): Promise<ExportOutcome> {
  const { store, clock, claimMs, typeOf } = parts;
  const { tenantId, syncId } = ids;
  const sync = (await store.sync(tenantId, syncId))?.value;
  const stored = await store.type(tenantId, syncId, key);
  const type = typeOf(key);
  if (sync?.phase !== "export" || stored === undefined || type === undefined)
    return { kind: "ack" };
  const { value } = stored;
  if (value.state === "read" || value.state === "failed") {
    // Whoever settled it may have died before it said so.
    await parts.queues.send(queueNames.syncWork, ids);
    return { kind: "ack" };
  }
  const now = clock.now();
  if (value.leaseUntil > now) return { kind: "again", afterMs: value.leaseUntil - now };
  const claimed = await claim(parts, ids, stored, Math.max(claimMs, 2 * sliceMs));
  if (claimed === undefined) return { kind: "again", afterMs: 1_000 };
  const next = await slice(parts, ids, type, claimed.value, sync);
  const written = await store.replaceType(tenantId, syncId, { value: next, etag: claimed.etag });
  if (written === undefined) return { kind: "again", afterMs: 1_000 };
  if (next.state === "reading")
    return { kind: "again", afterMs: Math.max(1_000, next.leaseUntil - clock.now()) };
  await parts.blobs.remove(readingPath(ids, key));
  await parts.queues.send(queueNames.syncWork, ids);
  return { kind: "ack" };
}

async function claim(
  { store, clock }: ExportParts,
  { tenantId, syncId }: SyncIds,
  { value, etag }: Stored<TypeProgress>,
  forMs: number,
): Promise<Stored<TypeProgress> | undefined> {
  const now = clock.now();
  const next: TypeProgress = {
    ...value,
    state: "reading",
    tries: value.tries + 1,
    beganAt: value.beganAt ?? now,
    leaseUntil: now + forMs,
    touchedAt: now,
  };
  const won = await store.replaceType(tenantId, syncId, { value: next, etag });
  return won === undefined ? undefined : { value: next, etag: won };
}

async function slice(
  parts: ExportParts,
  ids: SyncIds,
  type: ConfigurationType,
  claimed: TypeProgress,
  sync: { readonly tenantId: string },
): Promise<TypeProgress> {
  if (claimed.tries > maxTries)
    return failed(claimed, {
      reason: "unavailable",
      detail: "its workers were lost again and again",
    });
  const { blobs, clock, store, revisions } = parts;
  const kept = await blobs.get(readingPath(ids, type.key));
  const from = kept === undefined ? nothingRead : (JSON.parse(kept.toString("utf8")) as ReadSoFar);
  const tenant = (await store.tenant(sync.tenantId, clock.now())).value;
  const before = await revisions.tree(sync.tenantId, tenant.snapshot);
  const rows = await store.types(sync.tenantId, ids.syncId);
  const known = { before, tree: { ...before, ...manifestsOf(rows) } };
  const next = await readPass(parts, ids, type, claimed, from, known, clock.now() + sliceMs);
  // Whoever comes back is not lost, however little the service gave; the type's time ends what never gets through.
  return { ...next, tries: 0 };
}
