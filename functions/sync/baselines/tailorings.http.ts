/** What one tenant has of a baseline of its own: values, overrides, items left out; and what it would come to. */
import { signedInOf } from "../../../shared/access/signed-in.ts";
import { operation } from "../../../shared/http/operation.ts";
import { noContent, ok } from "../../../shared/http/reply.ts";
import { succeed } from "../../../shared/kernel/failure.ts";
import { Tailoring } from "../../../shared/sync/baselines/baseline.ts";
import {
  PreviewQuery,
  PreviewView,
  TailoringPath,
} from "../../../shared/sync/baselines/contract.ts";
import type { PublishParts } from "../../../shared/sync/baselines/publish.ts";
import { onHttp, type Tools } from "../../define.ts";
import { type SyncNeeds, whoCalls } from "../syncs.http.ts";

type Needs = SyncNeeds & { readonly publishing: Pick<PublishParts, "baselines"> };

export const getTailoringFunction = onHttp(
  operation({
    name: "baseline-tailorings-get",
    method: "GET",
    path: "api/v1/baselines/{baselineId}/tenants/{tenantId}",
    summary: "Show what a tenant has of a baseline of its own",
    tag: "Baselines",
    params: TailoringPath,
    answers: { 200: { description: "Its tailoring", body: Tailoring, headers: ["ETag"] } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const tenant = await tools.services.tenants.get(params.tenantId);
    if (!tenant.ok) return tenant;
    const { baselines } = tools.services.publishing;
    const own = await baselines.tailoring(params.baselineId, params.tenantId);
    return own.ok ? succeed(ok(own.value.tailoring, own.value.etag)) : own;
  },
);

export const replaceTailoringFunction = onHttp(
  operation({
    name: "baseline-tailorings-replace",
    method: "PUT",
    path: "api/v1/baselines/{baselineId}/tenants/{tenantId}",
    summary: "Put a tenant on a baseline, with values of parameters, overrides, and items left out",
    tag: "Baselines",
    conditional: true,
    params: TailoringPath,
    body: Tailoring,
    answers: { 200: { description: "As it is now", body: Tailoring, headers: ["ETag"] } },
  }),
  async ({ params: { baselineId, tenantId }, body, ifMatch }, tools: Tools<Needs>) => {
    const tenant = await tools.services.tenants.get(tenantId);
    if (!tenant.ok) return tenant;
    const { baselines } = tools.services.publishing;
    const by = whoCalls(tools);
    const tailored = await baselines.tailor(baselineId, tenantId, body, { ifMatch, by });
    if (!tailored.ok) return tailored;
    const { before, etag } = tailored.value;
    note(tools, baselineId, before, body);
    return succeed(ok(body, etag));
  },
);

const counts = ({ values, overrides, leaveOut }: Tailoring) => ({
  values,
  overrides: overrides.length,
  leaveOut: leaveOut.length,
});

function note(
  tools: Tools<Needs>,
  baselineId: string,
  before: Tailoring,
  after: Tailoring | null,
): void {
  signedInOf(tools).note({
    object: `baseline/${baselineId}`,
    before: counts(before),
    after: after && counts(after),
  });
}

export const removeTailoringFunction = onHttp(
  operation({
    name: "baseline-tailorings-remove",
    method: "DELETE",
    path: "api/v1/baselines/{baselineId}/tenants/{tenantId}",
    summary: "Take a tenant off a baseline; what was published to it stays wanted",
    tag: "Baselines",
    conditional: true,
    params: TailoringPath,
    answers: { 204: { description: "Taken off" } },
  }),
  async ({ params: { baselineId, tenantId }, ifMatch }, tools: Tools<Needs>) => {
    const tenant = await tools.services.tenants.get(tenantId);
    if (!tenant.ok) return tenant;
    const left = await tools.services.publishing.baselines.leave(baselineId, tenantId, ifMatch);
    if (!left.ok) return left;
    note(tools, baselineId, left.value, null);
    return succeed(noContent());
  },
);

export const previewBaselineFunction = onHttp(
  operation({
    name: "baseline-tailorings-preview",
    method: "GET",
    path: "api/v1/baselines/{baselineId}/tenants/{tenantId}/preview",
    summary: "What a version would make wanted of a tenant, beside what is wanted now",
    tag: "Baselines",
    params: TailoringPath,
    query: PreviewQuery,
    answers: { 200: { description: "The items, or what stands in the way", body: PreviewView } },
  }),
  async ({ params, query: { version } }, tools: Tools<Needs>) => {
    const tenant = await tools.services.tenants.get(params.tenantId);
    if (!tenant.ok) return tenant;
    const { baselineId, tenantId } = params;
    const shown = await tools.services.publishing.baselines.preview(baselineId, tenantId, version);
    return shown.ok ? succeed(ok(shown.value)) : shown;
  },
);
