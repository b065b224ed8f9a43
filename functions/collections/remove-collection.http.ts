/** Removes a collection. */

import { signedInOf } from "../../shared/access/signed-in.ts";
import { CollectionPath } from "../../shared/devices/collection-contract.ts";
import { removeCollection } from "../../shared/devices/collection-manage.ts";
import { operation } from "../../shared/http/operation.ts";
import { noContent } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params, ifMatch }, tools) => {
    const { services } = tools;
    const tenant = await getTenant(services.tenants, params.tenantId);
    if (!tenant.ok) return tenant;
    const removed = await removeCollection(services.collecting, params, ifMatch);
    if (!removed.ok) return removed;
    const object = `collection/${params.collectionId}`;
    signedInOf(tools).note({ object, before: removed.value, after: null });
    return succeed(noContent());
  },
);
