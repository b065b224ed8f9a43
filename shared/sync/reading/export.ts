/**
 * Export: reads the types of a sync into manifests. What fits into one pass is read in it, several types side by side;
 * what takes longer becomes a message of its own, with a row that says how far it is. Names are found when a type has
 * been read, and where it names items of other types, when those have been too. A type has a budget of time and
 * tries, and one that fails stops no other: its last whole content stands.
 */
import { atMost } from "../../kernel/concurrency.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { queueNames } from "../../storage/names.ts";
import { type RestCheck, restMs } from "../../work/drain.ts";
import { personalScopes, typeOfFamily } from "../catalogue/catalogue.ts";
import type { ConfigurationType, ReasonCode } from "../catalogue/configuration-type.ts";
import { masked, type Shaped, shaped } from "../items/canonical.ts";
import type { JsonObject } from "../items/json.ts";
import { configurationPrefix, type Tree } from "../revisions/revisions.ts";
import { isOver, type Sync, type TypeProgress } from "../state/sync.ts";
import type { Stored } from "../state/sync-store.ts";
import type { SyncIds, SyncRows, SyncWork } from "../state/sync-work.ts";
import type { Asked } from "./find-names.ts";
import { type GraphReads, gathered } from "./gathered.ts";
import type { Asker, PacedCall, PacedGraph, UserAccess } from "./paced-graph.ts";
import {
  nothingRead,
  type ReadOutcome,
  type ReadSoFar,
  type Reads,
  readType,
} from "./read-type.ts";
import { rawDigest } from "./same-again.ts";
import { failed, type Made, type SettleParts, settle } from "./settle-type.ts";

/** What exporting takes. */
export type ExportParts = SyncRows &
  SettleParts & {
    readonly graph: PacedGraph;
    readonly blobs: Pick<Blobs, "get" | "put" | "remove">;
    readonly typeOf: (key: string) => ConfigurationType | undefined;
    /** Why nothing new leaves for the tenant now; undefined: it may. */
    readonly rests: RestCheck;
    /** Whoever is signed in for a tenant and has agreed to these permissions. */
    readonly user: (tenantId: string, scopes: readonly string[]) => Promise<UserAccess>;
    /** How long one pass reads before it leaves the rest to messages, in ms. */
    readonly passMs: number;
  };

/** How long one slice of a long type reads. */
const sliceMs = 60_000;
/** All that a type may take, from its first request: then it has failed, and the sync goes on. */
const budgetMs = 20 * 60_000;
const maxTries = 5;
/** A slice that comes so late has rested before. */
const lateMs = 5 * 60_000;
/** Longest pause before the next slice, however long the service wants to be left alone. */
const maxPauseMs = 60_000;
/** Time before a list that is empty all at once is read again, and how many items make it doubtful even then. */
const doubtMs = 10_000;
const doubtful = 2;
/** So many requests of a sync are under way together, whatever they are for. */
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

/** Where the reading stands after a pass. */
type Export = "read" | "reading";

/** Reads types of a sync, or goes on waiting for those that are read elsewhere. */
export async function exportAll(
  parts: ExportParts,
  work: SyncWork,
  keys: readonly string[],
): Promise<Export> {
  const { tenantId } = work.ids;
  const { clock, revisions, typeOf, passMs } = parts;
  const rows = await work.types();
  const types = keys.flatMap((key) => (rows.has(key) ? [] : (typeOf(key) ?? [])));
  const before = await revisions.tree(tenantId, work.tenant.snapshot);
  const tree: Record<string, string> = { ...before, ...manifestsOf(rows) };
  const passes = new Map<string, Promise<TypeProgress>>();
  const known: Known = {
    before,
    isSure: isAskedSingly(work.sync),
    asked: new Map(),
    async names(type) {
      const waited = namedBy(type).map(async (key) => (await passes.get(key)) ?? rows.get(key));
      return (await Promise.all(waited)).every(isSettled) ? tree : undefined;
    },
  };
  const until = clock.now() + passMs;
  const graph = gathered(few(parts.graph));
  // What others name comes first: whoever waits for it waits for what is under way already.
  for (const type of types.toSorted((a, b) => a.tier - b.tier)) {
    const pass = async (): Promise<TypeProgress> => {
      const began = { ...fresh(type.key, clock.now()), beganAt: clock.now() };
      const asker = await askerFor(parts, tenantId, type);
      if (asker === undefined) return failed(began, nobodyThere);
      const mayGoOn = () => clock.now() < until;
      const call = callFor(work.sync, asker);
      const isSeen = parts.seen.get(tenantId, type.key, before[type.key]) !== undefined;
      const read = await readOn(graph, call, type, nothingRead, { mayGoOn, isSeen });
      const progress = await kept(parts, work.ids, type, began, read, known);
      if (progress.manifest !== undefined) tree[type.key] = progress.manifest;
      return progress;
    };
    passes.set(type.key, pass());
  }
  await Promise.allSettled(passes.values());
  const progress = await Promise.all(passes.values());
  if (progress.length > 0) await work.addTypes(progress);
  const open = [
    ...progress,
    ...[...rows.values()].filter(({ type }) => keys.includes(type)),
  ].filter((each) => !isOver(each));
  // A message too many finds its type claimed or settled.
  for (const { type } of open)
    await parts.queues.send(queueNames.syncExport, { ...work.ids, type });
  return open.length === 0 ? "read" : "reading";
}

/** Whoever reads a type: the app, or a person where Graph shows it to people only and one is signed in. */
async function askerFor(
  { user }: Pick<ExportParts, "user">,
  tenantId: string,
  type: ConfigurationType,
): Promise<Asker | undefined> {
  if (type.readBy !== "user") return tenantId;
  const access = await user(tenantId, personalScopes([type], "read"));
  return access.kind === "account" ? access.account : undefined;
}

type ReadCall = Pick<PacedCall, "tenantId" | "asker" | "isUnattended">;

const callFor = ({ tenantId, trigger }: Pick<Sync, "tenantId" | "trigger">, asker: Asker) =>
  ({ tenantId, asker, isUnattended: trigger === "schedule" }) satisfies ReadCall;

const nobodyThere = {
  reason: "delegatedRequired",
  detail: "Graph shows it to people only, and nobody is signed in for the tenant.",
} as const;

/** Whether a type's names are known; one that is not read by the sync at all keeps those that it had. */
const isSettled = (progress: TypeProgress | undefined): boolean =>
  progress === undefined || isOver(progress);

/** Types whose items a type's items name; groups are the directory's to name. */
const namedBy = (type: ConfigurationType): string[] => [
  ...new Set(
    type.references.flatMap(({ family }) => {
      const key = typeOfFamily(family)?.key;
      return key === undefined || key === "group" || key === type.key ? [] : [key];
    }),
  ),
];

/**
 * What is known of the tenant: as it was last read, names that were asked for, that a person knows it to be empty, and `names`: the tenant with what this sync
 * has read of the types that one names, or undefined as long as one of them is still being read.
 */
type Known = {
  readonly before: Tree;
  readonly isSure: boolean;
  readonly asked?: Asked;
  readonly names: (type: ConfigurationType) => Promise<Tree | undefined>;
};

const manifestsOf = (rows: ReadonlyMap<string, TypeProgress>): Tree =>
  Object.fromEntries(
    [...rows.values()].flatMap(({ type, manifest }) =>
      manifest === undefined ? [] : [[type, manifest]],
    ),
  );

/** Graph, a few requests at a time. */
function few(graph: GraphReads): GraphReads {
  const atOnce = atMost(concurrency);
  return {
    read: (asking, target) => atOnce(() => graph.read(asking, target)),
    readTogether: (asking, paths) => atOnce(() => graph.readTogether(asking, paths)),
    query: (asking, request) => atOnce(() => graph.query(asking, request)),
    once: (asking, requests) => atOnce(() => graph.once(asking, requests)),
  };
}

/** How far a type was read, and what was made of it. */
type Read = Made & { readonly outcome: ReadOutcome };

/**
 * Reads on until it is through, or the time is over. Items are shaped while others are on their way, unless the type
 * `isSeen` and is likely to be the same again.
 */
async function readOn(
  graph: Reads,
  call: ReadCall,
  type: ConfigurationType,
  from: ReadSoFar,
  { mayGoOn, isSeen }: { readonly mayGoOn: () => boolean; readonly isSeen: boolean },
): Promise<Read> {
  const digests = new Map<JsonObject, string>();
  const shapes = new Map<JsonObject, Shaped>();
  const asking = { ...call, graph: type.graph, workload: type.workloads.read };
  const outcome = await readType(graph, asking, type, from, {
    mayGoOn,
    take: (items) => {
      // One for all that came together: each of them stands for all then, and none can be missing from it.
      const together = rawDigest(items);
      for (const raw of items) {
        digests.set(raw, together);
        if (!isSeen) shapes.set(raw, shaped(type, raw));
      }
    },
  });
  return { outcome, digests, shapes };
}

/** Keeps what was read, and says how far the type is now. What was read of one that is not through lies in a blob, without its secrets. */
async function kept(
  parts: ExportParts,
  ids: SyncIds,
  type: ConfigurationType,
  progress: TypeProgress,
  { outcome, ...made }: Read,
  known: Known,
): Promise<TypeProgress> {
  const { clock } = parts;
  const { reading } = outcome;
  const tree = outcome.kind === "read" ? await known.names(type) : undefined;
  const touched = {
    ...progress,
    requests: reading.requests,
    touchedAt: clock.now(),
    leaseUntil: 0,
  };
  if (outcome.kind === "failed") return failed(touched, outcome);
  const doubt = outcome.kind === "read" ? await doubtOf(parts, ids, type, reading, known) : "none";
  if (doubt === "again") {
    const anew: ReadSoFar = { ...nothingRead, requests: reading.requests, doubted: true };
    await parts.blobs.put(readingPath(ids, type.key), JSON.stringify(anew));
    return { ...touched, state: "reading", leaseUntil: clock.now() + doubtMs };
  }
  if (doubt !== "none") return failed(touched, doubt);
  if (tree !== undefined)
    return settle(parts, ids, type, touched, { reading, ...made }, known, tree);
  const spent = clock.now() - (progress.beganAt ?? clock.now());
  if (spent > budgetMs && outcome.kind === "later")
    return failed(touched, {
      reason: "throttled",
      detail: `its ${budgetMs / 60_000} minutes were over: ${outcome.why}`,
    });
  const hasMoved = reading.requests > progress.requests;
  if (hasMoved) {
    const items = reading.items.map((raw) => masked(type, raw));
    await parts.blobs.put(readingPath(ids, type.key), JSON.stringify({ ...reading, items }));
  }
  // The longer nothing gets through, the longer the pause.
  const afterMs = outcome.kind === "later" ? outcome.afterMs : 0;
  const pauseMs = Math.max(afterMs, hasMoved ? 0 : spent / 4);
  return {
    ...touched,
    state: "reading",
    slices: progress.slices + (hasMoved ? 1 : 0),
    leaseUntil: clock.now() + Math.min(pauseMs, maxPauseMs),
  };
}

/** Somebody starts a sync for one type alone: then an empty list is believed. */
const isAskedSingly = ({ trigger, types }: Pick<Sync, "trigger" | "types">): boolean =>
  trigger !== "schedule" && types.length === 1;

/**
 * A list that is empty where there were items is rather a fault of the service than a tenant whose configuration is gone. It
 * is read a second time; when that says the same of many, they stay as they were until a person says that it is true.
 */
async function doubtOf(
  { revisions }: Pick<ExportParts, "revisions">,
  { tenantId }: SyncIds,
  { key, kind }: ConfigurationType,
  { items, doubted }: ReadSoFar,
  { before: { [key]: manifest }, isSure }: Known,
): Promise<"none" | "again" | { readonly reason: ReasonCode; readonly detail: string }> {
  if (kind !== "list" || items.length > 0 || isSure || manifest === undefined) return "none";
  const { length } = await revisions.list(tenantId, key, manifest);
  if (length === 0) return "none";
  if (doubted !== true) return "again";
  const detail = `Graph lists none, asked twice, where there were ${length}: they were kept. If it is true, start a sync of this type alone.`;
  return length < doubtful ? "none" : { reason: "unavailable", detail };
}

const readingPath = ({ tenantId, syncId }: SyncIds, type: string): string =>
  `${configurationPrefix(tenantId)}reading/${syncId}/${type}`;

/** What becomes of a message about one type. */
type ExportOutcome =
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
  if (isOver(value)) {
    // Whoever settled it may have died before it said so.
    await parts.queues.send(queueNames.syncWork, ids);
    return { kind: "ack" };
  }
  const now = clock.now();
  if (value.leaseUntil > now) return { kind: "again", afterMs: value.leaseUntil - now };
  // Whoever resumes it asks for each type that is not through.
  if (sync.cancelled === undefined && sync.paused) return { kind: "ack" };
  if (sync.cancelled === undefined && (await parts.rests(tenantId)))
    return { kind: "again", afterMs: restMs };
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
  const goesOnAt = value.beganAt === undefined ? now : Math.max(value.touchedAt, value.leaseUntil);
  const next: TypeProgress = {
    ...value,
    state: "reading",
    tries: value.tries + 1,
    // While it rested it has not spent of its time.
    beganAt: (value.beganAt ?? now) + Math.max(0, now - goesOnAt - lateMs),
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
  sync: Sync,
): Promise<TypeProgress> {
  if (claimed.tries > maxTries)
    return failed(claimed, {
      reason: "unavailable",
      detail: "its workers were lost again and again",
    });
  const { blobs, clock, store, revisions } = parts;
  const blob = await blobs.get(readingPath(ids, type.key));
  const from = blob === undefined ? nothingRead : (JSON.parse(blob.toString("utf8")) as ReadSoFar);
  const tenant = (await store.tenant(sync.tenantId, clock.now())).value;
  const before = await revisions.tree(sync.tenantId, tenant.snapshot);
  const known: Known = {
    before,
    isSure: isAskedSingly(sync),
    async names(waiting) {
      const rows = await store.types(sync);
      return namedBy(waiting).every((each) => isSettled(rows.get(each)))
        ? { ...before, ...manifestsOf(rows) }
        : undefined;
    },
  };
  const until = clock.now() + sliceMs;
  const asker = await askerFor(parts, sync.tenantId, type);
  if (asker === undefined) return failed(claimed, nobodyThere);
  const mayGoOn = () => clock.now() < until;
  const how = { mayGoOn, isSeen: false };
  const read = await readOn(parts.graph, callFor(sync, asker), type, from, how);
  const next = await kept(parts, ids, type, { ...claimed, requests: from.requests }, read, known);
  // Whoever comes back is not lost, however little the service gave; the type's time ends what never gets through.
  return { ...next, tries: 0 };
}
