/** Syncs of a tenant's configuration: start, watch, cancel, take back; their reports, logs and errors. */
import * as z from "zod";
import { personOf } from "../../shared/access/approvals/approval.ts";
import { decide } from "../../shared/access/roles/decide.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { invalidRequest } from "../../shared/http/body.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, download, ok, ongoing, streamed } from "../../shared/http/reply.ts";
import type { Clock } from "../../shared/kernel/clock.ts";
import { inParallel } from "../../shared/kernel/concurrency.ts";
import { fail, type Result, succeed } from "../../shared/kernel/failure.ts";
import { digest } from "../../shared/kernel/values.ts";
import { artifactsOf } from "../../shared/sync/artifacts.ts";
import {
  ErrorView,
  ManySyncs,
  ManySyncsBody,
  NewSyncBody,
  ReportView,
  SyncPath,
  SyncView,
} from "../../shared/sync/contract.ts";
import type { SignInForSync } from "../../shared/sync/run/authentication.ts";
import { changePause, startHere } from "../../shared/sync/run/run-sync.ts";
import { type NewSync, startSync } from "../../shared/sync/run/start-sync.ts";
import { undoSync } from "../../shared/sync/run/undo.ts";
import { cancelSync, unknownSync } from "../../shared/sync/run/verdicts.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import type { Sync, Who } from "../../shared/sync/state/sync.ts";
import { errorView, logLines, reportView, viewOf } from "../../shared/sync/views.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import type { TenantRegistry } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

/** What operations about syncs work with. */
export type SyncNeeds = {
  readonly clock: Clock;
  readonly sync: SyncServices;
  readonly tenants: TenantRegistry;
  readonly publicUrl: string | undefined;
};

/** Signing in takes a key that seals what is kept of it. */
export function signInParts({ sync }: Pick<SyncNeeds, "sync">): Result<SignInForSync> {
  const { signIn } = sync;
  return signIn === undefined
    ? fail(
        "conflict",
        "This installation keeps no sign-ins: set MUSTER_KEY_FILE or MUSTER_KEY_VAULT_KEY_URL.",
      )
    : succeed({ ...sync, signIn });
}

/** Where browsers come back to, as the apps' registrations have it. */
export const callbackPaths = {
  signIn: "/api/v1/callbacks/sign-in",
  consent: "/api/v1/callbacks/consent",
} as const;

/** Where callers reach the app. */
export const outwardUrl = ({ publicUrl }: Pick<SyncNeeds, "publicUrl">, url: URL): string =>
  publicUrl ?? url.origin;

/** Whoever calls, as syncs remember them. */
export const whoCalls = (tools: Tools<SyncNeeds>): Who => {
  const { principal, name } = personOf(signedInOf(tools).caller);
  return { ...principal, ...(name === undefined ? {} : { name }) };
};

const locationOf = ({ tenantId, syncId }: Pick<Sync, "tenantId" | "syncId">): string =>
  `/api/v1/tenants/${tenantId}/syncs/${syncId}`;

/** The types that are asked for, or those that the tenant has enabled; unknown ones are refused by name. */
function typesFor(
  { sync }: Pick<SyncNeeds, "sync">,
  asked: readonly string[] | undefined,
  items: readonly { readonly type: string }[],
  enabled: readonly string[],
): Result<string[]> {
  const faults = [
    ...(asked ?? []).flatMap((type, at) =>
      sync.typeOf(type) ? [] : [{ pointer: `/types/${at}`, detail: "is no type of configuration" }],
    ),
    ...items.flatMap(({ type }, at) => {
      const pointer = `/items/${at}/type`;
      if (sync.typeOf(type) === undefined)
        return [{ pointer, detail: "is no type of configuration" }];
      // It would not be read, and the sync would end as if nothing had to be done about it.
      return asked?.includes(type) === false ? [{ pointer, detail: "is not among the types" }] : [];
    }),
  ];
  if (faults.length > 0) return invalidRequest(faults);
  const named = items.map(({ type }) => type);
  return succeed([...new Set(asked ?? (named.length > 0 ? [...enabled, ...named] : enabled))]);
}

async function start(
  tools: Tools<SyncNeeds>,
  tenantId: string,
  syncId: string,
  body: z.output<typeof NewSyncBody>,
  begin: typeof startHere = startSync,
): Promise<Result<Sync>> {
  const { services } = tools;
  const { store, clock, enabledTypes } = services.sync;
  const seen = await store.tenant(tenantId, clock.now());
  const { settings } = seen.value;
  const types = typesFor(services, body.types, body.items ?? [], enabledTypes(settings));
  if (!types.ok) return types;
  const { mode, onMissingUser, items } = body;
  // A retry is of whatever was left, enabled or not, where nobody says of which types.
  const isAny = mode === "retryFailed" && body.types === undefined;
  const by = whoCalls(tools);
  const asked: NewSync = {
    tenantId,
    syncId,
    mode,
    trigger: "manual",
    types: isAny ? [] : types.value,
    ...(onMissingUser === undefined ? {} : { onMissingUser }),
    by,
    ...(items === undefined ? {} : { items }),
    seen,
  };
  return begin(services.sync, asked);
}

export const startSyncFunction = onHttp(
  operation({
    name: "syncs-start",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs",
    summary:
      "Start a sync: read the tenant's configuration, plan what would change, deploy what is approved",
    tag: "Syncs",
    idempotent: true,
    params: TenantPath,
    body: NewSyncBody,
    answers: {
      202: { description: "Started", body: SyncView, headers: ["Location", "Retry-After"] },
    },
  }),
  async ({ params: { tenantId }, body, seed }, tools: Tools<SyncNeeds>) => {
    const started = await start(tools, tenantId, seed, body, startHere);
    if (!started.ok) return started;
    const { syncId, mode, types } = started.value;
    signedInOf(tools).note({
      object: `sync/${syncId}`,
      after: { syncId, mode, types: types.length },
    });
    return succeed(accepted(locationOf(started.value), viewOf(started.value)));
  },
);

export const startManySyncsFunction = onHttp(
  operation({
    name: "syncs-start-many",
    method: "POST",
    path: "api/v1/syncs",
    summary: "Start syncs of many tenants; what cannot be started says why, tenant by tenant",
    tag: "Syncs",
    idempotent: true,
    body: ManySyncsBody,
    answers: { 200: { description: "What became of each tenant", body: ManySyncs } },
  }),
  async ({ body: { tenantIds, ...body }, seed }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const { standing, note } = signedInOf(tools);
    const startOne = async (
      tenantId: string,
    ): Promise<z.output<typeof ManySyncs>["value"][number]> => {
      const may = decide(standing, "sync.run", { kind: "tenant", tenantId }).allowed;
      // Whoever may not is told the same as of a tenant that is not there.
      const tenant = await services.tenants.get(may ? tenantId : "");
      const started = tenant.ok
        ? await start(tools, tenantId, idFor(seed, tenantId), body)
        : fail("unknown-tenant", `There is no tenant ${tenantId} here for you.`);
      return started.ok
        ? { tenantId, syncId: started.value.syncId }
        : { tenantId, code: started.failure.code, detail: started.failure.detail };
    };
    const value = await inParallel([...new Set(tenantIds)], startedAtOnce, startOne);
    const begun = value.filter(({ syncId }) => syncId !== undefined).length;
    note({ object: "syncs", after: { mode: body.mode, tenants: value.length, started: begun } });
    return succeed(ok({ value }));
  },
);

/** Each is a few rows that nobody else writes. */
const startedAtOnce = 8;

/** The same for the same request, so that one that died and is repeated finds what it has started. */
const idFor = (seed: string, tenantId: string): string =>
  seed.slice(0, timeDigits) + digest(seed, tenantId).slice(0, seed.length - timeDigits);
/** Of a newest-first id. */
const timeDigits = 10;

export const listSyncsFunction = onHttp(
  operation({
    name: "syncs-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs",
    summary: "List syncs of a tenant, newest first",
    tag: "Syncs",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of syncs", body: pageOf(SyncView) } },
  }),
  async ({ params: { tenantId }, query, url }, { services }: Tools<SyncNeeds>) => {
    const list = `syncs ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const { store, clock } = services.sync;
    const { items, ...page } = await store.list(tenantId, query.top, position.value);
    const row = (await store.tenant(tenantId, clock.now())).value;
    const views = { items: items.map((sync) => viewOf(sync, row)), ...page };
    return succeed(ok(pageBody(url, list, views)));
  },
);

/** A sync of a tenant. */
export async function findSync(
  { sync: { store } }: Pick<SyncNeeds, "sync">,
  ids: Pick<Sync, "tenantId" | "syncId">,
): Promise<Result<Sync>> {
  const found = await store.sync(ids.tenantId, ids.syncId);
  return found === undefined ? unknownSync(ids) : succeed(found.value);
}

export const getSyncFunction = onHttp(
  operation({
    name: "syncs-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}",
    summary: "Show a sync: how far it is, what it waits for, how it ended",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "The sync", body: SyncView, headers: ["Retry-After"] } },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const { store, clock } = services.sync;
    const row = (await store.tenant(params.tenantId, clock.now())).value;
    const { outcome, waits, tenantId } = found.value;
    const view = viewOf(found.value, row);
    const isStill = waits !== undefined || view.paused !== undefined;
    const speed = outcome !== undefined ? "ended" : isStill ? "slow" : "fast";
    const resting = speed === "fast" ? await services.sync.rests(tenantId) : undefined;
    return succeed(ongoing(resting ? { ...view, resting } : view, speed));
  },
);

export const cancelSyncFunction = onHttp(
  operation({
    name: "syncs-cancel",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/cancel",
    summary: "Cancel a sync: at once, or before the next item where a deploy is under way",
    tag: "Syncs",
    params: SyncPath,
    answers: { 202: { description: "It stops", body: SyncView, headers: ["Location"] } },
  }),
  async ({ params }, tools: Tools<SyncNeeds>) => {
    const found = await findSync(tools.services, params);
    if (!found.ok) return found;
    const cancelled = await cancelSync(tools.services.sync, params, whoCalls(tools));
    if (!cancelled.ok) return cancelled;
    const { syncId, phase } = cancelled.value;
    signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId, phase } });
    return succeed(accepted(locationOf(params), viewOf(cancelled.value)));
  },
);

/** Pauses or resumes the sync of a path, and notes what it was and is. */
async function changed(
  { params }: { readonly params: z.output<typeof SyncPath> },
  tools: Tools<SyncNeeds>,
  event: "pause" | "resume",
) {
  const found = await findSync(tools.services, params);
  if (!found.ok) return found;
  const done = await changePause(tools.services.sync, params, whoCalls(tools), event);
  if (!done.ok) return done;
  const { syncId, paused } = done.value;
  const [before, after] = [found.value.paused, paused].map((is) => ({ paused: Boolean(is) }));
  signedInOf(tools).note({ object: `sync/${syncId}`, before, after });
  return succeed(accepted(locationOf(params), viewOf(done.value)));
}

export const pauseSyncFunction = onHttp(
  operation({
    name: "syncs-pause",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/pause",
    summary:
      "Let a sync that works rest: the item that is being written is ended, none other is begun",
    tag: "Syncs",
    params: SyncPath,
    answers: { 202: { description: "It rests", body: SyncView, headers: ["Location"] } },
  }),
  (input, tools: Tools<SyncNeeds>) => changed(input, tools, "pause"),
);

export const resumeSyncFunction = onHttp(
  operation({
    name: "syncs-resume",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/resume",
    summary: "Go on with a paused sync",
    tag: "Syncs",
    params: SyncPath,
    answers: { 202: { description: "It goes on", body: SyncView, headers: ["Location"] } },
  }),
  (input, tools: Tools<SyncNeeds>) => changed(input, tools, "resume"),
);

export const undoSyncFunction = onHttp(
  operation({
    name: "syncs-undo",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/undo",
    summary:
      "Take back what a sync deployed or reset: a new sync plans the way back, to be approved like any other",
    tag: "Syncs",
    idempotent: true,
    params: SyncPath,
    answers: {
      202: {
        description: "The sync that goes back",
        body: SyncView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params, seed }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const asked = { syncId: seed, types: found.value.types, by: whoCalls(tools) };
    const undone = await undoSync(services.sync, params, asked);
    if (!undone.ok) return undone;
    const { syncId } = undone.value;
    signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId, undoes: params.syncId } });
    return succeed(accepted(locationOf(undone.value), viewOf(undone.value)));
  },
);

export const syncReportFunction = onHttp(
  operation({
    name: "syncs-report",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/report",
    summary: "What a sync read, type by type, and what it did, item by item",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "The report", body: ReportView } },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const { types, items } = await progressOf(services, found.value);
    return succeed(ok(reportView(found.value, types, items, services.sync.typeOf)));
  },
);

async function progressOf({ sync: { store } }: Pick<SyncNeeds, "sync">, sync: Sync) {
  const [types, items] = await Promise.all([
    store.types(sync),
    store.items(sync.tenantId, sync.syncId),
  ]);
  return {
    types: [...types.values()],
    items: items.map(({ value }) => value),
  };
}

export const syncLogsFunction = onHttp(
  operation({
    name: "syncs-logs",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/logs",
    summary: "The log of a sync as lines of JSON, to download",
    tag: "Syncs",
    params: SyncPath,
    answers: {
      200: {
        description: "One JSON object a line",
        body: z.string(),
        also: ["application/x-ndjson"],
      },
    },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const { types, items } = await progressOf(services, found.value);
    const lines = async function* () {
      yield* logLines(found.value, types, items);
    };
    return succeed(streamed("application/x-ndjson; charset=utf-8", lines()));
  },
);

export const syncArtifactsFunction = onHttp(
  operation({
    name: "syncs-artifacts",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/artifacts",
    summary:
      "Everything of a sync as a zip: report, log, plan, and the items before, as wanted, and after",
    tag: "Syncs",
    params: SyncPath,
    answers: {
      200: {
        description: "A zip of JSON files",
        body: z.string(),
        also: ["application/zip"],
        headers: ["Content-Disposition"],
      },
    },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const zip = artifactsOf(services.sync, found.value);
    return succeed(download("application/zip", `sync-${params.syncId}.zip`, zip));
  },
);

export const syncErrorFunction = onHttp(
  operation({
    name: "syncs-error",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/error",
    summary: "Why a sync failed, what to do, and all of it in one text to copy",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "The error", body: ErrorView } },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const { error } = found.value;
    return error === undefined
      ? fail("conflict", `The sync ${params.syncId} has no error to show.`)
      : succeed(ok(errorView(error)));
  },
);
