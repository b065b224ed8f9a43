/** Lists the members that a collection has now. */
import { z } from "zod";
import { CollectionPath, MembersView } from "../../shared/devices/collection-contract.ts";
import { listMembers } from "../../shared/devices/collection-members.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { knownTenant } from "../../shared/tenants/manage-tenants.ts";
import { onHttp } from "../define.ts";

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
  async ({ params, query, url }, { services }) => {
    const tenant = await knownTenant(services.tenants, params.tenantId);
    if (!tenant.ok) return tenant;
    const list = `members ${params.tenantId} ${params.collectionId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const members = await listMembers(services.collecting, params, query.top, position.value);
    if (!members.ok) return members;
    const { count, countComplete } = members.value;
    return succeed(ok({ ...pageBody(url, list, members.value), count, countComplete }));
  },
);
