/**
 * Refreshes of the tenant's directory.
 */

import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import type { Confirmed, Refresh } from "../../shared/devices/refresh/refresh.ts";
import { type RefreshService, RefreshView, viewOf } from "../../shared/devices/refresh/work.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, ok, ongoing } from "../../shared/http/reply.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import { OwnId, TenantId } from "../../shared/kernel/values.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly refreshes: RefreshService };

/** Path of one refresh. */
const RefreshPath = z.strictObject({
  tenantId: TenantId,
  refreshId: OwnId,
});

const confirmable = z.coerce.number().int().min(0).max(10_000_000).optional();

/** What may be said with the start of a refresh. */
const RefreshQuery = z.strictObject({
  confirmDevices: confirmable.describe(
    "Take a list of at least so many devices for true, however many the directory has: for a person who has looked",
  ),
  confirmGroupTags: confirmable.describe("The same of devices with a group tag"),
});

export const startRefreshFunction = onHttp(
  operation({
    name: "refreshes-start",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/devices/refresh",
    summary: "Import the directory from Microsoft Graph; one refresh at a time for each tenant",
    tag: "Devices",
    idempotent: true,
    params: TenantPath,
    query: RefreshQuery,
    answers: {
      202: {
        description: "The refresh that runs now: a new one, or the one that was under way",
        body: RefreshView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params: { tenantId }, query, seed }, tools: Tools<Needs>) => {
    const { services } = tools;
    const { confirmDevices: devices, confirmGroupTags: groupTags } = query;
    const confirmed = {
      ...(devices === undefined ? {} : { devices }),
      ...(groupTags === undefined ? {} : { groupTags }),
    };
    const refresh = await services.refreshes.start(tenantId, seed, confirmed);
    const { refreshId, state } = refresh;
    const alreadyRunning = refreshId !== seed;
    if (alreadyRunning && !knows(refresh, confirmed))
      return fail(
        "conflict",
        "A refresh is under way that began without it. Confirm after its end.",
      );
    const after = { refreshId, state, alreadyRunning, ...query };
    signedInOf(tools).note({ object: `refresh/${refreshId}`, after });
    const location = `/api/v1/tenants/${tenantId}/refreshes/${refreshId}`;
    return succeed(accepted(location, viewOf(refresh)));
  },
);

/** Whether a refresh began with all that is confirmed. */
const knows = ({ confirmed: before }: Refresh, { devices, groupTags }: Confirmed): boolean =>
  (devices === undefined || devices === before.devices) &&
  (groupTags === undefined || groupTags === before.groupTags);

// Lists refreshes of the tenant's directory.

export const listRefreshesFunction = onHttp(
  operation({
    name: "refreshes-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/refreshes",
    summary: "List refreshes of the directory, newest first",
    tag: "Devices",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of refreshes", body: pageOf(RefreshView) } },
  }),
  async ({ params: { tenantId }, query, url }, { services }: Tools<Needs>) => {
    const list = `refreshes ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await services.refreshes.list(tenantId, query.top, position.value);
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);

// Shows a refresh: how far it is, what it did.

export const getRefreshFunction = onHttp(
  operation({
    name: "refreshes-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/refreshes/{refreshId}",
    summary: "Show a refresh of the directory",
    tag: "Devices",
    params: RefreshPath,
    answers: {
      200: { description: "The refresh", body: RefreshView, headers: ["Retry-After"] },
    },
  }),
  async ({ params: { tenantId, refreshId } }, { services }: Tools<Needs>) => {
    const found = await services.refreshes.read(tenantId, refreshId);
    if (!found.ok) return found;
    return succeed(ongoing(found.value, found.value.final ? "ended" : "fast"));
  },
  { keepsLimits: true },
);
