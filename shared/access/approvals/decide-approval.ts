/**
 * The two-person rule as use cases: hold something until somebody else agrees, and let it go or end it.
 * What is held keeps its own row in a state of waiting; `settled` moves it on, and is safe to repeat.
 */
import { type Clock, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { type Approval, type Decided, decideOn, type Person } from "./approval.ts";
import { type ApprovalRule, type ApprovalRules, type Intent, ruleFor } from "./approval-policy.ts";
import { type ApprovalStore, maxRulesChars, type StoredRules } from "./approval-store.ts";

/** Moves what was held: begins it when approved, ends it when rejected. Called again after a crash. */
export type Settle = (approval: Approval) => Promise<void>;

/** What approvals need. */
export type ApprovalDeps = {
  readonly approvals: ApprovalStore;
  readonly clock: Clock;
  readonly settled: Settle;
};

const hourMs = 3600 * 1000;

/** The rule that an intent falls under, or undefined: one person is enough. */
export async function approvalNeeded(
  { approvals }: Pick<ApprovalDeps, "approvals">,
  intent: Intent,
): Promise<ApprovalRule | undefined> {
  const { rules } = await approvals.rules();
  return ruleFor(rules.rules, intent);
}

/** Asks for approval. `approvalId` comes from the request, so that a repeated one asks once. */
export async function askApproval(
  { approvals, clock }: Pick<ApprovalDeps, "approvals" | "clock">,
  rule: ApprovalRule,
  asked: Pick<Approval, "approvalId" | "tenantId" | "subject" | "requestedBy">,
): Promise<Approval> {
  const createdAt = clock.now();
  const expiresAt = createdAt + rule.expiresAfterHours * hourMs;
  const approval: Approval = { ...asked, state: "pendingApproval", createdAt, expiresAt };
  await approvals.insert(approval);
  return (await approvals.get(asked.tenantId, asked.approvalId))?.approval ?? approval;
}

/** Reads an approval. */
export async function readApproval(
  { approvals }: Pick<ApprovalDeps, "approvals">,
  tenantId: string,
  approvalId: string,
): Promise<Result<Approval>> {
  const stored = await approvals.get(tenantId, approvalId);
  return stored === undefined ? unknownApproval(approvalId) : succeed(stored.approval);
}

/** A decision: the approval as it is now, and as it was. */
export type Settled = { readonly approval: Approval; readonly before: Approval };

/** A second person approves or rejects. */
export async function settleApproval(
  deps: ApprovalDeps,
  ids: { readonly tenantId: string; readonly approvalId: string },
  verdict: {
    readonly event: "approve" | "reject";
    readonly by: Person;
    readonly comment: string | undefined;
  },
): Promise<Result<Settled>> {
  for (;;) {
    const stored = await deps.approvals.get(ids.tenantId, ids.approvalId);
    if (stored === undefined) return unknownApproval(ids.approvalId);
    const decided = decideOn(stored.approval, { ...verdict, now: deps.clock.now() });
    if (decided.kind === "refused") return refusalFor(decided.why, stored.approval);
    if (decided.kind === "decided") {
      // Somebody was faster: look at what they said, and decide again.
      if ((await deps.approvals.replace(decided.approval, stored.etag)) === undefined) continue;
    }
    // Also for a repeated verdict: the first one may have died between its two steps.
    await deps.settled(decided.approval);
    return succeed({ approval: decided.approval, before: stored.approval });
  }
}

/** Replaces all rules; with `ifMatch` only those that the caller read. Answers both. */
export async function replaceRules(
  { approvals }: Pick<ApprovalDeps, "approvals">,
  rules: ApprovalRules,
  ifMatch: string | undefined,
): Promise<Result<StoredRules & { readonly before: ApprovalRules }>> {
  if (JSON.stringify(rules).length > maxRulesChars)
    return fail("invalid-request", `The rules have more than ${maxRulesChars} characters.`);
  const stored = await approvals.rules();
  const lost = fail("precondition-failed", "The rules changed since you read them.");
  if (ifMatch !== undefined && ifMatch !== stored.etag) return lost;
  const etag = await approvals.replaceRules(rules, stored.etag);
  return etag === undefined ? lost : succeed({ rules, etag, before: stored.rules });
}

function refusalFor(
  why: Extract<Decided, { kind: "refused" }>["why"],
  approval: Approval,
): Result<never> {
  switch (why) {
    case "own-request":
      return fail("forbidden", "You asked for this yourself: somebody else has to decide.");
    case "expired":
      return fail("conflict", `Nobody decided by ${toIso(approval.expiresAt)}. Ask for it again.`);
    case "already-decided":
      return fail("conflict", `It was ${approval.state} already.`);
  }
}

const unknownApproval = (approvalId: string) =>
  fail("unknown-approval", `There is no approval ${approvalId}.`);
