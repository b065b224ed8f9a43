/** Collections: add, read, replace, remove. */
import type { Page } from "../../http/paging.ts";
import { type Clock, toIso } from "../../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import type { DirectoryStore } from "../directory/directory-store.ts";
import type { Collection } from "./collection.ts";
import type { CollectionStore, StoredCollection } from "./collection-store.ts";
import type { CollectionBody } from "./contract.ts";

/** What collections need. */
export type CollectionDeps = {
  readonly store: CollectionStore;
  readonly directory: Pick<DirectoryStore, "missing" | "getMany" | "walk">;
  readonly clock: Clock;
};

/** Most unknown devices that one answer names. */
const maxNamedFaults = 100;
/** Characters that a rule may have as it is stored. */
const maxRuleChars = 30_000;

/** Adds a collection; `collectionId` comes from the request, so that a repeated one adds it once. */
export async function addCollection(
  deps: CollectionDeps,
  tenantId: string,
  collectionId: string,
  body: CollectionBody,
): Promise<Result<StoredCollection>> {
  const checked = await check(deps, tenantId, body);
  if (!checked.ok) return checked;
  const now = toIso(deps.clock.now());
  const times = { createdAt: now, updatedAt: now };
  await deps.store.insert(tenantId, { ...withoutDoubles(body), collectionId, ...times });
  return readCollection(deps, tenantId, collectionId);
}

/** Reads a collection. */
export async function readCollection(
  { store }: Pick<CollectionDeps, "store">,
  tenantId: string,
  collectionId: string,
): Promise<Result<StoredCollection>> {
  const stored = await store.get(tenantId, collectionId);
  return stored === undefined ? unknownCollection(tenantId, collectionId) : succeed(stored);
}

/** Replaces a collection whole; with `ifMatch` only the version that the caller read. Answers both. */
export async function replaceCollection(
  deps: CollectionDeps,
  { tenantId, collectionId }: CollectionIds,
  body: CollectionBody,
  ifMatch: string | undefined,
): Promise<Result<StoredCollection & { readonly before: Collection }>> {
  const stored = await deps.store.get(tenantId, collectionId);
  if (stored === undefined) return unknownCollection(tenantId, collectionId);
  if (ifMatch !== undefined && ifMatch !== stored.etag) return changedMeanwhile(collectionId);
  const checked = await check(deps, tenantId, body);
  if (!checked.ok) return checked;
  const { createdAt } = stored.collection;
  const updatedAt = toIso(deps.clock.now());
  const collection: Collection = {
    ...withoutDoubles(body),
    collectionId,
    createdAt,
    updatedAt,
  };
  const etag = await deps.store.replace(tenantId, collection, stored.etag);
  if (etag === undefined) return changedMeanwhile(collectionId);
  return succeed({ collection, etag, before: stored.collection });
}

/**
 * Removes a collection, and answers what it was; notifications that were sent to it keep their own list of
 * devices.
 */
export async function removeCollection(
  { store }: Pick<CollectionDeps, "store">,
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
export async function listCollections(
  { store }: Pick<CollectionDeps, "store">,
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
export type CollectionIds = { readonly tenantId: string; readonly collectionId: string };

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
  { directory }: CollectionDeps,
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
