/**
 * Collections of a tenant: kept in rows, added, replaced and removed, and who is in one, found when asked.
 */

import type { Limits } from "../../access/roles/decide.ts";
import type { Page } from "../../http/paging.ts";
import { type Clock, toIso } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import { tableNames } from "../../storage/names.ts";
import { type Range, type Row, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { type Device, packId, unpackId } from "../directory/device.ts";
import type { DirectoryStore } from "../directory/directory.ts";
import { type CollectionBody, memberTest, Rule } from "./collection.ts";
import { listDevices, type Reach } from "./list-devices.ts";

/** What a collection is, without what it contains. */
type Described = {
  readonly collectionId: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** Its contents. */
type Membership =
  | { readonly kind: "static"; readonly deviceIds: readonly string[] }
  | { readonly kind: "rule"; readonly rule: Rule };

/** A collection of either kind. */
type Collection = Described & Membership;

/** A collection with the etag that a change must present. */
type StoredCollection = { readonly collection: Collection; readonly etag: string };

const idChars = 32;
/** Ids in one column: 32,000 characters, below the limit of 32 Ki. */
const idsPerColumn = 1000;

/** Rows in and out; partition = tenant. A static list lies in the row itself: 10,000 ids are 320,000 characters. */
class CollectionRows {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One collection, or undefined. */
  async get(tenantId: string, collectionId: string): Promise<StoredCollection | undefined> {
    const row = await this.#tables.get(tableNames.collections, tenantId, collectionId);
    return row === undefined ? undefined : { collection: fromRow(row), etag: row.etag };
  }

  /** Adds a collection unless its id is taken. */
  insert(tenantId: string, collection: Collection): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.collections, toRow(tenantId, collection));
  }

  /** Replaces the collection that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(tenantId: string, collection: Collection, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.collections, toRow(tenantId, collection), etag);
  }

  /** Removes the collection that had `etag`. */
  remove(tenantId: string, collectionId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.collections, tenantId, collectionId, etag);
  }

  /** A page of collections, newest first. */
  async list(tenantId: string, top: number, token?: string) {
    const range: Range = { partition: tenantId };
    const page = await this.#tables.page(tableNames.collections, range, top, token);
    const collections = page.rows.map(fromRow);
    return page.next === undefined ? { collections } : { collections, next: page.next };
  }
}

function toRow(tenantId: string, collection: Collection): Row {
  const { collectionId, name, description, createdAt, updatedAt } = collection;
  return {
    partitionKey: tenantId,
    rowKey: collectionId,
    name,
    ...(description === undefined ? {} : { description }),
    createdAt,
    updatedAt,
    kind: collection.kind,
    ...(collection.kind === "rule"
      ? { rule: JSON.stringify(collection.rule) }
      : idColumns(collection.deviceIds)),
  };
}

function idColumns(deviceIds: readonly string[]): Record<string, string> {
  const columns: Record<string, string> = {};
  for (let at = 0; at < deviceIds.length; at += idsPerColumn) {
    const part = deviceIds.slice(at, at + idsPerColumn);
    columns[`i${at / idsPerColumn}`] = part.map(packId).join("");
  }
  return columns;
}

function fromRow(row: StoredRow): Collection {
  const description = textOf(row, "description");
  return {
    collectionId: row.rowKey,
    name: textOf(row, "name"),
    ...(description === "" ? {} : { description }),
    createdAt: textOf(row, "createdAt"),
    updatedAt: textOf(row, "updatedAt"),
    ...membershipOf(row),
  };
}

function membershipOf(row: StoredRow): Membership {
  if (textOf(row, "kind") === "rule")
    return { kind: "rule", rule: Rule.parse(JSON.parse(textOf(row, "rule"))) };
  const deviceIds: string[] = [];
  for (let column = 0; textOf(row, `i${column}`) !== ""; column += 1) {
    const packed = textOf(row, `i${column}`);
    for (let at = 0; at < packed.length; at += idChars)
      deviceIds.push(unpackId(packed.slice(at, at + idChars)));
  }
  return { kind: "static", deviceIds };
}

type Parts = {
  readonly store: CollectionRows;
  readonly directory: Pick<DirectoryStore, "missing" | "getMany" | "walk">;
  readonly clock: Clock;
};

/** Most unknown devices that one answer names. */
const maxNamedFaults = 100;
/** Characters that a rule may have as it is stored. */
const maxRuleChars = 30_000;

/** Adds a collection; `collectionId` comes from the request, so that a repeated one adds it once. */
async function addCollection(
  parts: Parts,
  tenantId: string,
  collectionId: string,
  body: CollectionBody,
): Promise<Result<StoredCollection>> {
  const checked = await check(parts, tenantId, body);
  if (!checked.ok) return checked;
  const now = toIso(parts.clock.now());
  const times = { createdAt: now, updatedAt: now };
  await parts.store.insert(tenantId, { ...withoutDoubles(body), collectionId, ...times });
  return readCollection(parts, tenantId, collectionId);
}

/** Reads a collection. */
async function readCollection(
  { store }: Pick<Parts, "store">,
  tenantId: string,
  collectionId: string,
): Promise<Result<StoredCollection>> {
  const stored = await store.get(tenantId, collectionId);
  return stored === undefined ? unknownCollection(tenantId, collectionId) : succeed(stored);
}

/** Replaces a collection whole; with `ifMatch` only the version that the caller read. Answers both. */
async function replaceCollection(
  parts: Parts,
  { tenantId, collectionId }: CollectionIds,
  body: CollectionBody,
  ifMatch: string | undefined,
): Promise<Result<StoredCollection & { readonly before: Collection }>> {
  const stored = await parts.store.get(tenantId, collectionId);
  if (stored === undefined) return unknownCollection(tenantId, collectionId);
  if (ifMatch !== undefined && ifMatch !== stored.etag) return changedMeanwhile(collectionId);
  const checked = await check(parts, tenantId, body);
  if (!checked.ok) return checked;
  const { createdAt } = stored.collection;
  const updatedAt = toIso(parts.clock.now());
  const collection: Collection = {
    ...withoutDoubles(body),
    collectionId,
    createdAt,
    updatedAt,
  };
  const etag = await parts.store.replace(tenantId, collection, stored.etag);
  if (etag === undefined) return changedMeanwhile(collectionId);
  return succeed({ collection, etag, before: stored.collection });
}

/**
 * Removes a collection, and answers what it was; notifications that were sent to it keep their own list of
 * devices.
 */
async function removeCollection(
  { store }: Pick<Parts, "store">,
  { tenantId, collectionId }: CollectionIds,
  ifMatch: string | undefined,
): Promise<Result<Collection>> {
  const stored = await store.get(tenantId, collectionId);
  if (stored === undefined) return unknownCollection(tenantId, collectionId);
  if (ifMatch !== undefined && ifMatch !== stored.etag) return changedMeanwhile(collectionId);
  const removed = await store.remove(tenantId, collectionId, stored.etag);
  return removed === "lost" ? changedMeanwhile(collectionId) : succeed(stored.collection);
}

/** A page of collections, newest first; static lists by their length. */
async function listCollections(
  { store }: Pick<Parts, "store">,
  tenantId: string,
  top: number,
  token: string | undefined,
): Promise<Page<Omit<Collection, "deviceIds" | "rule"> & { deviceIdCount?: number }>> {
  const { collections, ...page } = await store.list(tenantId, top, token);
  const items = collections.map((collection) => {
    if (collection.kind === "rule") {
      const { rule: _, ...described } = collection;
      return described;
    }
    const { deviceIds, ...described } = collection;
    return { ...described, deviceIdCount: deviceIds.length };
  });
  return { items, ...page };
}

/** Which collection of which tenant. */
type CollectionIds = { readonly tenantId: string; readonly collectionId: string };

/** Says that a collection is not there. */
const unknownCollection = (tenantId: string, collectionId: string) =>
  fail("unknown-collection", `There is no collection ${collectionId} in tenant ${tenantId}.`);

const changedMeanwhile = (collectionId: string) =>
  fail(
    "precondition-failed",
    `Collection ${collectionId} changed since you read it. Read it again, then decide again.`,
  );

const withoutDoubles = (body: CollectionBody): CollectionBody =>
  body.kind === "rule" ? body : { ...body, deviceIds: [...new Set(body.deviceIds)] };

async function check(
  { directory }: Parts,
  tenantId: string,
  body: CollectionBody,
): Promise<Result<undefined>> {
  if (body.kind === "rule") {
    if (JSON.stringify(body.rule).length <= maxRuleChars) return succeed(undefined);
    const detail = `longer than ${maxRuleChars} characters`;
    return fail("invalid-request", `The rule is ${detail}. Split it into two collections.`, {
      faults: [{ pointer: "/rule", detail }],
    });
  }
  const missing = new Set(await directory.missing(tenantId, body.deviceIds));
  if (missing.size === 0) return succeed(undefined);
  const faults: Fault[] = [];
  for (const [index, id] of body.deviceIds.entries())
    if (missing.has(id) && faults.length < maxNamedFaults)
      faults.push({ pointer: `/deviceIds/${index}`, detail: `no device ${id} in the directory` });
  return fail(
    "invalid-request",
    `Nothing was done: ${missing.size} device(s) are not in the directory of the tenant; errors names the first ${faults.length}. A refresh may bring them.`,
    { faults },
  );
}

// Who is in a collection: members by page, and how many there are in all.

/** How many members there are; not complete: at least so many. */
type Count = { readonly count: number; readonly countComplete: boolean };

/** A page of members; `next` goes on after it. */
type Members = Count & { readonly items: readonly Device[]; readonly next?: string };

/** Most devices that are looked at to count members: what a request has time for. */
const maxCounted = 200_000;
/** And for how long: everybody else's requests wait behind each step. */
const maxCountMs = 5_000;
const countStep = 10_000;
const sampleSize = 20;

/** What a rule would find: the number of members, and the first of them. */
async function previewRule(
  parts: Omit<Parts, "store">,
  tenantId: string,
  rule: Rule,
): Promise<Count & { readonly sample: readonly Device[] }> {
  const sample: Device[] = [];
  const count = await countMembers(parts, tenantId, rule, (device) => {
    if (sample.length < sampleSize) sample.push(device);
  });
  return { ...count, sample };
}

/** A page of a collection's members, after the position that the page before gave. */
async function listMembers(
  parts: Parts,
  ids: CollectionIds,
  top: number,
  position: string | undefined,
): Promise<Result<Members>> {
  const stored = await readCollection(parts, ids.tenantId, ids.collectionId);
  if (!stored.ok) return stored;
  const { collection } = stored.value;
  const from = positionIn(position);
  const count = from.count ?? (await countOf(parts, ids.tenantId, collection));
  const page =
    collection.kind === "rule"
      ? await rulePage(parts, ids.tenantId, collection.rule, top, from.after)
      : await staticPage(parts, ids.tenantId, collection.deviceIds, top, from.after);
  // The count travels with the position: counting again for every page would read everything again.
  const next = page.next === undefined ? {} : { next: positionText(page.next, count) };
  return succeed({ items: page.items, ...next, ...count });
}

const rulePage = (
  { directory, clock }: Parts,
  tenantId: string,
  rule: Rule,
  top: number,
  after: string | undefined,
) => {
  return listDevices(directory, tenantId, { after, top, accepts: memberTest(rule, clock.now()) });
};

async function staticPage(
  { directory }: Parts,
  tenantId: string,
  deviceIds: readonly string[],
  top: number,
  after: string | undefined,
): Promise<{ items: Device[]; next?: string }> {
  const rest = deviceIds.toSorted().filter((id) => after === undefined || id > after);
  const wanted = rest.slice(0, top);
  const found = await directory.getMany(tenantId, wanted);
  const items = wanted.flatMap((id) => found.get(id) ?? []);
  const last = wanted.at(-1);
  return rest.length > top && last !== undefined ? { items, next: last } : { items };
}

async function countOf(parts: Parts, tenantId: string, collection: Collection): Promise<Count> {
  if (collection.kind === "rule") return countMembers(parts, tenantId, collection.rule);
  const { deviceIds } = collection;
  const missing = await parts.directory.missing(tenantId, deviceIds);
  return { count: deviceIds.length - missing.length, countComplete: true };
}

async function countMembers(
  { directory, clock }: Omit<Parts, "store">,
  tenantId: string,
  rule: Rule,
  visit: (device: Device) => void = () => {},
): Promise<Count> {
  const begun = clock.now();
  const isMember = memberTest(rule, begun);
  let [count, seen] = [0, 0];
  let cursor: string | undefined;
  do {
    const step = await directory.walk(tenantId, cursor, countStep);
    for (const device of step.devices) {
      if (!isMember(device)) continue;
      count += 1;
      visit(device);
    }
    seen += step.devices.length;
    cursor = step.next;
  } while (cursor !== undefined && seen < maxCounted && clock.now() - begun < maxCountMs);
  return { count, countComplete: cursor === undefined };
}

const positionText = (after: string, { count, countComplete }: Count): string =>
  `${after}|${count}|${countComplete ? 1 : 0}`;

function positionIn(text: string | undefined): { after?: string; count?: Count } {
  if (text === undefined) return {};
  const [after, count, complete] = text.split("|");
  if (after === undefined) return {};
  return { after, count: { count: Number(count), countComplete: complete === "1" } };
}

/** Collections of a caller that are read at once. */
const concurrency = 8;

/** The reach of a caller with these limits; undefined: every device. A collection that is gone holds none. */
async function reachOf(
  { store, clock }: Pick<Parts, "store" | "clock">,
  tenantId: string,
  limits: Limits,
): Promise<Reach | undefined> {
  if (limits.kind === "all") return undefined;
  const { collectionIds } = limits;
  const now = clock.now();
  const tests = await inParallel(collectionIds, concurrency, async (collectionId) => {
    const collection = (await store.get(tenantId, collectionId))?.collection;
    if (collection?.kind === "rule") return memberTest(collection.rule, now);
    const ids = new Set(collection?.deviceIds);
    return ({ deviceId }: Device) => ids.has(deviceId);
  });
  return { collectionIds, holds: (device) => tests.some((test) => test(device)) };
}

/** Says of devices which of some collections hold them, as these are now. */
export async function holdersAmong(
  { reachOf: reach }: Pick<CollectionStore, "reachOf">,
  tenantId: string,
  collectionIds: readonly string[],
): Promise<(device: Device | undefined) => readonly string[]> {
  const groups = await Promise.all(
    collectionIds.map(async (id) => {
      const limits = { kind: "collections", collectionIds: [id] } as const;
      return { id, holders: await reach(tenantId, limits) };
    }),
  );
  return (device) =>
    groups
      .filter(({ holders }) => device !== undefined && holders?.holds(device))
      .map(({ id }) => id);
}

/** The collections of every tenant. */
export type CollectionStore = ReturnType<typeof collectionsIn>;

/** Collections in these tables, of devices in this directory. */
export function collectionsIn(tables: Tables, directory: Parts["directory"], clock: Clock) {
  const store = new CollectionRows(tables);
  const parts = { store, directory, clock };
  return {
    /** One collection, or undefined. */
    get: (tenantId: string, collectionId: string) => store.get(tenantId, collectionId),
    read: (tenantId: string, collectionId: string) => readCollection(parts, tenantId, collectionId),
    list: (tenantId: string, top: number, token?: string) =>
      listCollections(parts, tenantId, top, token),
    /** Adds one; `collectionId` comes from the request, so that a repeated one adds it once. */
    add: (tenantId: string, collectionId: string, body: CollectionBody) =>
      addCollection(parts, tenantId, collectionId, body),
    /** Replaces one whole; with `ifMatch` only the version that the caller read. */
    replace: (ids: CollectionIds, body: CollectionBody, ifMatch?: string) =>
      replaceCollection(parts, ids, body, ifMatch),
    remove: (ids: CollectionIds, ifMatch?: string) => removeCollection(parts, ids, ifMatch),
    /** A page of members, after the position that the page before gave. */
    members: (ids: CollectionIds, top: number, position?: string) =>
      listMembers(parts, ids, top, position),
    /** What a rule would find, without keeping it. */
    preview: (tenantId: string, rule: Rule) => previewRule(parts, tenantId, rule),
    /** The reach of a caller with these limits; undefined: every device. */
    reachOf: (tenantId: string, limits: Limits) => reachOf(parts, tenantId, limits),
  };
}
