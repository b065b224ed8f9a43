/**
 * What needs a second person, by rules over kind, action, count and tenant; and the life of an approval, which waits for
 * one, as a table. Pure.
 */
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";
import { Line } from "../../kernel/outside-text.ts";
import { TenantId } from "../../kernel/values.ts";
import {
  type Caller,
  callerKinds,
  type Principal,
  principalOf,
  samePrincipal,
} from "../sign-in/caller.ts";

/** Kinds of requests that an approval gate can keep waiting. */
export const approvableKinds = ["notification", "provisioning", "registration", "sync"] as const;
export type ApprovableKind = (typeof approvableKinds)[number];

const maxRules = 200;
/** A week: of so many hours it is remembered what was sent. */
export const maxHours = 168;

/** Tenant ids come in by any spelling, and go out as they are kept. */
const ruleOf = (tenantId: typeof TenantId | z.ZodString) =>
  z.strictObject({
    kind: z.enum(approvableKinds),
    actions: z
      .union([z.literal("all"), z.array(Line.min(1).max(64)).min(1).max(50)])
      .describe("Action ids, such as restart"),
    tenantIds: z.union([z.literal("all"), z.array(tenantId).min(1).max(200)]),
    moreThan: z
      .int()
      .min(0)
      .describe(
        "Devices, or changes of a sync's plan, up to which one person is enough, all that they sent the action to within withinHours together; 0 means always two",
      ),
    withinHours: z.int().min(1).max(maxHours).default(24),
    expiresAfterHours: z.int().min(1).max(maxHours).default(24),
    approvers: z
      .array(z.enum(callerKinds))
      .min(1)
      .max(callerKinds.length)
      .default(["user"])
      .describe("Who may approve: people, unless the rule says otherwise"),
  });

/** Body of all rules together. */
export const ApprovalPolicy = z.strictObject({ rules: z.array(ruleOf(TenantId)).max(maxRules) });
export type ApprovalPolicy = z.output<typeof ApprovalPolicy>;

/** One rule. It holds where everything in it does. */
export type ApprovalRule = ApprovalPolicy["rules"][number];

/** All rules as the API shows them. */
export const ApprovalRulesView = z
  .object({ rules: z.array(ruleOf(z.string())) })
  .meta({ id: "ApprovalRules" });

/** What somebody wants to do, as far as the rules look at it. */
export type Intent = {
  readonly kind: ApprovableKind;
  readonly action: string;
  readonly tenantId: string;
  /** Devices it is for. */
  readonly count: number;
};

/** The rules that look at an intent at all, whatever its count. */
export const rulesOn = (
  rules: readonly ApprovalRule[],
  { kind, action, tenantId }: Omit<Intent, "count">,
): ApprovalRule[] =>
  rules.filter(
    (rule) =>
      rule.kind === kind &&
      (rule.actions === "all" || rule.actions.includes(action)) &&
      (rule.tenantIds === "all" || rule.tenantIds.includes(tenantId)),
  );

/**
 * The rule that demands a second person, or undefined. Of several the one that gives the least time: what
 * waits for approval should not wait longer than any rule allows. Whoever approves is one whom all of them
 * let approve. `before` answers how many devices the same person sent the same to within the rule's hours.
 */
export function ruleFor(
  rules: readonly ApprovalRule[],
  intent: Intent,
  before: (rule: ApprovalRule) => number = () => 0,
): ApprovalRule | undefined {
  const demanding = rulesOn(rules, intent).filter(
    (rule) => rule.moreThan === 0 || intent.count + before(rule) > rule.moreThan,
  );
  const [first] = demanding.toSorted((one, two) => one.expiresAfterHours - two.expiresAfterHours);
  if (first === undefined) return undefined;
  const approvers = first.approvers.filter((kind) =>
    demanding.every((rule) => rule.approvers.includes(kind)),
  );
  return { ...first, approvers: approvers.length === 0 ? ["user"] : approvers };
}

// The approval.

/** Where an approval stands. */
type ApprovalState = "pendingApproval" | "approved" | "rejected" | "expired";

/** What its states are called. */
export const approvalStateNames = {
  pendingApproval: { en: "Waiting for approval", fr: "En attente d'approbation" },
  approved: { en: "Approved", fr: "Approuvé" },
  rejected: { en: "Rejected", fr: "Rejeté" },
  expired: { en: "Expired", fr: "Expiré" },
} as const satisfies Record<ApprovalState, { readonly en: string; readonly fr: string }>;

/** What can happen to it. */
type ApprovalEvent = "approve" | "reject" | "expire";

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

/** The caller as approvals remember them. */
export const personOf = (caller: Caller): Person => ({
  principal: principalOf(caller),
  ...(caller.name === undefined ? {} : { name: caller.name }),
});

/** A person or an app as the API shows them. */
export const PersonView = z.object({
  kind: z.enum(["user", "group", "app", "bootstrap"]),
  homeTenantId: z.string(),
  id: z.string(),
  name: z.string().optional(),
});

/** A person or an app, flat. */
export const personView = ({ principal, name }: Person) => ({
  ...principal,
  ...(name === undefined ? {} : { name }),
});

/** What waits at the gate: its kind, its id, and for who decides all that would be done. */
type Subject = {
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
type Decided =
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

/** Why somebody may not decide about what they, or somebody else, asked for. */
export function notDecider(
  event: "approve" | "reject",
  by: Principal,
  requestedBy: Principal,
  approvers: readonly Caller["kind"][],
): "own-request" | "no-person" | undefined {
  if (samePrincipal(by, requestedBy)) return "own-request";
  // Saying no is safe, whoever says it.
  return event === "approve" && !approvers.some((kind) => kind === by.kind)
    ? "no-person"
    : undefined;
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
  const { requestedBy, approvers } = approval;
  const why = notDecider(event, by.principal, requestedBy.principal, approvers);
  if (why !== undefined) return { kind: "refused", why };
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
