/**
 * The keys that an Entra directory signs with, found through its OpenID metadata. Keys are kept; a token
 * that names an unknown one makes them be read again, at most twice a minute, so that keys rotate
 * without a restart and nobody can make us hammer the sign-in service.
 */
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";
import * as z from "zod";
import type { Clock, Instant } from "../../kernel/clock.ts";

/** What verifying the tokens of one directory takes. */
export type DirectoryKeys = { readonly issuer: string; readonly keyOf: JWTVerifyGetKey };

/** Finds the keys of a directory; throws `KeysUnavailable` when the sign-in service does not answer. */
export type KeySource = (tenantId: string) => Promise<DirectoryKeys>;

/** The sign-in service did not give its keys: nobody is wrong, nobody can be let in. */
export class KeysUnavailable extends Error {
  constructor(cause: unknown) {
    super("the sign-in service's keys cannot be read", { cause });
    this.name = "KeysUnavailable";
  }
}

/** Where keys come from, and how long to wait for them. */
export type KeySettings = {
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
export function directoryKeys(settings: KeySettings): KeySource {
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
