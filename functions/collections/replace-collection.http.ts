/** Replaces a collection whole. */

import { signedInOf } from "../../shared/access/signed-in.ts";
import {
  CollectionBody,
  CollectionPath,
  CollectionView,
} from "../../shared/devices/collection-contract.ts";
import { replaceCollection } from "../../shared/devices/collection-manage.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { getTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params, body, ifMatch }, tools) => {
    const { services } = tools;
    const tenant = await getTenant(services.tenants, params.tenantId);
    if (!tenant.ok) return tenant;
    const replaced = await replaceCollection(services.collecting, params, body, ifMatch);
    if (!replaced.ok) return replaced;
    const { collection, etag, before } = replaced.value;
    const object = `collection/${params.collectionId}`;
    signedInOf(tools).note({ object, before, after: collection });
    return succeed(ok(collection, etag));
  },
);
