/**
 * Signing in with a browser: an authorization code with PKCE. Many tenants block device codes, so that this is the way
 * to offer first.
 *
 * The browser comes back to an address that anybody can call. Only its state is believed: chance that was given to one
 * browser, good once and for a quarter of an hour, and kept as a digest. Tenant, person and purpose come out of its row.
 */
import { CryptoProvider } from "@azure/msal-node";
import * as z from "zod";
import type { Instant } from "../kernel/clock.ts";
import {
  freshApplication,
  fullScopes,
  type SignInParts,
  type Tokens,
  watched,
} from "./accounts.ts";
import { type Refusal, refusalInAddress, refusalOf } from "./refusal.ts";
import {
  type CallbackQuery,
  endBy,
  failed,
  newState,
  purposeOf,
  type Returned,
  rowOfState,
  type SignInEnd,
  type SignInRequest,
  settle,
  stateMs,
  takeState,
  unknownSignIn,
  type Waiting,
  WaitingStore,
} from "./user-sign-in.ts";

/** A sign-in that waits for a browser to come back. */
export type BrowserSignIn = {
  readonly signInId: string;
  /** Where the person goes. Whoever has it can begin the sign-in: it is shown to the one who asked, and kept nowhere. */
  readonly url: string;
  readonly expiresAt: Instant;
};

const Secret = z.object({ verifier: z.string(), redirectUri: z.string() });

/** Begins a sign-in; `redirectUri` is where the browser comes back to, exactly as the app's registration has it. */
export async function beginBrowserSignIn(
  parts: SignInParts,
  { deadline, ...request }: SignInRequest,
  redirectUri: string,
): Promise<BrowserSignIn> {
  const { tenantId, scopes } = request;
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const state = newState(tenantId);
  const { app } = freshApplication(parts, tenantId, watched());
  const url = await app.getAuthCodeUrl({
    scopes: fullScopes(parts, scopes),
    redirectUri,
    state,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
    // Whoever is signed in to that browser by chance may be somebody else.
    prompt: "select_account",
  });
  const now = parts.clock.now();
  const expiresAt = Math.min(deadline, now + stateMs);
  const id = rowOfState(state)?.id ?? "";
  const waiting = {
    ...request,
    id,
    means: "browser" as const,
    expiresAt,
    nextAt: now,
    intervalMs: 0,
  };
  await new WaitingStore(parts).begin(waiting, { verifier, redirectUri });
  return { signInId: id, url, expiresAt };
}

/** A browser came back. Its state is used up by that, whatever it says. */
export async function finishBrowserSignIn(
  parts: SignInParts,
  query: CallbackQuery,
): Promise<Returned<SignInEnd>> {
  const store = new WaitingStore(parts);
  const taken = await takeState(parts, store, query.state, "browser");
  if ("end" in taken) return taken;
  const { waiting } = taken;
  const secret = await store.open(waiting, Secret);
  const end = await endOf(parts, { waiting, secret, query });
  return { end: await store.end(waiting, end), for: purposeOf(waiting) };
}

async function endOf(
  parts: SignInParts,
  {
    waiting,
    secret,
    query,
  }: {
    readonly waiting: Waiting;
    readonly secret: z.output<typeof Secret> | undefined;
    readonly query: CallbackQuery;
  },
): Promise<SignInEnd> {
  const { code = "", error = "", error_description: description = "" } = query;
  if (secret === undefined) return unknownSignIn;
  if (error !== "") return endBy(refusalInAddress(error, description));
  if (code === "") return failed("no-code", "the browser came back without a code");
  const answer = await redeem(parts, { waiting, secret, code });
  return "result" in answer ? settle(parts, waiting, answer) : endBy(answer);
}

async function redeem(
  parts: SignInParts,
  given: {
    readonly waiting: Waiting;
    readonly secret: z.output<typeof Secret>;
    readonly code: string;
  },
): Promise<Tokens | Refusal> {
  const { waiting, secret, code } = given;
  const said = watched();
  const application = freshApplication(parts, waiting.tenantId, said);
  const { verifier: codeVerifier, redirectUri } = secret;
  const scopes = fullScopes(parts, waiting.scopes);
  try {
    const request = { code, redirectUri, scopes, codeVerifier };
    const result = await application.app.acquireTokenByCode(request);
    return { result, cache: application.cache() };
  } catch (error) {
    return said.refusal() ?? refusalOf(error);
  }
}
