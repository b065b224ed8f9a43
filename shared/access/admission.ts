/**
 * The way of a request to its handler, in two steps: who is it, and may they. Between the two the request
 * is read, since some operations name in their body what they are about.
 */
import type { Failure, Result } from "../kernel/failure.ts";
import { type Authorization, authorize, type RequestTarget, refusalOf } from "./authorize.ts";
import { networkOf, type StrangerEvents } from "./request-audit.ts";
import { requirementOf } from "./requirements.ts";
import { missesGroups, type Standing } from "./roles/decide.ts";
import type { Snapshots } from "./roles/snapshot.ts";
import type { Caller } from "./sign-in/caller.ts";
import type { RateAccount, RateClass, RateLimiter } from "./sign-in/rate-limit.ts";
import { type TokenStep, type TokenVerdict, tokenRefusal } from "./sign-in/tokens.ts";

/** What admission needs. */
export type AdmissionDeps = {
  readonly checkToken: (authorization: string | null) => Promise<TokenVerdict>;
  readonly snapshots: Snapshots;
  readonly limiter: RateLimiter;
  readonly strangers: StrangerEvents;
  /** Whether a tenant is registered. */
  readonly isTenant: (tenantId: string) => Promise<boolean>;
};

/** A request that goes no further. */
export type Refused = {
  readonly kind: "refused";
  readonly failure: Failure;
  /** Where it failed; for the log and the audit trail. */
  readonly step: string;
  /** False for asking too often: one event for each such request would be the flood itself. */
  readonly audited: boolean;
  /** Refused calls of strangers without an event, since the last one that had one. */
  readonly unrecorded?: number;
};

/** A caller, with what decisions about them are made from. */
export type Identified = { readonly kind: "identified"; readonly standing: Standing };

/** A request that may go to its handler. */
export type Admitted = {
  readonly kind: "admitted";
  readonly authorization: Extract<Authorization, { allowed: true }>;
};

/** Who is it? Counts on the account of the address first, so that guessing is bounded too. */
export async function identify(
  deps: AdmissionDeps,
  request: {
    readonly authorization: string | null;
    readonly address: string;
    readonly rate: RateClass;
  },
): Promise<Identified | Refused> {
  const { authorization, rate } = request;
  const network = networkOf(request.address);
  const early = tooOften(deps, "address", network, rate);
  if (early) return early;
  const verdict = await deps.checkToken(authorization);
  if (verdict.kind === "refused") return strangerRefused(deps, verdict.step, network);
  const { caller } = verdict;
  const late = tooOften(deps, "caller", accountOf(caller), rate);
  if (late) return late;
  return { kind: "identified", standing: { caller, ...(await deps.snapshots.read()) } };
}

/** What needs no sign-in costs something too: it is on the account of its address, as what comes before a sign-in is. */
export const countAnonymous = (
  deps: AdmissionDeps,
  { address, rate }: { readonly address: string; readonly rate: RateClass },
): Refused | undefined => tooOften(deps, "address", networkOf(address), rate);

/** Nobody is wrong when the keys cannot be read: then there is nothing to record. */
function strangerRefused({ strangers }: AdmissionDeps, step: TokenStep, network: string): Refused {
  const failure = tokenRefusal(step);
  if (step === "keys-unavailable") return refused(step, failure, false);
  const { audited, unrecorded } = strangers.ask(network);
  return { ...refused(step, failure, audited), unrecorded };
}

/** May they? A tenant that is not registered looks like one that is out of reach. */
export async function admit(
  deps: AdmissionDeps,
  { standing }: Identified,
  request: { readonly operation: string; readonly target: RequestTarget; readonly rate: RateClass },
): Promise<Admitted | Refused> {
  const { operation, target, rate } = request;
  const { tenantId } = target;
  const requirement = requirementOf(operation);
  if (requirement === undefined)
    return refused(
      "unlisted",
      refusalOf({ step: "permission", permission: "access.manage" }),
      true,
    );
  const answer = authorize(standing, requirement, target);
  if (!answer.allowed) return refused(answer.step, refusalOf(answer), true);
  // Asked for those only who may: to everybody else the answer, and its time, are the same without it.
  const registered = tenantId === undefined || (await deps.isTenant(tenantId));
  // Who may see every tenant is told by the handler that there is none; anybody else is out of reach.
  const permission = answer.asked[0]?.permission;
  if (!registered && permission !== undefined && answer.assignment?.scope.kind !== "everything") {
    const step = missesGroups(standing) ? "groups-overage" : "scope";
    return refused("tenant", refusalOf({ step, permission }), true);
  }
  const busy = tenantId === undefined ? undefined : tooOften(deps, "tenant", tenantId, rate);
  return busy ?? { kind: "admitted", authorization: answer };
}

/** The caller's own account for limits and for idempotency keys. */
export const accountOf = ({ kind, tid, oid }: Caller): string => `${kind} ${tid} ${oid}`;

function tooOften(
  { limiter }: AdmissionDeps,
  account: RateAccount,
  id: string,
  rate: RateClass,
): Refused | undefined {
  const counted = limiter.count(account, id, rate);
  return counted.ok ? undefined : refused(`rate-${account}`, counted, false);
}

/** A refusal with its step. */
export function refused(step: string, result: Result<unknown>, audited: boolean): Refused {
  if (result.ok) throw new Error(`${step}: a refusal is a failure`);
  return { kind: "refused", failure: result.failure, step, audited };
}
