/**
 * Signing in by device code, in slices: no worker waits for a person. MSAL would ask in a loop of its own, and give up
 * at the first answer that is not "pending": for a busy service, for "slow down", for a cut connection. So its network
 * is ours here. The first slice lets the request for the code through and keeps the answer, sealed; each later one
 * plays that answer back, lets one request for tokens through, and ends MSAL's loop unless there are tokens.
 *
 * Nobody asks twice at once, since tokens are given once: a slice first writes down that it asks.
 */
import type { DeviceCodeRequest, INetworkModule, NetworkResponse } from "@azure/msal-node";
import * as z from "zod";
import type { Instant } from "../kernel/clock.ts";
import { randomId } from "../kernel/values.ts";
import { freshApplication, fullScopes, type SignInParts, type Tokens } from "./accounts.ts";
import { straightNetwork } from "./network.ts";
import { type Refusal, refusalIn, refusalOf } from "./refusal.ts";
import {
  endBy,
  failed,
  type SignInEnd,
  type SignInRequest,
  settle,
  tooLate,
  unknownSignIn,
  type Waiting,
  WaitingStore,
} from "./user-sign-in.ts";

/** A row's id for a device: it is no secret, since whoever asks with it needs a permission. */
const newWaitingId = (): string => `device-${randomId()}`;

/** What a person needs who is to sign in. */
export type DeviceCode = {
  readonly signInId: string;
  readonly userCode: string;
  readonly verificationUri: string;
  /** The service's own words, in English. */
  readonly message: string;
  readonly expiresAt: Instant;
};

/** Nobody has signed in yet. */
type Pending = { readonly kind: "pending"; readonly afterSeconds: number };

/** The service's answer to the request for a code. */
const Given = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  message: z.string(),
  expires_in: z.number(),
  interval: z.number().default(5),
});
type Given = z.output<typeof Given>;

/** A slice that asks holds the others off for so long: longer than a request takes. */
const askingMs = 35_000;
/** What "slow down" adds (RFC 8628, 3.5). */
const slowerMs = 5_000;

/** Asks for a code. A refusal is an end, with the service's words. */
export async function beginDeviceCode(
  parts: SignInParts,
  request: SignInRequest,
): Promise<
  { readonly kind: "begun"; readonly code: DeviceCode } | Extract<SignInEnd, { kind: "ended" }>
> {
  const now = parts.clock.now();
  const asked = await askForCode(parts, request);
  if ("error" in asked) return endBy(asked) as Extract<SignInEnd, { kind: "ended" }>;
  const { deadline, ...rest } = request;
  const intervalMs = asked.interval * 1000;
  const expiresAt = Math.min(deadline, now + asked.expires_in * 1000);
  const times = { expiresAt, nextAt: now + intervalMs, intervalMs };
  const waiting = { ...rest, ...times, id: newWaitingId(), means: "device" as const };
  await new WaitingStore(parts).begin(waiting, asked);
  return { kind: "begun", code: shown(waiting, asked) };
}

/** The code of a sign-in that still waits, to show it again. */
export async function deviceCodeOf(
  parts: SignInParts,
  tenantId: string,
  signInId: string,
): Promise<DeviceCode | undefined> {
  const store = new WaitingStore(parts);
  const { waiting } = (await store.get(tenantId, signInId)) ?? {};
  if (waiting?.means !== "device" || waiting.end !== undefined) return undefined;
  if (parts.clock.now() >= waiting.expiresAt) return undefined;
  const given = await store.open(waiting, Given);
  return given && shown(waiting, given);
}

const shown = ({ id, expiresAt }: Pick<Waiting, "id" | "expiresAt">, given: Given): DeviceCode => ({
  signInId: id,
  userCode: given.user_code,
  verificationUri: given.verification_uri,
  message: given.message,
  expiresAt,
});

/** A slice that was due so long ago, and was not asked, will not be. */
const overdueMs = 10_000;

/** Whether a code waits to be asked about, or to be told of, and nobody has come to do that. */
export async function isOverdue(
  parts: SignInParts,
  tenantId: string,
  signInId: string,
): Promise<boolean> {
  const { waiting } = (await new WaitingStore(parts).get(tenantId, signInId)) ?? {};
  if (waiting?.means !== "device") return false;
  return waiting.end !== undefined || parts.clock.now() > waiting.nextAt + overdueMs;
}

/** One slice: asks once whether the person has signed in, unless it is too early or too late for that. */
export async function pollDeviceCode(
  parts: SignInParts,
  tenantId: string,
  signInId: string,
): Promise<Pending | SignInEnd> {
  const store = new WaitingStore(parts);
  const found = await store.get(tenantId, signInId);
  if (found?.waiting.means !== "device") return unknownSignIn;
  const { waiting, etag } = found;
  if (waiting.end !== undefined) return waiting.end;
  const now = parts.clock.now();
  if (now >= waiting.expiresAt) return store.end(waiting, tooLate);
  if (now < waiting.nextAt) return pending(waiting, now);
  const given = await store.open(waiting, Given);
  if (given === undefined) return store.end(waiting, broken);
  const claimed = { ...waiting, nextAt: now + askingMs };
  if (!(await store.replace(claimed, etag))) return pending({ ...waiting, nextAt: 0 }, now);
  const answer = await askForTokens(parts, waiting, given);
  if ("result" in answer) {
    // Given up while we asked: then nothing is kept.
    const end = (await store.get(tenantId, signInId))?.waiting.end;
    return end ?? store.end(waiting, await settle(parts, waiting, answer));
  }
  if (!waits(answer)) return store.end(waiting, endBy(answer));
  return wait(store, claimed, { answer, now: parts.clock.now() });
}

const broken = failed(
  "sealed-state-broken",
  "what was kept of the sign-in does not open any more; begin a new one",
);

/** No more is asked for this sign-in; what waits for a browser ends in the same way. */
export async function withdrawSignIn(
  parts: SignInParts,
  tenantId: string,
  signInId: string,
): Promise<SignInEnd> {
  const store = new WaitingStore(parts);
  const found = await store.get(tenantId, signInId);
  if (found === undefined) return unknownSignIn;
  return store.end(found.waiting, {
    kind: "ended",
    why: "withdrawn",
    code: "withdrawn",
    words: "the sign-in was given up",
  });
}

const waits = ({ error, kind }: Refusal): boolean =>
  error === "authorization_pending" || error === "slow_down" || kind === "passing";

/** Writes down when to ask next. */
async function wait(
  store: WaitingStore,
  claimed: Waiting,
  { answer, now }: { readonly answer: Refusal; readonly now: Instant },
): Promise<Pending | SignInEnd> {
  const slower = answer.error === "slow_down" ? slowerMs : 0;
  const intervalMs = claimed.intervalMs + slower;
  const nextAt = now + Math.max(intervalMs, (answer.retryAfterSeconds ?? 0) * 1000);
  const found = await store.get(claimed.tenantId, claimed.id);
  // Given up meanwhile: the row says so.
  if (found === undefined) return unknownSignIn;
  if (found.waiting.end !== undefined) return found.waiting.end;
  const next = { ...claimed, intervalMs, nextAt };
  await store.replace(next, found.etag);
  return pending(next, now);
}

/** The last time to ask is the deadline itself: then it is over. */
function pending({ nextAt, intervalMs, expiresAt }: Waiting, now: Instant): Pending {
  const at = Math.min(Math.max(nextAt, now + Math.min(intervalMs, 1000)), expiresAt);
  return { kind: "pending", afterSeconds: Math.max(1, Math.ceil((at - now) / 1000)) };
}

// The two requests, through MSAL.

/** MSAL asks for the code, shows it, and would begin to wait. */
async function askForCode(
  parts: SignInParts,
  { tenantId, scopes }: SignInRequest,
): Promise<Given | Refusal> {
  let given: z.ZodSafeParseResult<Given> | undefined;
  let refusal: Refusal | undefined;
  const network: INetworkModule = {
    ...straightNetwork,
    async sendPostRequestAsync<T>(url: string, options?: object) {
      const answer = await straightNetwork.sendPostRequestAsync<T>(url, options);
      given = Given.safeParse(answer.body);
      refusal = given.success ? undefined : refusalIn(answer);
      return answer;
    },
  };
  const request: DeviceCodeRequest = {
    scopes: fullScopes(parts, scopes),
    deviceCodeCallback: () => {
      request.cancel = true;
    },
  };
  try {
    await freshApplication(parts, tenantId, { network }).app.acquireTokenByDeviceCode(request);
  } catch (error) {
    if (given?.success !== true) return refusal ?? refusalOf(error);
  }
  return given?.success === true ? given.data : refusalOf(undefined);
}

/** MSAL is given the code that it once had, and asks once for tokens. */
async function askForTokens(
  parts: SignInParts,
  { tenantId, scopes }: Waiting,
  given: Given,
): Promise<Tokens | Refusal> {
  let refusal: Refusal | undefined;
  const request: DeviceCodeRequest = {
    scopes: fullScopes(parts, scopes),
    deviceCodeCallback: () => undefined,
  };
  const network: INetworkModule = {
    ...straightNetwork,
    async sendPostRequestAsync<T>(url: string, options?: object) {
      if (new URL(url).pathname.endsWith("/devicecode")) return played<T>(200, replay(given));
      try {
        const answer = await straightNetwork.sendPostRequestAsync<T>(url, options);
        refusal = refusalIn(answer);
        if (refusal === undefined) return answer;
      } catch (error) {
        refusal = refusalOf(error);
      }
      // MSAL looks at this between two questions, of which there shall be one.
      request.cancel = true;
      return played<T>(400, { error: "authorization_pending" });
    },
  };
  const application = freshApplication(parts, tenantId, { network });
  try {
    const result = await application.app.acquireTokenByDeviceCode(request);
    return result === null ? refusalOf(undefined) : { result, cache: application.cache() };
  } catch (error) {
    // Tokens that MSAL does not take are the end: they will not be given again.
    return refusal ?? { ...refusalOf(error), kind: "app" };
  }
}

const played = <T>(status: number, body: object): NetworkResponse<T> => ({
  status,
  headers: {},
  body: body as T,
});

/** Without a pause between the questions, and never too old: both are ours to watch. */
const replay = (given: Given): object => ({ ...given, interval: 0, expires_in: 60 });
