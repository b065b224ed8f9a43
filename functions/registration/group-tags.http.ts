/** Group tags of a tenant's and of the partner's own: lists of devices are judged by them, beside Microsoft Managed Desktop's. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { GroupTags, PartnerTags } from "../../shared/registration/contract.ts";
import { presetProfiles, presetTags } from "../../shared/registration/list/group-tags.ts";
import type { OwnTags } from "../../shared/registration/own-tags.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly ownTags: OwnTags };

const GroupTagsView = GroupTags.extend({
  preset: z.array(z.string()).describe("Microsoft Managed Desktop's"),
  profiles: z
    .array(
      z.object({
        names: z.object({ en: z.string(), fr: z.string() }),
        standard: z.string().describe("Autopilot in standard mode"),
        shared: z.string().optional().describe("Shared devices; absent where not supported"),
      }),
    )
    .describe("The preset as the table of Microsoft's page: a device profile and its tags"),
}).meta({ id: "GroupTagsView" });

const preset = { preset: presetTags, profiles: presetProfiles };

export const getGroupTagsFunction = onHttp(
  operation({
    name: "group-tags-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/group-tags",
    summary: "Show the group tags that lists of devices are judged by",
    tag: "Registrations",
    params: TenantPath,
    answers: { 200: { description: "The tags", body: GroupTagsView, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId } }, { services: { ownTags } }: Tools<Needs>) => {
    const { value, etag } = await ownTags.ofTenant(tenantId);
    return succeed(ok({ ...value, ...preset }, etag));
  },
);

export const replaceGroupTagsFunction = onHttp(
  operation({
    name: "group-tags-replace",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/group-tags",
    summary: "Replace the group tags of the tenant's own",
    tag: "Registrations",
    conditional: true,
    params: TenantPath,
    body: GroupTags,
    answers: { 200: { description: "The tags", body: GroupTagsView, headers: ["ETag"] } },
  }),
  async ({ params: { tenantId }, body: { tags }, ifMatch }, tools: Tools<Needs>) => {
    const { ownTags } = tools.services;
    const replaced = await ownTags.replace(tenantId, tags, ifMatch);
    if (!replaced.ok) return replaced;
    const { before } = replaced.value;
    signedInOf(tools).note({ object: "group-tags", before, after: { tags } });
    const { etag } = await ownTags.ofTenant(tenantId);
    return succeed(ok({ tags, ...preset }, etag));
  },
);

export const getPartnerGroupTagsFunction = onHttp(
  operation({
    name: "partner-group-tags-get",
    method: "GET",
    path: "api/v1/partner/group-tags",
    summary: "Show the partner's own lists of group tags, which hold for each customer",
    tag: "Registrations",
    answers: { 200: { description: "The lists", body: PartnerTags, headers: ["ETag"] } },
  }),
  async (_, { services: { ownTags } }: Tools<Needs>) => {
    const { value, etag } = await ownTags.ofPartner();
    return succeed(ok(value, etag));
  },
);

export const replacePartnerGroupTagsFunction = onHttp(
  operation({
    name: "partner-group-tags-replace",
    method: "PUT",
    path: "api/v1/partner/group-tags",
    summary: "Replace the partner's own lists of group tags",
    tag: "Registrations",
    conditional: true,
    body: PartnerTags,
    answers: { 200: { description: "The lists", body: PartnerTags, headers: ["ETag"] } },
  }),
  async ({ body, ifMatch }, tools: Tools<Needs>) => {
    const { ownTags } = tools.services;
    const replaced = await ownTags.replaceOfPartner(body, ifMatch);
    if (!replaced.ok) return replaced;
    const { before } = replaced.value;
    signedInOf(tools).note({ object: "partner-group-tags", before, after: body });
    const { value, etag } = await ownTags.ofPartner();
    return succeed(ok(value, etag));
  },
);
