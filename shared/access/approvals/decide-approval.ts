/**
 * The approval gate as use cases: a request waits until somebody else agrees, and then begins or ends.
 * What waits keeps a row of its own, in a state that says so; `settled` moves it on, and is safe to repeat.
 */
import { type Clock, type Instant, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import type { Principal } from "../sign-in/caller.ts";
import { type Approval, decideOn, type Person, type RefusedBecause } from "./approval.ts";
import {
  type ApprovalPolicy,
  type ApprovalRule,
  type Intent,
  maxHours,
  ruleFor,
  rulesOn,
} from "./approval-policy.ts";
import {
  type ApprovalStore,
  maxRulesChars,
  type Sent,
  type StoredRules,
} from "./approval-store.ts";

/** Moves what waited: begins it when approved, ends it when rejected. Called again after a crash. */
export type Settle = (approval: Approval) => Promise<void>;

/** What approvals need. */
export type ApprovalDeps = {
  readonly approvals: ApprovalStore;
  readonly clock: Clock;
  readonly settled: Settle;
};

const hourMs = 3600 * 1000;

/** The rules that look at an intent; of none of them nothing has to be counted. */
export async function rulesAbout(
  { approvals }: Pick<ApprovalDeps, "approvals">,
  intent: Omit<Intent, "count">,
): Promise<readonly ApprovalRule[]> {
  return rulesOn((await approvals.rules()).rules.rules, intent);
}

/**
 * The one of these rules that demands a second person, or undefined: one is enough. Then what is sent is added to
 * what the same person sent before, in one conditional write: of many small requests at the same instant each
 * counts the ones before it. What waits for a second person is not counted, since that person looks at it.
 */
export async function approvalNeeded(
  { approvals, clock }: Pick<ApprovalDeps, "approvals" | "clock">,
  rules: readonly ApprovalRule[],
  intent: Intent & { readonly id: string; readonly by: Principal },
): Promise<ApprovalRule | undefined> {
  const { id, by: principal, count, tenantId, action } = intent;
  const key = { tenantId, principal, action };
  return updateRow(`what ${principal.id} sent in ${tenantId}`, async () => {
    const { sent, etag } = await approvals.sent(key);
    // The same request again, which needed nobody the first time.
    if (sent.some((each) => each.id === id)) return undefined;
    const now = clock.now();
    const rule = ruleFor(rules, intent, ({ withinHours }) =>
      sentSince(sent, now - withinHours * hourMs),
    );
    if (rule !== undefined) return rule;
    const kept = withSent(sent, { id, at: now, count }, now - maxHours * hourMs);
    return (await approvals.replaceSent(key, kept, etag)) ? undefined : lost;
  });
}

const sentSince = (sent: Sent, from: Instant): number =>
  sent.reduce((sum, { at, count }) => (at > from ? sum + count : sum), 0);

/** So many fit in one row; of older ones an hour becomes one entry, which ends with the hour's last. */
const maxSent = 200;

function withSent(sent: Sent, added: Sent[number], from: Instant): Sent {
  const all = [...sent.filter(({ at }) => at > from), added];
  const old = all.slice(0, -maxSent);
  const hours = new Map<number, Sent[number]>();
  for (const { at, count } of old) {
    const hour = Math.floor(at / hourMs);
    hours.set(hour, { id: "", at, count: count + (hours.get(hour)?.count ?? 0) });
  }
  return [...hours.values(), ...all.slice(-maxSent)];
}

/** Asks for approval. `approvalId` comes from the request, so that a repeated one asks once. */
export async function askApproval(
  { approvals, clock }: Pick<ApprovalDeps, "approvals" | "clock">,
  rule: ApprovalRule,
  asked: Pick<
    Approval,
    "approvalId" | "tenantId" | "subject" | "digest" | "requestedBy" | "requester"
  >,
): Promise<Approval> {
  const createdAt = clock.now();
  const expiresAt = createdAt + rule.expiresAfterHours * hourMs;
  const { approvers } = rule;
  const state = "pendingApproval";
  const approval: Approval = { ...asked, approvers, state, createdAt, expiresAt };
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
    readonly digest: string;
    readonly comment?: string | undefined;
  },
): Promise<Result<Settled>> {
  return updateRow(`approval ${ids.approvalId}`, async () => {
    const stored = await deps.approvals.get(ids.tenantId, ids.approvalId);
    if (stored === undefined) return unknownApproval(ids.approvalId);
    const decided = decideOn(stored.approval, { ...verdict, now: deps.clock.now() });
    if (decided.kind === "refused") return refusalFor(decided.why, stored.approval);
    if (decided.kind === "decided") {
      // Somebody was faster: look at what they said, and decide again.
      if ((await deps.approvals.replace(decided.approval, stored.etag)) === undefined) return lost;
    }
    // Also for a repeated verdict: the first one may have died between its two steps.
    await deps.settled(decided.approval);
    return succeed({ approval: decided.approval, before: stored.approval });
  });
}

/** Replaces all rules; with `ifMatch` only those that the caller read. Answers both. */
export async function replaceRules(
  { approvals }: Pick<ApprovalDeps, "approvals">,
  rules: ApprovalPolicy,
  ifMatch: string | undefined,
): Promise<Result<StoredRules & { readonly before: ApprovalPolicy }>> {
  if (JSON.stringify(rules).length > maxRulesChars)
    return fail("invalid-request", `The rules have more than ${maxRulesChars} characters.`);
  const stored = await approvals.rules();
  const changed = fail("precondition-failed", "The rules changed since you read them.");
  if (ifMatch !== undefined && ifMatch !== stored.etag) return changed;
  const etag = await approvals.replaceRules(rules, stored.etag);
  return etag === undefined ? changed : succeed({ rules, etag, before: stored.rules });
}

function refusalFor(why: RefusedBecause, approval: Approval): Result<never> {
  switch (why) {
    case "own-request":
      return fail("forbidden", "You asked for this yourself: somebody else has to decide.");
    case "no-person":
      return fail(
        "forbidden",
        `The rule lets only ${approval.approvers.join(" or ")} approve: sign in as a person, or let the rule name who may.`,
      );
    case "other-digest":
      return fail(
        "conflict",
        "This is not the digest of what waits. Read the approval again, then decide on that.",
      );
    case "expired":
      return fail("conflict", `Nobody decided by ${toIso(approval.expiresAt)}. Ask for it again.`);
    case "already-decided":
      return fail("conflict", `It was ${approval.state} already.`);
  }
}

const unknownApproval = (approvalId: string) =>
  fail("unknown-approval", `There is no approval ${approvalId}.`);
