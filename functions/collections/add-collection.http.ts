/** Adds a collection. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { CollectionBody, CollectionView } from "../../shared/devices/collection-contract.ts";
import { addCollection } from "../../shared/devices/collection-manage.ts";
import { operation } from "../../shared/http/operation.ts";
import { created } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params: { tenantId }, body, seed }, tools) => {
    const { services } = tools;
    const tenant = await getTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const added = await addCollection(services.collecting, tenantId, seed, body);
    if (!added.ok) return added;
    const { collection, etag } = added.value;
    const { collectionId } = collection;
    signedInOf(tools).note({ object: `collection/${collectionId}`, after: collection });
    const location = `/api/v1/tenants/${tenantId}/collections/${collectionId}`;
    return succeed(created(location, collection, etag));
  },
);
