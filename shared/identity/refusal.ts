/**
 * What it means that the sign-in service gave no token for a person: who has to do something, and what. Pure.
 *
 * Microsoft says that its numbers may change. So the OAuth error and its suberror decide where they can, and a number
 * only tells apart what they leave together: `invalid_grant` is said of a refresh token that has aged, of a policy
 * that lets nobody in, and of an account that is disabled.
 */

import { plainText, reasonIn, reasonOf } from "../kernel/outside-text.ts";
import { loopDetected, loopRestMs, passingSignInCodes } from "../kernel/sign-in-codes.ts";

/** Who has to do something. */
type RefusalKind =
  /** The person signs in again. */
  | "signInAgain"
  /** An administrator consents to the app's permissions. */
  | "consent"
  /** A policy of the tenant lets this sign-in through nowhere: its administrator changes the policy, or the way. */
  | "blocked"
  /** Somebody unlocks or enables the account, or another one signs in. */
  | "account"
  /** Whoever runs the app corrects its registration or its settings. */
  | "app"
  /** Nobody: it passes. */
  | "passing";

/** What was said in place of tokens. Nothing of it is secret. */
export type Refusal = {
  readonly kind: RefusalKind;
  /** OAuth's name, or the sign-in library's. */
  readonly error: string;
  readonly suberror?: string;
  /** The numbers that follow AADSTS. */
  readonly codes: readonly number[];
  readonly words: string;
  readonly retryAfterSeconds?: number;
};

/** An answer of the sign-in service, as the library's network hands it on. */
type ServiceAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

const byCode: Readonly<Record<Exclude<RefusalKind, "signInAgain">, ReadonlySet<number>>> = {
  passing: passingSignInCodes,
  consent: new Set([65_001, 65_004, 65_005, 650_056, 650_057, 90_094]),
  blocked: new Set([
    50_005, 50_097, 50_105, 53_000, 53_001, 53_002, 53_003, 53_011, 500_021, 500_212, 500_213,
    530_003, 530_034, 530_035,
  ]),
  account: new Set([50_020, 50_034, 50_053, 50_055, 50_057, 50_144, 90_072]),
  app: new Set([
    70_001, 70_011, 500_011, 650_052, 650_053, 700_016, 700_025, 700_027, 7_000_112, 7_000_215,
    7_000_218, 7_000_222, 7_000_229,
  ]),
};

/** OAuth's names for what a person can mend by signing in, and the library's for having nothing to sign in with. */
const again: ReadonlySet<string> = new Set([
  "authorization_declined",
  "bad_verification_code",
  "expired_token",
  "invalid_grant",
  "interaction_required",
  "login_required",
  "no_account_found",
  "no_account_in_silent_request",
  "no_tokens_found",
  "refresh_token_expired",
]);
const apps: ReadonlySet<string> = new Set([
  "invalid_client",
  "invalid_request",
  "invalid_resource",
  "invalid_scope",
  "invalid_target",
  "unauthorized_client",
  "unsupported_grant_type",
]);

/** Judges an answer; undefined where it has tokens. */
export function refusalIn({ status, headers, body }: ServiceAnswer): Refusal | undefined {
  const fields = fieldsOf(body);
  const { error, suberror, error_codes: codes, error_description: description } = fields;
  if (status < 300 && error === undefined && typeof fields["access_token"] === "string")
    return undefined;
  const wait = Number(headers["retry-after"]);
  return {
    ...judged({
      error: typeof error === "string" ? plainText(error, maxNameChars) : "no_answer",
      suberror: typeof suberror === "string" ? plainText(suberror, maxNameChars) : "",
      codes: Array.isArray(codes) ? codes.map(Number).filter(Number.isSafeInteger) : [],
      words: reasonIn(description) || `the sign-in service answered with status ${status}`,
      passes: typeof error !== "string" || status === 429 || status >= 500,
    }),
    ...(wait > 0 ? { retryAfterSeconds: Math.ceil(wait) } : {}),
  };
}

/** Judges what the library throws where it has had no answer, or by itself. */
export function refusalOf(thrown: unknown): Refusal {
  const { errorCode, errorMessage, subError, errorNo } = fieldsOf(thrown);
  const error = typeof errorCode === "string" ? errorCode : "no_answer";
  const number = Number(errorNo);
  return judged({
    error: plainText(error, maxNameChars),
    suberror: typeof subError === "string" ? plainText(subError, maxNameChars) : "",
    codes: number > 0 ? [number] : [],
    words: reasonIn(errorMessage) || reasonOf(thrown),
    passes: false,
  });
}

/** An error that came back with a browser, in its address. Whoever sends the browser may write there what they like. */
export function refusalInAddress(error: string, description: string): Refusal {
  const codes = Array.from(description.matchAll(/AADSTS(\d{1,9})/g), ([, digits]) =>
    Number(digits),
  );
  const name = plainText(error, maxNameChars);
  return judged({ error: name, suberror: "", codes, words: reasonIn(description), passes: false });
}

const maxNameChars = 60;

type Said = Omit<Refusal, "kind" | "suberror"> & {
  readonly suberror: string;
  /** Whatever is said with it, it is the service's trouble and not ours. */
  readonly passes: boolean;
};

function judged({ suberror, passes, ...said }: Said): Refusal {
  const kind = passes ? "passing" : kindOf(said.error, suberror, said.codes);
  return {
    ...said,
    kind,
    ...(suberror === "" ? {} : { suberror }),
    ...(said.codes.includes(loopDetected) && said.error !== "slow_down"
      ? { retryAfterSeconds: loopRestMs / 1000 }
      : {}),
  };
}

function kindOf(error: string, suberror: string, codes: readonly number[]): RefusalKind {
  if (error === "temporarily_unavailable" || error === "server_error") return "passing";
  if (suberror === "consent_required" || error === "consent_required") return "consent";
  const known = Object.entries(byCode).find(([, set]) => codes.some((code) => set.has(code)));
  if (known !== undefined) return known[0] as RefusalKind;
  if (suberror === "message_only" || error === "access_denied") return "blocked";
  if (again.has(error)) return "signInAgain";
  return apps.has(error) ? "app" : "passing";
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
