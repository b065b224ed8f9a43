/** Shows a collection. */
import { CollectionPath, CollectionView } from "../../shared/devices/collection-contract.ts";
import { readCollection } from "../../shared/devices/collection-manage.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params: { tenantId, collectionId } }, { services }) => {
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const found = await readCollection(services.collecting, tenantId, collectionId);
    return found.ok ? succeed(ok(found.value.collection, found.value.etag)) : found;
  },
);
