/** Signing in for a sync that needs a person: the code to type, the browser's way, and going on without. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, ok } from "../../shared/http/reply.ts";
import { toIso } from "../../shared/kernel/clock.ts";
import { type Result, succeed } from "../../shared/kernel/failure.ts";
import { AddressView, AuthenticationView, SyncPath, SyncView } from "../../shared/sync/contract.ts";
import {
  type AwaitedPerson,
  beginBrowser,
  beginCode,
  type SignInForSync,
  showWaiting,
} from "../../shared/sync/run/authentication.ts";
import { goOnWith } from "../../shared/sync/run/verdicts.ts";
import type { SyncIds } from "../../shared/sync/state/sync-work.ts";
import { authenticationView, viewOf } from "../../shared/sync/views.ts";
import { onHttp, type Tools } from "../define.ts";
import {
  callbackPaths,
  findSync,
  outwardUrl,
  type SyncNeeds,
  signInParts,
  whoCalls,
} from "./syncs.http.ts";

async function shown(
  tools: Tools<SyncNeeds>,
  ids: SyncIds,
  ask: (parts: SignInForSync) => Promise<Result<AwaitedPerson>>,
) {
  const found = await findSync(tools.services, ids);
  if (!found.ok) return found;
  const parts = signInParts(tools.services);
  if (!parts.ok) return parts;
  const awaited = await ask(parts.value);
  return awaited.ok ? succeed(ok(authenticationView(ids, awaited.value))) : awaited;
}

const answers = { 200: { description: "What waits", body: AuthenticationView } } as const;

export const authenticationFunction = onHttp(
  operation({
    name: "syncs-authentication",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/authentication",
    summary: "What a sync needs a person for, and the code that they type, if one was begun",
    tag: "Syncs",
    params: SyncPath,
    answers,
  }),
  ({ params }, tools: Tools<SyncNeeds>) =>
    shown(tools, params, (parts) => showWaiting(parts, params)),
);

export const newCodeFunction = onHttp(
  operation({
    name: "syncs-authentication-new-code",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/authentication/new-code",
    summary: "Begin a code, in place of the last one; the time to sign in stays what it is",
    tag: "Syncs",
    params: SyncPath,
    answers,
  }),
  async ({ params }, tools: Tools<SyncNeeds>) => {
    const by = whoCalls(tools);
    const begun = await shown(tools, params, (parts) => beginCode(parts, params, by));
    const { syncId } = params;
    if (begun.ok) signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId } });
    return begun;
  },
);

export const browserSignInFunction = onHttp(
  operation({
    name: "syncs-authentication-browser",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/authentication/browser",
    summary: "Begin a sign-in in a browser, for tenants that block codes; answers where to go",
    tag: "Syncs",
    params: SyncPath,
    answers: { 200: { description: "Where to go, once", body: AddressView } },
  }),
  async ({ params, url }, tools: Tools<SyncNeeds>) => {
    const found = await findSync(tools.services, params);
    if (!found.ok) return found;
    const parts = signInParts(tools.services);
    if (!parts.ok) return parts;
    const back = outwardUrl(tools.services, url) + callbackPaths.signIn;
    const begun = await beginBrowser(parts.value, params, whoCalls(tools), back);
    if (!begun.ok) return begun;
    const { syncId } = params;
    signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId } });
    return succeed(ok({ url: begun.value.url, expiresAt: toIso(begun.value.expiresAt) }));
  },
);

export const continueWithoutUserFunction = onHttp(
  operation({
    name: "syncs-authentication-continue",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/authentication/continue-without-user",
    summary: "Go on without a person: what only a person may write is left out, and listed",
    tag: "Syncs",
    params: SyncPath,
    answers: { 202: { description: "It goes on", body: SyncView, headers: ["Location"] } },
  }),
  async ({ params }, tools: Tools<SyncNeeds>) => {
    const found = await findSync(tools.services, params);
    if (!found.ok) return found;
    const { sync } = tools.services;
    const wentOn = await goOnWith(sync, params, "continueWithoutUser", whoCalls(tools));
    if (!wentOn.ok) return wentOn;
    const { tenantId, syncId } = params;
    signedInOf(tools).note({ object: `sync/${syncId}`, after: { syncId } });
    const location = `/api/v1/tenants/${tenantId}/syncs/${syncId}`;
    return succeed(accepted(location, viewOf(wentOn.value)));
  },
);
