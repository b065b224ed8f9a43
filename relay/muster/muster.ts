/**
 * Muster, as far as a relay speaks with it: signing in, one judged request, its clock, the API for one site, and the
 * relay's lease of that site.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { signInFailure } from "../../shared/graph/answer.ts";
import { type AppCredential, appTokens } from "../../shared/identity/app-token.ts";
import { bodyOf, reasonIn, reasonOf } from "../../shared/kernel/outside-text.ts";
import type { ClaimRequest, Result, Work } from "../base/claim.ts";
import type { Log } from "../base/process.ts";

// What can go wrong when Muster is asked.

/** Muster cannot be asked now, or says no. */
export class MusterFailure extends Error {
  /** Stable name of the problem, in Muster's words; undefined when nobody answered. */
  readonly code: string | undefined;
  /** How long Muster asks to be left alone; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(
    message: string,
    { code, retryAfterMs = 0 }: { code?: string | undefined; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** What was asked about is not there any more. */
  get gone(): boolean {
    return this.code === "unknown-notification" || this.code === "unknown-tenant";
  }

  /** Asking again is no use before an administrator has changed something. */
  get refused(): boolean {
    return refusals.has(this.code ?? "");
  }
}

const refusals = new Set(["unauthenticated", "forbidden", "unknown-tenant", "sign-in"]);

// The tokens that the relay shows to Muster: one from the settings, or an app's own from Entra, renewed in time.

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
type TokenSource = (fresh: boolean) => Promise<string>;

/** A refused token is replaced at most this often: it may be refused for what it says. */
const freshEveryMs = 60_000;
const signInTimeoutMs = 30_000;

/** Makes the source. @throws MusterFailure when no token is to be had. */
function tokenSource(auth: MusterAuth): TokenSource {
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
  const late = sleep(signInTimeoutMs, undefined, { signal: timer.signal }).then(() => {
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

// Muster's clock, as its answers tell it. Ends of notifications are moments on that clock; a server whose own
// clock is an hour off must neither start what is over nor give up what is not.

/** Differences below this are the header's own coarseness, and the time an answer takes. */
const toleranceMs = 5_000;
/** The header leaves fractions of the second out. */
const halfSecondMs = 500;

/** A clock that hears what another one says. */
type MusterClock = {
  readonly now: () => number;
  /** Takes note of an answer's `Date`. */
  readonly hear: (date: string | null) => void;
};

/** This machine's clock until Muster has said anything. */
export function musterClock(own: () => number = Date.now): MusterClock {
  let aheadMs = 0;
  return {
    now: () => own() + aheadMs,
    hear: (date) => {
      const said = Date.parse(date ?? "") + halfSecondMs - own();
      if (Number.isNaN(said)) return;
      aheadMs = Math.abs(said) < toleranceMs ? 0 : said;
    },
  };
}

// One request to Muster: signed in, within its time, and judged.

const timeoutMs = 60_000;
const secondMs = 1000;
const noContent = 204;
const unauthenticated = 401;

/** Where Muster is, and for which site we speak. */
type MusterAddress = {
  readonly url: string;
  readonly tenantId: string;
  readonly siteCode: string;
};

/** Asks for something below the site; answers the body. @throws MusterFailure */
type Ask = (method: string, path: string, body: unknown) => Promise<unknown>;

/** Makes requests for one site. */
function askerOf(
  { url, tenantId, siteCode }: MusterAddress,
  tokens: TokenSource,
  clock: MusterClock,
): Ask {
  const base = `${url}/api/v1/tenants/${tenantId}/sites/${siteCode}`;
  const send = async (method: string, path: string, body: string, fresh: boolean) => {
    const authorization = `Bearer ${await tokens(fresh)}`;
    const headers = { authorization, "content-type": "application/json" };
    const signal = AbortSignal.timeout(timeoutMs);
    // The token and the site's devices are for Muster alone, wherever an answer would send us.
    return exchange(base + path, { method, headers, body, signal, redirect: "manual" });
  };
  return async (method, path, body) => {
    const text = JSON.stringify(body);
    let answer = await send(method, path, text, false);
    // A token that ran out on the way, or whose app has been given another role meanwhile.
    if (answer.status === unauthenticated) answer = await send(method, path, text, true);
    clock.hear(answer.headers.get("date"));
    return contentOf(answer);
  };
}

type Answer = { readonly status: number; readonly headers: Headers; readonly text: string };

async function exchange(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (cause) {
    throw new MusterFailure(`Muster does not answer: ${reasonOf(cause)}`);
  }
}

function contentOf({ status, headers, text }: Answer): unknown {
  if (status === noContent) return undefined;
  const body = bodyOf(text);
  if (status >= 200 && status < 300) {
    if (body.kind !== "foreign" && text !== "") return body.kind === "object" ? body.fields : {};
    // A page of somebody in between, such as a sign-in page: Muster has heard nothing.
    throw new MusterFailure(`something answers ${status} in the place of Muster`);
  }
  const { code, detail } = body.kind === "object" ? body.fields : {};
  const said =
    typeof code === "string" ? reasonIn(`${code}: ${String(detail)}`) : "without a reason";
  const seconds = Number(headers.get("retry-after"));
  throw new MusterFailure(`Muster answers ${status} ${said}`, {
    code: typeof code === "string" ? code : undefined,
    retryAfterMs: seconds > 0 ? seconds * secondMs : 0,
  });
}

// Muster's API for one site.

/** What Muster answers to a claim. */
export type GivenWork = Work & { readonly more: boolean };

/** A device as it is handed in. */
export type InventoryDevice = {
  readonly resourceId: number;
  readonly name: string;
  readonly operatingSystem?: string;
  readonly osVersion?: string;
  readonly entraDeviceId?: string;
  readonly userPrincipalName?: string;
  /** False: no client runs on it. */
  readonly client?: boolean;
};

/** Muster's API for one site. */
export type Muster = ReturnType<typeof musterOf>;

/** Speaks to Muster for one site of one tenant, as one relay. @throws MusterFailure when it cannot be asked. */
export function musterOf(address: MusterAddress, auth: MusterAuth, relayId: string) {
  const clock = musterClock();
  const ask = askerOf(address, tokenSource(auth), clock);
  return {
    ...musterApi(ask, relayId),
    /** The moment on Muster's clock, on which claims end. */
    now: clock.now,
  };
}

const musterApi = (ask: Ask, relayId: string) => ({
  /** Takes the site for so long, or keeps it; answers the number of our term. */
  lease: async (seconds: number): Promise<number> => {
    const answer = await ask("POST", "/lease", { relayId, seconds });
    return (answer as { term: number }).term;
  },
  /** Claims what waits in some rows; undefined when nothing does. */
  claim: async (request: ClaimRequest, mark: number): Promise<GivenWork | undefined> =>
    (await ask("POST", "/claims", { ...request, relayId, mark })) as GivenWork | undefined,
  /** Says what became of devices of a claim. */
  report: async (
    { notificationId, claimId }: Pick<Work, "notificationId" | "claimId">,
    results: readonly Result[],
  ): Promise<void> => {
    await ask("POST", "/results", { notificationId, claimId, results });
  },
  /** Hands in a part of an inventory. */
  putPart: async (
    inventoryId: string,
    part: number,
    devices: readonly InventoryDevice[],
  ): Promise<void> => {
    await ask("PUT", `/inventories/${inventoryId}/parts/${part}`, { devices });
  },
  /**
   * Says that an inventory is whole, and how few devices the operator believes; true when a refresh takes it in that
   * began after that.
   */
  complete: async (
    inventoryId: string,
    parts: number,
    confirmDevices: number | undefined,
  ): Promise<boolean> => {
    const confirmed = confirmDevices === undefined ? {} : { confirmDevices };
    const body = { parts, ...confirmed };
    const answer = await ask("POST", `/inventories/${inventoryId}/complete`, body);
    return (answer as { included: boolean }).included;
  },
});

// The relay's lease of its site: only the relay that has it starts anything there, and only while the lease
// is sure to outlast the call. Muster gives it to another one when we have been silent.

/** A lease of the site. */
export type Lease = {
  /** The number of the term in which a call may begin now; undefined while that is not ours to do. */
  readonly term: () => number | undefined;
  /** Takes the site, or keeps it. What Muster answers is logged; only a plain refusal is thrown. */
  readonly keep: () => Promise<void>;
};

type LeaseTerm = { readonly term: number; readonly wallEnd: number; readonly steadyEnd: number };

/** A lease that nobody has given us yet. `callMs`: how long a call to the site may take. */
export function leaseOf(
  muster: Pick<Muster, "lease">,
  log: Log,
  { leaseMs, callMs }: { readonly leaseMs: number; readonly callMs: number },
): Lease {
  let current: LeaseTerm | undefined;
  let waiting = false;
  const renew = async (): Promise<void> => {
    const goodMs = leaseMs - callMs;
    const [wallEnd, steadyEnd] = [Date.now() + goodMs, performance.now() + goodMs];
    const term = await muster.lease(leaseMs / secondMs);
    if (current?.term !== term) log("site.lease", { term });
    current = { term, wallEnd, steadyEnd };
    waiting = false;
  };
  const refused = ({ code, message, refused: forGood }: MusterFailure): boolean => {
    if (code === "conflict") {
      current = undefined;
      if (!waiting) log("site.leased-elsewhere", { why: message });
      waiting = true;
      return false;
    }
    if (!forGood) log("muster.failure", { why: message });
    return forGood;
  };
  return {
    // Two clocks: one may be set, the other stands still while the machine sleeps.
    term: () =>
      current && Date.now() < current.wallEnd && performance.now() < current.steadyEnd
        ? current.term
        : undefined,
    keep: async () => {
      try {
        await renew();
      } catch (error) {
        if (!(error instanceof MusterFailure) || refused(error)) throw error;
      }
    },
  };
}
