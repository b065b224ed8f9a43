/** Lists collections of a tenant. */
import { z } from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { CollectionSummary } from "../../shared/devices/collection-contract.ts";
import { listCollections } from "../../shared/devices/collection-manage.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params: { tenantId }, query, url }, tools) => {
    const { services } = tools;
    const tenant = await knownTenant(services.tenants, tenantId);
    if (!tenant.ok) return tenant;
    const list = `collections ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const { collecting } = services;
    const page = await listCollections(collecting, tenantId, query.top, position.value);
    const { limits } = signedInOf(tools).authorization;
    if (limits.kind === "all") return succeed(ok(pageBody(url, list, page)));
    const items = page.items.filter((each) => limits.collectionIds.includes(each.collectionId));
    const hidden = page.items.length - items.length;
    return succeed(ok(pageBody(url, list, { ...page, items, hidden })));
  },
  { keepsLimits: true },
);
