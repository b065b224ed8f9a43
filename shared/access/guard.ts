/**
 * The way of a request to its handler, in two steps: who is it, and may they. Between the two the request
 * is read, since some operations name in their body what they are about.
 */
import type { Failure, Result } from "../kernel/failure.ts";
import { type Authorization, evaluate, type RequestTarget, refusalOf } from "./evaluate.ts";
import { type AnonymousEvents, networkOf } from "./request-audit.ts";
import { requirementOf } from "./requirements.ts";
import { missesGroups, type Standing } from "./roles/decide.ts";
import type { SnapshotReader } from "./roles/snapshot.ts";
import type { Caller } from "./sign-in/caller.ts";
import type { RateAccount, RateClass, RateLimiter } from "./sign-in/rate-limit.ts";
import { type TokenStep, type TokenVerdict, tokenRefusal } from "./sign-in/tokens.ts";

/** What authenticating and authorizing a request need. */
export type GuardDeps = {
  readonly checkToken: (authorization: string | null) => Promise<TokenVerdict>;
  readonly snapshots: SnapshotReader;
  readonly limiter: RateLimiter;
  readonly anonymousEvents: AnonymousEvents;
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
  /** Refused anonymous calls without an event, since the last one that had one. */
  readonly unrecorded?: number;
};

/** A caller, with what decisions about them are made from. */
export type Authenticated = { readonly kind: "authenticated"; readonly standing: Standing };

/** A request that may go to its handler. */
export type Authorized = {
  readonly kind: "authorized";
  readonly authorization: Extract<Authorization, { allowed: true }>;
};

/** Who is it? Counts on the account of the address first, so that guessing is bounded too. */
export async function authenticate(
  deps: GuardDeps,
  request: {
    readonly authorization: string | null;
    readonly address: string;
    readonly rate: RateClass;
  },
): Promise<Authenticated | Refused> {
  const { authorization, rate } = request;
  const network = networkOf(request.address);
  const early = tooOften(deps, "address", network, rate);
  if (early) return early;
  const verdict = await deps.checkToken(authorization);
  if (verdict.kind === "refused") return anonymousRefused(deps, verdict.step, network);
  const { caller } = verdict;
  const late = tooOften(deps, "caller", accountOf(caller), rate);
  if (late) return late;
  return { kind: "authenticated", standing: { caller, ...(await deps.snapshots.read()) } };
}

/** What needs no sign-in costs something too: it is on the account of its address, as what comes before a sign-in is. */
export const countAnonymous = (
  deps: GuardDeps,
  { address, rate }: { readonly address: string; readonly rate: RateClass },
): Refused | undefined => tooOften(deps, "address", networkOf(address), rate);

/** Nobody is wrong when the keys cannot be read: then there is nothing to record. */
function anonymousRefused(
  { anonymousEvents }: GuardDeps,
  step: TokenStep,
  network: string,
): Refused {
  const failure = tokenRefusal(step);
  if (step === "keys-unavailable") return refused(step, failure, false);
  const { audited, unrecorded } = anonymousEvents.ask(network);
  return { ...refused(step, failure, audited), unrecorded };
}

/** May they? A tenant that is not registered looks like one that is out of reach. */
export async function authorize(
  deps: GuardDeps,
  { standing }: Authenticated,
  request: { readonly operation: string; readonly target: RequestTarget; readonly rate: RateClass },
): Promise<Authorized | Refused> {
  const { operation, target, rate } = request;
  const { tenantId } = target;
  const requirement = requirementOf(operation);
  if (requirement === undefined)
    return refused(
      "unlisted",
      refusalOf({ step: "permission", permission: "access.manage" }),
      true,
    );
  const answer = evaluate(standing, requirement, target);
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
  return busy ?? { kind: "authorized", authorization: answer };
}

/** The caller's own account for limits and for idempotency keys. */
export const accountOf = ({ kind, tid, oid }: Caller): string => `${kind} ${tid} ${oid}`;

function tooOften(
  { limiter }: GuardDeps,
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
