/** Consent that a sync waits for: what is missing, the administrator's address, looking again, going on without. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, ok } from "../../shared/http/reply.ts";
import { toIso } from "../../shared/kernel/clock.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { AddressView, ConsentView, SyncPath, SyncView } from "../../shared/sync/contract.ts";
import {
  appToConsentTo,
  checkConsent,
  goOnWithoutTypes,
  type Lacking,
  lackingFor,
} from "../../shared/sync/run/consent.ts";
import { viewOf } from "../../shared/sync/views.ts";
import { onHttp, type Tools } from "../define.ts";
import {
  callbackPaths,
  findSync,
  outwardUrl,
  type SyncNeeds,
  signInParts,
  whoCalls,
} from "./syncs.http.ts";

const consentView = ({ sync }: Pick<SyncNeeds, "sync">, lacking: Lacking) => {
  const { syncId, waits } = lacking.sync;
  const words = waits?.words ?? lacking.words;
  return {
    syncId,
    complete: lacking.permissions.length === 0,
    permissions: lacking.permissions.map(({ name, anyOf, types }) => ({
      name,
      anyOf: [...anyOf],
      types: [...types],
    })),
    canBegin: sync.signIn !== undefined,
    ...(words === undefined ? {} : { words }),
  };
};

export const consentFunction = onHttp(
  operation({
    name: "syncs-consent",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/consent",
    summary: "Which permissions a sync lacks in its tenant, and which types need each",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "What is missing", body: ConsentView } },
  }),
  async ({ params }, { services }: Tools<SyncNeeds>) => {
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const lacking = await lackingFor(services.sync, params);
    return lacking.ok ? succeed(ok(consentView(services, lacking.value))) : lacking;
  },
);

export const beginConsentFunction = onHttp(
  operation({
    name: "syncs-consent-begin",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/consent",
    summary: "The address at which an administrator of the tenant consents; good once",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "Where to go, once", body: AddressView } },
  }),
  async ({ params, url }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const parts = signInParts(services);
    if (!parts.ok) return parts;
    const app = await appToConsentTo(services.sync, params);
    if (!app.ok) return app;
    const { clientId, signInClientId } = services.sync;
    const { kind, id } = whoCalls(tools);
    const begun = await parts.value.signIn.beginConsent({
      tenantId: params.tenantId,
      clientId: app.value === "people" ? signInClientId : clientId,
      redirectUri: outwardUrl(services, url) + callbackPaths.consent,
      askedBy: `${kind}/${id}`,
      reference: params.syncId,
    });
    const { syncId } = params;
    signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId } });
    return succeed(ok({ url: begun.url, expiresAt: toIso(begun.expiresAt) }));
  },
);

export const checkConsentFunction = onHttp(
  operation({
    name: "syncs-consent-check",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/consent/check",
    summary: "Look again: the sync goes on when nothing is missing any more",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "What is missing now", body: ConsentView } },
  }),
  async ({ params }, tools: Tools<SyncNeeds>) => {
    const { services } = tools;
    const found = await findSync(services, params);
    if (!found.ok) return found;
    const checked = await checkConsent(services.sync, params, whoCalls(tools));
    if (!checked.ok) return checked;
    const view = consentView(services, checked.value);
    const { syncId, complete } = view;
    signedInOf(tools).note({ object: `sync/${params.syncId}`, after: { syncId, complete } });
    return succeed(ok(view));
  },
);

export const continueWithoutTypesFunction = onHttp(
  operation({
    name: "syncs-consent-continue",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/consent/continue-without",
    summary: "Go on without the types whose permissions are missing; they are listed as skipped",
    tag: "Syncs",
    params: SyncPath,
    answers: { 202: { description: "It goes on", body: SyncView, headers: ["Location"] } },
  }),
  async ({ params }, tools: Tools<SyncNeeds>) => {
    const found = await findSync(tools.services, params);
    if (!found.ok) return found;
    const wentOn = await goOnWithoutTypes(tools.services.sync, params, whoCalls(tools));
    if (!wentOn.ok) return wentOn;
    const { tenantId, syncId } = params;
    const skipped = wentOn.value.skipped.length;
    signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId, skipped } });
    const location = `/api/v1/tenants/${tenantId}/syncs/${syncId}`;
    return succeed(accepted(location, viewOf(wentOn.value)));
  },
);
