/** What needs a second person: rules over kind, action, count and tenant. Pure. */
import * as z from "zod";
import { TenantId } from "../../kernel/values.ts";

/** Kinds of things that can be held until somebody else agrees. */
export const approvableKinds = ["notification", "provisioning", "sync"] as const;
export type ApprovableKind = (typeof approvableKinds)[number];

const maxRules = 200;

/** Tenant ids come in by any spelling, and go out as they are kept. */
const ruleOf = (tenantId: typeof TenantId | z.ZodString) =>
  z.strictObject({
    kind: z.enum(approvableKinds),
    actions: z
      .union([z.literal("all"), z.array(z.string().min(1).max(64)).min(1).max(50)])
      .describe("Action ids, such as restart"),
    tenantIds: z.union([z.literal("all"), z.array(tenantId).min(1).max(200)]),
    moreThan: z
      .int()
      .min(0)
      .describe("Devices up to which one person is enough; 0 means always two"),
    expiresAfterHours: z.int().min(1).max(168).default(24),
  });

/** Body of all rules together. */
export const ApprovalRules = z.strictObject({ rules: z.array(ruleOf(TenantId)).max(maxRules) });
export type ApprovalRules = z.output<typeof ApprovalRules>;

/** One rule. It holds where everything in it does. */
export type ApprovalRule = ApprovalRules["rules"][number];

/** All rules as the API shows them. */
export const ApprovalRulesView = z
  .object({ rules: z.array(ruleOf(z.string())) })
  .meta({ id: "ApprovalRules" });

/** What somebody wants to do, as far as the rules look at it. */
export type Intent = {
  readonly kind: ApprovableKind;
  readonly action: string;
  readonly tenantId: string;
  /** Devices it is for; undefined while nobody knows, which counts as very many. */
  readonly count: number | undefined;
};

/**
 * The rule that demands a second person, or undefined. Of several the one that gives the least time: what
 * waits for approval should not wait longer than any rule allows.
 */
export function ruleFor(rules: readonly ApprovalRule[], intent: Intent): ApprovalRule | undefined {
  const { kind, action, tenantId, count = Number.POSITIVE_INFINITY } = intent;
  return rules
    .filter(
      (rule) =>
        rule.kind === kind &&
        (rule.actions === "all" || rule.actions.includes(action)) &&
        (rule.tenantIds === "all" || rule.tenantIds.includes(tenantId)) &&
        (count > rule.moreThan || rule.moreThan === 0),
    )
    .toSorted((one, other) => one.expiresAfterHours - other.expiresAfterHours)[0];
}
