/** The tokens that the relay shows to Muster: one from the settings, or an app's own from Entra, renewed in time. */
import { setTimeout as sleep } from "node:timers/promises";
import { signInFailure } from "../../shared/graph/answer.ts";
import { type AppCredential, appTokens } from "../../shared/identity/app-token.ts";
import { reasonOf } from "../../shared/kernel/outside-text.ts";
import { MusterFailure } from "./muster-failure.ts";

/** How the relay signs in to Muster. */
export type MusterAuth =
  | { readonly kind: "token"; readonly token: string }
  | {
      readonly kind: "app";
      readonly authorityUrl: string;
      /** The directory that Muster belongs to, and that issues the token. */
      readonly homeTenantId: string;
      readonly clientId: string;
      readonly credential: AppCredential;
      /** Muster's own registration, `api://...`. */
      readonly resource: string;
    };

/** Answers a token that holds for now; `fresh` when Muster has refused the one before. */
export type TokenSource = (fresh: boolean) => Promise<string>;

/** A refused token is replaced at most this often: it may be refused for what it says. */
const freshEveryMs = 60_000;
const timeoutMs = 30_000;

/** Makes the source. @throws MusterTrouble when no token is to be had. */
export function tokenSource(auth: MusterAuth): TokenSource {
  if (auth.kind === "token") return () => Promise.resolve(auth.token);
  const tokens = appTokens(auth);
  let freshAt = Number.NEGATIVE_INFINITY;
  return async (wanted) => {
    const fresh = wanted && performance.now() >= freshAt + freshEveryMs;
    if (fresh) freshAt = performance.now();
    try {
      return await withinTime(tokens(auth.homeTenantId, fresh));
    } catch (error) {
      throw failureOf(error);
    }
  };
}

async function withinTime(token: Promise<string>): Promise<string> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error("the sign-in service does not answer");
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([token, late]);
  } finally {
    timer.abort();
  }
}

/** What Entra refuses, only an administrator can mend; everything else passes. */
function failureOf(error: unknown): MusterFailure {
  const failure = signInFailure(error);
  if (failure.kind === "refused") return new MusterFailure(failure.message, { code: "sign-in" });
  return new MusterFailure(`the sign-in service gives no token: ${reasonOf(error)}`);
}
