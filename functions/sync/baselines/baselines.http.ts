/** Baselines: what many tenants are to have, in versions, and their publication. */
import * as z from "zod";
import { decide } from "../../../shared/access/roles/decide.ts";
import type { Permission } from "../../../shared/access/roles/roles.ts";
import { signedInOf } from "../../../shared/access/signed-in.ts";
import { operation } from "../../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../../shared/http/paging.ts";
import { accepted, created, noContent, ok } from "../../../shared/http/reply.ts";
import { fail, type Result, succeed } from "../../../shared/kernel/failure.ts";
import type { Baseline } from "../../../shared/sync/baselines/baseline-store.ts";
import {
  BaselineBody,
  BaselineDetail,
  BaselinePath,
  BaselineView,
  baselineDetail,
  baselineView,
  PublishBody,
  PublishView,
  VersionDetail,
  VersionPath,
  versionDetail,
} from "../../../shared/sync/baselines/contract.ts";
import type { Draft } from "../../../shared/sync/baselines/library.ts";
import { type PublishParts, publish } from "../../../shared/sync/baselines/publish.ts";
import { onHttp, type Tools } from "../../define.ts";
import { type SyncNeeds, whoCalls } from "../syncs.http.ts";

/** What operations about baselines work with. */
type Needs = SyncNeeds & { readonly publishing: PublishParts };

const locationOf = (baselineId: string): string => `/api/v1/baselines/${baselineId}`;

const mayIn = (tools: Tools<Needs>, permission: Permission, tenantId: string): boolean =>
  decide(signedInOf(tools).standing, permission, { kind: "tenant", tenantId }).allowed;

/** A body as a draft; a tenant that it copies from has to be within the caller's reach. */
async function draftOf(
  tools: Tools<Needs>,
  { items, from, ...head }: z.output<typeof BaselineBody>,
): Promise<Result<Draft>> {
  if (from === undefined) return succeed({ ...head, content: { items: items ?? [] } });
  // Whoever may not read it is told the same as of a tenant that is not there.
  const { tenantId } = from;
  const tenant = await tools.services.tenants.known(
    mayIn(tools, "sync.read", tenantId) ? tenantId : "",
  );
  return tenant.ok ? succeed({ ...head, content: { from } }) : noTenant(tenantId);
}

const noTenant = (tenantId: string) =>
  fail("unknown-tenant", `There is no tenant ${tenantId} here for you.`);

export const listBaselinesFunction = onHttp(
  operation({
    name: "baselines-list",
    method: "GET",
    path: "api/v1/baselines",
    summary: "List baselines, newest first",
    tag: "Baselines",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of baselines", body: pageOf(BaselineView) } },
  }),
  async ({ query, url }, { services }: Tools<Needs>) => {
    const position = positionOf("baselines", query.pageToken);
    if (!position.ok) return position;
    const page = await services.publishing.rows.list(query.top, position.value);
    const items = page.items.map(baselineView);
    return succeed(ok(pageBody(url, "baselines", { ...page, items })));
  },
);

export const addBaselineFunction = onHttp(
  operation({
    name: "baselines-add",
    method: "POST",
    path: "api/v1/baselines",
    summary: "Make a baseline of items, or of what is wanted of a tenant",
    tag: "Baselines",
    idempotent: true,
    body: BaselineBody,
    answers: { 201: { description: "Made", body: BaselineView, headers: ["Location", "ETag"] } },
  }),
  async ({ body, seed }, tools: Tools<Needs>) => {
    const draft = await draftOf(tools, body);
    if (!draft.ok) return draft;
    const made = await tools.services.publishing.baselines.add(seed, draft.value, whoCalls(tools));
    if (!made.ok) return made;
    const { value, etag } = made.value;
    noteHead(tools, value.baselineId, { after: value });
    return succeed(created(locationOf(value.baselineId), baselineView(value), etag));
  },
);

const told = ({ name, description, newest: { message, version, items } }: Baseline) => ({
  name,
  description,
  message,
  version,
  items,
});

function noteHead(
  tools: Tools<Needs>,
  baselineId: string,
  { before, after }: { readonly before?: Baseline; readonly after: Baseline | null },
): void {
  signedInOf(tools).note({
    object: `baseline/${baselineId}`,
    ...(before === undefined ? {} : { before: told(before) }),
    after: after && told(after),
  });
}

export const getBaselineFunction = onHttp(
  operation({
    name: "baselines-get",
    method: "GET",
    path: "api/v1/baselines/{baselineId}",
    summary:
      "Show a baseline: its versions, which tenant is on which, and what became of publications",
    tag: "Baselines",
    params: BaselinePath,
    answers: { 200: { description: "The baseline", body: BaselineDetail, headers: ["ETag"] } },
  }),
  async ({ params: { baselineId } }, tools: Tools<Needs>) => {
    const { baselines, rows } = tools.services.publishing;
    const found = await baselines.find(baselineId);
    if (!found.ok) return found;
    const [versions, tailorings, publications] = await Promise.all([
      rows.versions(baselineId),
      rows.tailorings(baselineId),
      rows.publications(baselineId),
    ]);
    const on = new Set([...tailorings.keys(), ...publications.map(({ tenantId }) => tenantId)]);
    const reached = [...on].toSorted().filter((id) => mayIn(tools, "sync.read", id));
    const detail = baselineDetail(found.value.value, versions, reached, publications);
    return succeed(ok(detail, found.value.etag));
  },
);

export const getBaselineVersionFunction = onHttp(
  operation({
    name: "baselines-version",
    method: "GET",
    path: "api/v1/baselines/{baselineId}/versions/{version}",
    summary: "Show a version with its parameters and items",
    tag: "Baselines",
    params: VersionPath,
    answers: { 200: { description: "The version", body: VersionDetail } },
  }),
  async ({ params: { baselineId, version } }, { services }: Tools<Needs>) => {
    const found = await services.publishing.baselines.version(baselineId, version);
    if (!found.ok) return found;
    return succeed(ok(versionDetail(found.value.version, found.value.document)));
  },
);

export const replaceBaselineFunction = onHttp(
  operation({
    name: "baselines-replace",
    method: "PUT",
    path: "api/v1/baselines/{baselineId}",
    summary: "Replace a baseline; content that differs becomes its next version",
    tag: "Baselines",
    conditional: true,
    params: BaselinePath,
    body: BaselineBody,
    answers: { 200: { description: "As it is now", body: BaselineView, headers: ["ETag"] } },
  }),
  async ({ params: { baselineId }, body, ifMatch }, tools: Tools<Needs>) => {
    const draft = await draftOf(tools, body);
    if (!draft.ok) return draft;
    const by = whoCalls(tools);
    const { baselines } = tools.services.publishing;
    const replaced = await baselines.replace(baselineId, draft.value, { ifMatch, by });
    if (!replaced.ok) return replaced;
    const { value, etag, before } = replaced.value;
    noteHead(tools, baselineId, { before, after: value });
    return succeed(ok(baselineView(value), etag));
  },
);

export const removeBaselineFunction = onHttp(
  operation({
    name: "baselines-remove",
    method: "DELETE",
    path: "api/v1/baselines/{baselineId}",
    summary: "Remove a baseline with its versions; tenants keep what was published to them",
    tag: "Baselines",
    conditional: true,
    params: BaselinePath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params: { baselineId }, ifMatch }, tools: Tools<Needs>) => {
    const removed = await tools.services.publishing.baselines.remove(baselineId, ifMatch);
    if (!removed.ok) return removed;
    noteHead(tools, baselineId, { before: removed.value, after: null });
    return succeed(noContent());
  },
);

export const publishBaselineFunction = onHttp(
  operation({
    name: "baselines-publish",
    method: "POST",
    path: "api/v1/baselines/{baselineId}/publish",
    summary:
      "Make a version wanted of tenants: each one's next plan shows it, to be approved there",
    tag: "Baselines",
    idempotent: true,
    params: BaselinePath,
    body: PublishBody,
    answers: {
      202: { description: "On its way", body: PublishView, headers: ["Location", "Retry-After"] },
    },
  }),
  async ({ params: { baselineId }, body: { version, tenantIds }, seed }, tools: Tools<Needs>) => {
    const { tenants, publishing } = tools.services;
    const mayReach = async (tenantId: string): Promise<boolean> =>
      mayIn(tools, "configuration.manage", tenantId) &&
      mayIn(tools, "sync.run", tenantId) &&
      (await tenants.get(tenantId)).ok;
    const by = whoCalls(tools);
    const asked = { baselineId, publishId: seed, version, tenantIds, by };
    const published = await publish(publishing, asked, mayReach);
    if (!published.ok) return published;
    const { queued, unknown, number } = published.value;
    signedInOf(tools).note({
      object: `baseline/${baselineId}`,
      after: { publishId: seed, version: number, tenants: queued.length },
    });
    // All that are on it are as many as the caller reaches, and no more is said of the others.
    const named = tenantIds === undefined ? [] : unknown;
    const value = [
      ...queued.map(({ tenantId }) => ({ tenantId, state: "queued" as const })),
      ...named.map((tenantId) => ({ tenantId, ...noTenant(tenantId).failure })),
    ];
    return succeed(
      accepted(locationOf(baselineId), { baselineId, publishId: seed, version: number, value }),
    );
  },
);
