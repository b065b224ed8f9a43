/**
 * Checks Entra access tokens: who issued them, for whom, until when, and that nobody made them up.
 *
 * The order matters: what costs nothing comes first, and no address is called that an anonymous caller chose. The admin
 * token of the settings is no such token, and stands for a caller of its own.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import * as z from "zod";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { fail, type Result } from "../../kernel/failure.ts";
import { plainText } from "../../kernel/outside-text.ts";
import { bootstrapCaller, type Caller } from "./caller.ts";

// What the claims of a checked Entra access token say about its caller. Pure.

/** Which consent a token must carry, besides being ours. */
type TokenDemands = {
  /** Delegated permission that people's tokens carry in `scp`. */
  readonly delegatedScope: string;
  /** App role that an app's own tokens carry in `roles`: without it any app of the tenant could call. */
  readonly appRole: string;
};

/** What the claims came to. */
type ClaimsVerdict =
  | { readonly kind: "caller"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly step: "claims" | "consent" };

const id = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  .transform(lower);
const maxNameChars = 200;

const Claims = z.object({
  // What the claims mean depends on it: tokens of version 1 name callers by other claims.
  ver: z.literal("2.0"),
  oid: id,
  tid: id,
  // Access tokens name the application they were issued to. ID tokens do not, and are none.
  azp: id,
  sub: z.string().optional(),
  idtyp: z.string().optional(),
  scp: z.string().optional(),
  roles: z.array(z.string()).default([]),
  groups: z.array(z.string().transform(lower)).default([]),
  preferred_username: z.string().optional(),
  upn: z.string().optional(),
  name: z.string().optional(),
  app_displayname: z.string().optional(),
  hasgroups: z.unknown().optional(),
  _claim_names: z.record(z.string(), z.unknown()).optional(),
});
type Claims = z.output<typeof Claims>;

/** Judges the claims of a token whose signature, issuer, audience and lifetime hold. */
function callerOf(payload: unknown, demands: TokenDemands): ClaimsVerdict {
  const parsed = Claims.safeParse(payload);
  if (!parsed.success) return { kind: "refused", step: "claims" };
  const claims = parsed.data;
  const kind = kindOf(claims);
  if (kind === undefined) return { kind: "refused", step: "claims" };
  const scopes = claims.scp?.split(" ").filter((scope) => scope !== "") ?? [];
  const consented =
    kind === "user"
      ? scopes.includes(demands.delegatedScope)
      : claims.roles.includes(demands.appRole);
  if (!consented) return { kind: "refused", step: "consent" };
  const { oid, tid, azp: appId, roles, groups } = claims;
  const caller = { kind, oid, tid, appId, ...nameOf(claims), groups, scopes, roles };
  return { kind: "caller", caller: { ...caller, groupsComplete: !hasOverage(claims) } };
}

/** A person's token is delegated; an app's own has no `scp`, and is about the app itself. */
function kindOf({ idtyp, scp, sub, oid }: Claims): Caller["kind"] | undefined {
  if (scp !== undefined) return idtyp === "app" ? undefined : "user";
  if (idtyp !== undefined) return idtyp === "app" ? "app" : undefined;
  return sub?.toLowerCase() === oid ? "app" : undefined;
}

/** Entra leaves the list out when somebody is in more groups than a token can name. */
const hasOverage = ({ hasgroups, _claim_names }: Claims): boolean =>
  hasgroups !== undefined || (_claim_names !== undefined && "groups" in _claim_names);

function nameOf(claims: Claims): { name?: string } {
  const name = claims.preferred_username ?? claims.upn ?? claims.name ?? claims.app_displayname;
  if (name === undefined) return {};
  // It is shown in logs and lists: no control characters, no room for a story.
  return { name: plainText(name.replaceAll(/\p{C}/gu, ""), maxNameChars) };
}

function lower(text: string): string {
  return text.toLowerCase();
}

/** The step at which a token fails; for the log, where it helps and harms nobody. */
export type TokenStep =
  | "missing"
  | "scheme"
  | "oversized"
  | "malformed"
  | "algorithm"
  | "directory"
  | "keys-unavailable"
  | "unknown-key"
  | "signature"
  | "issuer"
  | "audience"
  | "expired"
  | "not-yet-valid"
  | "claims"
  | "consent";

/** What a token came to. */
export type TokenVerdict =
  | { readonly kind: "caller"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly step: TokenStep };

/** Which tokens are taken. */
type TokenRules = TokenDemands &
  KeySettings & {
    /** Directories whose people and apps may call at all; in lower case. */
    readonly homeTenantIds: readonly string[];
    /** Values of `aud`: the client id of the API's registration, and its `api://` address. */
    readonly audiences: readonly string[];
    /** Whoever presents it is the bootstrap administrator; absent, nobody is. */
    readonly adminToken?: string | undefined;
  };

/**
 * Longest Authorization header that is looked at. The token of somebody in 200 groups, the most that Entra
 * lists, has some 12,700 characters; Node refuses all headers together beyond 16 KiB, and says nothing to us.
 */
export const maxTokenChars = 14 * 1024;
/** Entra signs with RS256. The list is ours: a token does not choose how it is checked. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
/** Clocks differ a little; more than this is not a clock. */
const toleranceSeconds = 60;

/** Makes the check of an Authorization header. Never throws for what a caller sent. */
export function tokenCheck(rules: TokenRules) {
  const { adminToken } = rules;
  const keys = directoryKeys(rules);
  return async (authorization: string | null): Promise<TokenVerdict> => {
    if (adminToken !== undefined && isAdmin(authorization, adminToken))
      return { kind: "caller", caller: bootstrapCaller };
    const token = bearerOf(authorization);
    if (typeof token !== "string") return refused(token.step);
    const tenantId = directoryOf(token, rules);
    if (typeof tenantId !== "string") return refused(tenantId.step);
    try {
      const { issuer, keyOf } = await keys(tenantId);
      const { payload } = await jwtVerify(token, keyOf, {
        issuer,
        audience: [...rules.audiences],
        algorithms,
        clockTolerance: toleranceSeconds,
        currentDate: new Date(rules.clock.now()),
        requiredClaims: ["exp", "nbf", "iat", "tid"],
      });
      return callerOf(payload, rules);
    } catch (error) {
      return refused(stepOf(error));
    }
  };
}

type Stopped = { readonly step: TokenStep };

function bearerOf(authorization: string | null): string | Stopped {
  if (authorization === null || authorization.trim() === "") return { step: "missing" };
  if (authorization.length > maxTokenChars) return { step: "oversized" };
  const [scheme, token, ...rest] = authorization.trim().split(/ +/);
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0)
    return { step: "scheme" };
  return token;
}

/** The directory that a token says it is from, if that one is let in. Nothing of it is believed yet. */
function directoryOf(token: string, rules: TokenRules): string | Stopped {
  try {
    const { alg } = decodeProtectedHeader(token);
    if (alg === undefined || !algorithms.includes(alg)) return { step: "algorithm" };
    const { tid } = decodeJwt(token);
    if (typeof tid !== "string") return { step: "claims" };
    const tenantId = tid.toLowerCase();
    return rules.homeTenantIds.includes(tenantId) ? tenantId : { step: "directory" };
  } catch {
    return { step: "malformed" };
  }
}

const claimSteps: Readonly<Record<string, TokenStep>> = {
  aud: "audience",
  iss: "issuer",
  nbf: "not-yet-valid",
};

/** jose's errors in our words. What is not about the token is a bug, and is thrown on. */
function stepOf(error: unknown): TokenStep {
  if (error instanceof KeysUnavailable || error instanceof errors.JWKSTimeout)
    return "keys-unavailable";
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.reason === "check_failed" ? (claimSteps[error.claim] ?? "claims") : "claims";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JWKSNoMatchingKey) return "unknown-key";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "unknown-key";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  if (error instanceof errors.JWKSInvalid) return "keys-unavailable";
  // What has no code of its own is an answer of the key address that is no key set.
  if (error instanceof errors.JOSEError)
    return error.code === "ERR_JOSE_GENERIC" ? "keys-unavailable" : "malformed";
  throw error;
}

const refused = (step: TokenStep): TokenVerdict => ({ kind: "refused", step });

/** What a caller is told about a refused token: enough to mend an honest mistake, no more. */
export function tokenRefusal(step: TokenStep): Result<never> {
  switch (step) {
    case "missing":
    case "scheme":
      return fail(
        "unauthenticated",
        "Send Authorization: Bearer with an access token for this API. Sign in to get one: npm run --silent sign-in prints it.",
      );
    case "expired":
      return fail(
        "unauthenticated",
        "The access token has expired. Sign in again for a new one: npm run --silent sign-in prints it.",
      );
    case "keys-unavailable":
      return fail(
        "sign-in-unavailable",
        "The access token cannot be checked: the sign-in service does not answer. Try again.",
        { retryAfterSeconds: 5 },
      );
    case "consent":
      return fail(
        "forbidden",
        "The access token is genuine, but carries no permission for this API. Ask for its scope, or have its app role assigned.",
      );
    default:
      return fail(
        "unauthenticated",
        "The access token is not one for this API. Sign in for the scope of this API, in a directory that it serves: npm run --silent sign-in prints such a token.",
      );
  }
}

// The keys that an Entra directory signs with, found through its OpenID metadata. Keys are kept; a token
// that names an unknown one makes them be read again, at most twice a minute, so that keys rotate
// without a restart and nobody can make us hammer the sign-in service.

/** What verifying the tokens of one directory takes. */
type DirectoryKeys = { readonly issuer: string; readonly keyOf: JWTVerifyGetKey };

/** Finds the keys of a directory; throws `KeysUnavailable` when the sign-in service does not answer. */
type KeySource = (tenantId: string) => Promise<DirectoryKeys>;

/** The sign-in service did not give its keys: nobody is wrong, nobody can be let in. */
class KeysUnavailable extends Error {
  constructor(cause: unknown) {
    super("the sign-in service's keys cannot be read", { cause });
    this.name = "KeysUnavailable";
  }
}

/** Where keys come from, and how long to wait for them. */
type KeySettings = {
  /** `https://login.microsoftonline.com`, or another cloud's, from the settings. */
  readonly authorityUrl: string;
  readonly clock: Clock;
  /** Least time between two readings for an unknown key, and after a failed one. */
  readonly cooldownMs?: number;
  readonly timeoutMs?: number;
};

const metadataKeepMs = 24 * 3600 * 1000;
const failedKeepMs = 5000;
const defaultCooldownMs = 30_000;
const defaultTimeoutMs = 5000;
const maxDocumentBytes = 512 * 1024;

const Metadata = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

type Kept = { readonly keys: Promise<DirectoryKeys>; until: Instant };

/** Keys by directory. Call it only with directories that are let in: each costs a request. */
function directoryKeys(settings: KeySettings): KeySource {
  const kept = new Map<string, Kept>();
  return (tenantId) => {
    const now = settings.clock.now();
    const known = kept.get(tenantId);
    if (known !== undefined && now < known.until) return known.keys;
    const fresh: Kept = { keys: findKeys(settings, tenantId), until: now + metadataKeepMs };
    kept.set(tenantId, fresh);
    fresh.keys.catch(() => {
      fresh.until = settings.clock.now() + failedKeepMs;
    });
    return fresh.keys;
  };
}

async function findKeys(settings: KeySettings, tenantId: string): Promise<DirectoryKeys> {
  const { authorityUrl, timeoutMs = defaultTimeoutMs } = settings;
  const url = `${authorityUrl}/${tenantId}/v2.0/.well-known/openid-configuration`;
  const { issuer, jwks_uri } = await read(url, timeoutMs);
  // A directory vouches for itself only: an issuer without its id would be everybody's.
  if (!issuer.toLowerCase().includes(tenantId))
    throw new KeysUnavailable(new Error(`the issuer of ${tenantId} is ${issuer}`));
  const remote = createRemoteJWKSet(new URL(jwks_uri), {
    timeoutDuration: timeoutMs,
    cooldownDuration: settings.cooldownMs ?? defaultCooldownMs,
    [customFetch]: fetchWithBackoff(settings.clock),
  });
  return { issuer, keyOf: remote };
}

async function read(url: string, timeoutMs: number): Promise<z.output<typeof Metadata>> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { signal, redirect: "error" });
    const text = await response.text();
    if (!response.ok || text.length > maxDocumentBytes)
      throw new Error(`${url} answered ${response.status} with ${text.length} characters`);
    return Metadata.parse(JSON.parse(text));
  } catch (cause) {
    throw new KeysUnavailable(cause);
  }
}

/** After a failure the keys are not asked for again for a while, however many tokens come in. */
function fetchWithBackoff(clock: Clock) {
  let notBefore: Instant = Number.NEGATIVE_INFINITY;
  return async (url: string, options: RequestInit): Promise<Response> => {
    if (clock.now() < notBefore) throw new KeysUnavailable(new Error("asked too recently"));
    try {
      const response = await fetch(url, options);
      if (!response.ok) throw new Error(`${url} answered ${response.status}`);
      return response;
    } catch (cause) {
      notBefore = clock.now() + failedKeepMs;
      throw new KeysUnavailable(cause);
    }
  };
}

// The bootstrap administrator: whoever presents the admin token of the settings. It is there to set an
// installation up; one that leaves the setting out has no such caller.

/** True when the Authorization header carries the admin token; takes the same time either way. */
function isAdmin(authorization: string | null, adminToken: string): boolean {
  const [scheme, token, ...rest] = (authorization ?? "").split(" ");
  if (scheme?.toLowerCase() !== "bearer" || token === undefined || rest.length > 0) return false;
  // Equal lengths for the comparison, whatever was sent.
  return timingSafeEqual(hash(token), hash(adminToken));
}

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
