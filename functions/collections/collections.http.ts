/**
 * Collections of a tenant: what the API says about them, and their operations.
 */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { CollectionBody, Rule } from "../../shared/devices/collections/collection.ts";
import type { CollectionStore } from "../../shared/devices/collections/collection-store.ts";
import { DeviceView } from "../../shared/devices/directory/device.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { created, noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { OwnId, TenantId } from "../../shared/kernel/values.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly collections: CollectionStore };

const described = {
  collectionId: z.string(),
  name: z.string(),
  description: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
};

/** A collection as the API shows it. */
const CollectionView = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("static"), ...described, deviceIds: z.array(z.string()) }),
    z.object({ kind: z.literal("rule"), ...described, rule: Rule }),
  ])
  .meta({ id: "Collection" });

/** A collection in a list: a static one by the number of its ids. */
const CollectionSummary = z
  .object({
    kind: z.enum(["static", "rule"]),
    ...described,
    deviceIdCount: z.int().optional().describe("Ids in a static list"),
  })
  .meta({ id: "CollectionSummary" });

/** Path of one collection. */
const CollectionPath = z.strictObject({
  tenantId: TenantId,
  collectionId: OwnId,
});

/** Body of a preview. */
const PreviewBody = z.strictObject({ rule: Rule });

const counted = {
  count: z.int().min(0).describe("Members in all"),
  countComplete: z
    .boolean()
    .describe("False when the directory is too large to count in one request: at least so many"),
};

/** What a rule would find. */
const PreviewView = z
  .object({ ...counted, sample: z.array(DeviceView).describe("The first 20 members") })
  .meta({ id: "CollectionPreview" });

/** A page of members. */
const MembersView = z
  .object({ value: z.array(DeviceView), nextLink: z.string().optional(), ...counted })
  .meta({ id: "CollectionMembers" });

export const listCollectionsFunction = onHttp(
  operation({
    name: "collections-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/collections",
    summary: "List collections, newest first",
    tag: "Collections",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of collections", body: pageOf(CollectionSummary) } },
  }),
  async ({ params: { tenantId }, query, url }, tools: Tools<Needs>) => {
    const { services } = tools;
    const list = `collections ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await services.collections.list(tenantId, query.top, position.value);
    const { limits } = signedInOf(tools).authorization;
    if (limits.kind === "all") return succeed(ok(pageBody(url, list, page)));
    const items = page.items.filter((each) => limits.collectionIds.includes(each.collectionId));
    const hidden = page.items.length - items.length;
    return succeed(ok(pageBody(url, list, { ...page, items, hidden })));
  },
  { keepsLimits: true },
);

// Adds a collection.

export const addCollectionFunction = onHttp(
  operation({
    name: "collections-add",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/collections",
    summary: "Add a collection: a list of devices, or a rule that finds them",
    tag: "Collections",
    idempotent: true,
    params: TenantPath,
    body: CollectionBody,
    answers: {
      201: { description: "Added", body: CollectionView, headers: ["Location", "ETag"] },
    },
  }),
  async ({ params: { tenantId }, body, seed }, tools: Tools<Needs>) => {
    const { services } = tools;
    const added = await services.collections.add(tenantId, seed, body);
    if (!added.ok) return added;
    const { collection, etag } = added.value;
    const { collectionId } = collection;
    signedInOf(tools).note({ object: `collection/${collectionId}`, after: collection });
    const location = `/api/v1/tenants/${tenantId}/collections/${collectionId}`;
    return succeed(created(location, collection, etag));
  },
);

// Shows a collection.

export const getCollectionFunction = onHttp(
  operation({
    name: "collections-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/collections/{collectionId}",
    summary: "Show a collection",
    tag: "Collections",
    params: CollectionPath,
    answers: { 200: { description: "The collection", body: CollectionView, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId, collectionId } }, { services }: Tools<Needs>) => {
    const found = await services.collections.read(tenantId, collectionId);
    return found.ok ? succeed(ok(found.value.collection, found.value.etag)) : found;
  },
);

// Replaces a collection whole.

export const replaceCollectionFunction = onHttp(
  operation({
    name: "collections-replace",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/collections/{collectionId}",
    summary: "Replace a collection",
    tag: "Collections",
    conditional: true,
    params: CollectionPath,
    body: CollectionBody,
    answers: {
      200: { description: "The collection as it is now", body: CollectionView, headers: ["ETag"] },
    },
  }),
  async ({ params, body, ifMatch }, tools: Tools<Needs>) => {
    const { services } = tools;
    const replaced = await services.collections.replace(params, body, ifMatch);
    if (!replaced.ok) return replaced;
    const { collection, etag, before } = replaced.value;
    const object = `collection/${params.collectionId}`;
    signedInOf(tools).note({ object, before, after: collection });
    return succeed(ok(collection, etag));
  },
);

// Removes a collection.

export const removeCollectionFunction = onHttp(
  operation({
    name: "collections-remove",
    method: "DELETE",
    path: "api/v1/tenants/{tenantId}/collections/{collectionId}",
    summary: "Remove a collection",
    tag: "Collections",
    conditional: true,
    params: CollectionPath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params, ifMatch }, tools: Tools<Needs>) => {
    const { services } = tools;
    const removed = await services.collections.remove(params, ifMatch);
    if (!removed.ok) return removed;
    const object = `collection/${params.collectionId}`;
    signedInOf(tools).note({ object, before: removed.value, after: null });
    return succeed(noContent());
  },
);

// Lists the members that a collection has now.

export const listMembersFunction = onHttp(
  operation({
    name: "collections-members",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/collections/{collectionId}/members",
    summary: "List the members that a collection has now, with their number",
    tag: "Collections",
    params: CollectionPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of members", body: MembersView } },
  }),
  async ({ params, query, url }, { services }: Tools<Needs>) => {
    const list = `members ${params.tenantId} ${params.collectionId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const members = await services.collections.members(params, query.top, position.value);
    if (!members.ok) return members;
    const { count, countComplete } = members.value;
    return succeed(ok({ ...pageBody(url, list, members.value), count, countComplete }));
  },
);

// Shows what a rule would find, without keeping it.

export const previewCollectionFunction = onHttp(
  operation({
    name: "collections-preview",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/collections/preview",
    summary: "Show how many devices a rule finds, and the first 20 of them",
    tag: "Collections",
    params: TenantPath,
    body: PreviewBody,
    answers: { 200: { description: "What it finds now", body: PreviewView } },
  }),
  async ({ params: { tenantId }, body }, tools: Tools<Needs>) => {
    const { services } = tools;
    // A POST for the rule's sake: it changes nothing.
    signedInOf(tools).note({ unchanged: true });
    return succeed(ok(await services.collections.preview(tenantId, body.rule)));
  },
);
