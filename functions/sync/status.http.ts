/** How tenants stand with their syncs: the status column, its settings, and errors that were taken note of. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { invalidRequest } from "../../shared/http/body.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok, ongoing } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { isTimeZone } from "../../shared/schedules/times/zone.ts";
import { SyncSettingsChange, SyncStatusView } from "../../shared/sync/contract.ts";
import { acknowledge } from "../../shared/sync/run/verdicts.ts";
import { changeSettings } from "../../shared/sync/state/settings.ts";
import { statusView } from "../../shared/sync/views.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";
import { type SyncNeeds, whoCalls } from "./syncs.http.ts";

export const getSyncStatusFunction = onHttp(
  operation({
    name: "sync-status-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/sync-status",
    summary: "How a tenant stands with its syncs, and what may be done now",
    tag: "Syncs",
    params: TenantPath,
    answers: {
      200: { description: "The status", body: SyncStatusView, headers: ["Retry-After"] },
    },
  }),
  async ({ params: { tenantId } }, { services }: Tools<SyncNeeds>) => {
    const { store, clock } = services.sync;
    const view = statusView((await store.tenant(tenantId, clock.now())).value);
    const moves = view.status === "starting" || view.status === "inProgress";
    return succeed(ongoing(view, moves ? "fast" : "slow"));
  },
);

export const acknowledgeErrorFunction = onHttp(
  operation({
    name: "sync-status-acknowledge",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/sync-status/acknowledge",
    summary: "Take note of an error: the tenant's row goes back to what it showed before",
    tag: "Syncs",
    params: TenantPath,
    answers: { 200: { description: "The status", body: SyncStatusView } },
  }),
  async ({ params: { tenantId } }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const taken = await acknowledge(services.sync, tenantId, whoCalls(tools));
    if (!taken.ok) return taken;
    signedInOf(tools).note({ object: `tenant/${tenantId}`, after: { status: taken.value.status } });
    return succeed(ok(statusView(taken.value)));
  },
);

export const changeSyncSettingsFunction = onHttp(
  operation({
    name: "sync-settings-change",
    method: "PATCH",
    path: "api/v1/tenants/{tenantId}/sync-status/settings",
    summary: "Change how a tenant is synchronised: types, deletions, the nightly sync",
    tag: "Syncs",
    params: TenantPath,
    body: SyncSettingsChange,
    answers: { 200: { description: "The status with its settings", body: SyncStatusView } },
  }),
  async ({ params: { tenantId }, body }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const { typeOf } = services.sync;
    const unknown = (name: "types" | "deletes") =>
      (body[name] ?? []).flatMap((type, at) =>
        typeOf(type) ? [] : [{ pointer: `/${name}/${at}`, detail: "is no type of configuration" }],
      );
    const zone = body.nightly?.timeZone;
    const faults = [
      ...unknown("types"),
      ...unknown("deletes"),
      ...(zone === undefined || isTimeZone(zone)
        ? []
        : [{ pointer: "/nightly/timeZone", detail: "is no IANA time zone" }]),
    ];
    if (faults.length > 0) return invalidRequest(faults);
    const changed = await changeSettings(services.sync, tenantId, body);
    signedInOf(tools).note({ object: `tenant/${tenantId}`, after: changed.settings });
    return succeed(ok(statusView(changed)));
  },
);
