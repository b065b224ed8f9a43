/** An approval: something that waits for a second person. Its lifecycle as a table. Pure. */
import type { Instant } from "../../kernel/clock.ts";
import { type Caller, type Principal, samePrincipal } from "../sign-in/caller.ts";
import type { ApprovableKind } from "./approval-policy.ts";

/** Where an approval stands. */
export type ApprovalState = "pendingApproval" | "approved" | "rejected" | "expired";

/** What can happen to it. */
export type ApprovalEvent = "approve" | "reject" | "expire";

/** The whole lifecycle. A missing entry means: refused in that state. */
export const approvalLifecycle: Readonly<
  Record<ApprovalState, Readonly<Partial<Record<ApprovalEvent, ApprovalState>>>>
> = {
  pendingApproval: { approve: "approved", reject: "rejected", expire: "expired" },
  approved: {},
  rejected: {},
  expired: {},
};

/** A person or an app, with the name they had then. */
export type Person = { readonly principal: Principal; readonly name?: string };

/** What waits at the gate: its kind, its id, and for who decides all that would be done. */
export type Subject = {
  readonly kind: ApprovableKind;
  readonly id: string;
  /** One sentence. */
  readonly summary: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: Readonly<Record<string, unknown>>;
  /** Devices; which ones was settled when it was asked for. */
  readonly count: number;
};

/** Something that waits, or waited. */
export type Approval = {
  readonly approvalId: string;
  readonly tenantId: string;
  readonly state: ApprovalState;
  readonly subject: Subject;
  /** Of everything that is approved, to the last device: who decides names it. */
  readonly digest: string;
  readonly requestedBy: Person;
  /** The requester as their token said, groups included: their rights are decided again at the release. */
  readonly requester: Caller;
  /** Who may approve. */
  readonly approvers: readonly Caller["kind"][];
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly decidedBy?: Person;
  readonly decidedAt?: Instant;
  /** What the person who decided had to say. */
  readonly comment?: string;
};

/** Why a verdict is not taken. */
export type RefusedBecause =
  | "own-request"
  | "no-person"
  | "other-digest"
  | "expired"
  | "already-decided";

/** What deciding gave. */
export type Decided =
  | { readonly kind: "decided"; readonly approval: Approval }
  /** The same person said the same before: nothing changes. */
  | { readonly kind: "already"; readonly approval: Approval }
  | { readonly kind: "refused"; readonly why: RefusedBecause };

/** The approval as it is at a moment: what nobody decided in time has expired, whoever looks first. */
export function asOf(approval: Approval, now: Instant): Approval {
  const state = approvalLifecycle[approval.state].expire;
  if (state === undefined || now < approval.expiresAt) return approval;
  return { ...approval, state, decidedAt: approval.expiresAt };
}

/** A second person decides. Nobody decides on what they asked for themselves, whatever their roles. */
export function decideOn(
  approval: Approval,
  verdict: {
    readonly event: "approve" | "reject";
    readonly by: Person;
    /** Of what they saw. */
    readonly digest: string;
    readonly now: Instant;
    readonly comment?: string | undefined;
  },
): Decided {
  const { event, by, now, comment } = verdict;
  if (samePrincipal(by.principal, approval.requestedBy.principal))
    return { kind: "refused", why: "own-request" };
  // Saying no is safe, whoever says it.
  if (event === "approve" && !approval.approvers.some((kind) => kind === by.principal.kind))
    return { kind: "refused", why: "no-person" };
  if (verdict.digest !== approval.digest) return { kind: "refused", why: "other-digest" };
  const current = asOf(approval, now);
  if (current.state === "expired") return { kind: "refused", why: "expired" };
  const state = approvalLifecycle[current.state][event];
  if (state === undefined) return repeated(current, event, by);
  const words = comment === undefined ? {} : { comment };
  return {
    kind: "decided",
    approval: { ...current, state, decidedBy: by, decidedAt: now, ...words },
  };
}

function repeated(approval: Approval, event: "approve" | "reject", by: Person): Decided {
  const same =
    approval.state === approvalLifecycle.pendingApproval[event] &&
    approval.decidedBy !== undefined &&
    samePrincipal(approval.decidedBy.principal, by.principal);
  return same ? { kind: "already", approval } : { kind: "refused", why: "already-decided" };
}
