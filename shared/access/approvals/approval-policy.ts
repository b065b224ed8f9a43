/** What needs a second person: rules over kind, action, count and tenant. Pure. */
import * as z from "zod";
import { Line } from "../../kernel/outside-text.ts";
import { TenantId } from "../../kernel/values.ts";
import { callerKinds } from "../sign-in/caller.ts";

/** Kinds of requests that an approval gate can keep waiting. */
export const approvableKinds = ["notification", "provisioning", "sync"] as const;
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
        "Devices up to which one person is enough, all that they sent the action to within withinHours together; 0 means always two",
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
