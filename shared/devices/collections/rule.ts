/** Rules of collections: a condition on a device, or several joined by and, or, not. Pure. */
import * as z from "zod";
import { fromIso, type Instant } from "../../kernel/clock.ts";
import { durationMs } from "../../kernel/duration.ts";
import type { Device } from "../directory/device.ts";

// Keeps a rule small before it is parsed: a document nested without end would otherwise exhaust the
// stack of whoever parses it.

/** Most levels, a single condition being one. */
const maxRuleDepth = 8;
/** Most conditions and joints together. */
const maxRuleNodes = 100;

type Place = {
  readonly value: unknown;
  readonly path: readonly (string | number)[];
  readonly depth: number;
};

/** Passes a rule on, or complains at the first place that is too deep or one too many. */
function withinBounds(rule: unknown, context: z.core.$RefinementCtx): unknown {
  const open: Place[] = [{ value: rule, path: [], depth: 1 }];
  for (let nodes = 1; open.length > 0; nodes += 1) {
    const place = open.pop() as Place;
    const fault = nodes > maxRuleNodes ? tooMany : place.depth > maxRuleDepth ? tooDeep : undefined;
    if (fault !== undefined) {
      context.addIssue({ code: "custom", message: fault, path: [...place.path], input: rule });
      return z.NEVER;
    }
    open.push(...partsOf(place));
  }
  return rule;
}

const tooMany = `a rule may have ${maxRuleNodes} conditions and joints`;
const tooDeep = `a rule may have ${maxRuleDepth} levels`;

function partsOf({ value, path, depth }: Place): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const parts: Place[] = [];
  for (const joint of ["and", "or", "not"]) {
    const below = (value as Record<string, unknown>)[joint];
    const at = [...path, joint];
    if (Array.isArray(below))
      // One more than allowed is enough to refuse it.
      for (const [index, part] of below.slice(0, maxRuleNodes + 1).entries())
        parts.push({ value: part, path: [...at, index], depth: depth + 1 });
    else if (below !== undefined) parts.push({ value: below, path: at, depth: depth + 1 });
  }
  return parts;
}

// The conditions that rules are made of: one property, one operator, one value.

const ruleText = z.string().min(1).max(256);
const texts = z.array(ruleText).min(1).max(100);
const equals = z.literal("equals");
const within = z.literal("in");
const startsWith = z.literal("startsWith");
const duration = z
  .string()
  .refine((value) => durationMs(value) !== undefined, "must be an ISO 8601 duration such as P7D")
  .meta({ format: "duration" });

/** Text properties with a small set of customary values. Comparison ignores case. */
const choice = <const P extends string>(property: P) => {
  const named = z.literal(property);
  return z.discriminatedUnion("operator", [
    z.strictObject({ property: named, operator: equals, value: ruleText }),
    z.strictObject({ property: named, operator: z.literal("notEquals"), value: ruleText }),
    z.strictObject({ property: named, operator: within, value: texts }),
  ]);
};

const nameCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: z.literal("deviceName"), operator: equals, value: ruleText }),
  z.strictObject({ property: z.literal("deviceName"), operator: startsWith, value: ruleText }),
]);

const tagCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: z.literal("groupTag"), operator: equals, value: ruleText }),
  z.strictObject({ property: z.literal("groupTag"), operator: startsWith, value: ruleText }),
  z.strictObject({ property: z.literal("groupTag"), operator: within, value: texts }),
  z.strictObject({ property: z.literal("groupTag"), operator: z.literal("isMissing") }),
]);

const lastSync = z.literal("lastSyncDateTime");
const instant = z.iso.datetime({ offset: true });
const syncCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: lastSync, operator: z.literal("olderThan"), value: duration }),
  z.strictObject({ property: lastSync, operator: z.literal("newerThan"), value: duration }),
  z.strictObject({ property: lastSync, operator: z.literal("before"), value: instant }),
  z.strictObject({ property: lastSync, operator: z.literal("after"), value: instant }),
]);

const whatARuleIs =
  "a rule has and, or, not, or a property out of operatingSystem, managementAgent, complianceState, deviceName, groupTag, lastSyncDateTime";

/** One condition on one property. */
export const Condition = z
  .discriminatedUnion(
    "property",
    [
      choice("operatingSystem"),
      choice("managementAgent"),
      choice("complianceState"),
      nameCondition,
      tagCondition,
      syncCondition,
    ],
    { error: ({ code }) => (code === "invalid_union" ? whatARuleIs : undefined) },
  )
  .meta({ id: "Condition" });
export type Condition = z.output<typeof Condition>;

const All = z.strictObject({
  get and() {
    return z.array(Node).min(1);
  },
});
const Any = z.strictObject({
  get or() {
    return z.array(Node).min(1);
  },
});
const Not = z.strictObject({
  get not() {
    return Node;
  },
});

/** A condition, or rules joined by `and`, `or`, `not`. */
export type Rule =
  | Condition
  | { readonly and: readonly Rule[] }
  | { readonly or: readonly Rule[] }
  | { readonly not: Rule };

const Node: z.ZodType<Rule> = z
  .union([Condition, All, Any, Not])
  .meta({ id: "Rule", description: "A condition, or rules joined by and, or, not" });

/** The schema that admits a rule from outside: 8 levels and 100 nodes at most. */
export const Rule: z.ZodType<Rule> = z.preprocess(withinBounds, Node);

/** Says whether `device` is a member. Texts are compared without regard to case. */
export function matches(rule: Rule, device: Device, now: Instant): boolean {
  if ("and" in rule) return rule.and.every((part) => matches(part, device, now));
  if ("or" in rule) return rule.or.some((part) => matches(part, device, now));
  if ("not" in rule) return !matches(rule.not, device, now);
  if (rule.property === "lastSyncDateTime") return matchesSync(rule, device, now);
  return matchesText(rule, textOf(rule.property, device));
}

type SyncCondition = Extract<Condition, { property: "lastSyncDateTime" }>;
type TextCondition = Exclude<Condition, SyncCondition>;

function textOf(property: TextCondition["property"], device: Device): string {
  if (property === "deviceName") return device.name;
  return device[property] ?? "";
}

function matchesText(condition: TextCondition, text: string): boolean {
  const actual = text.toLowerCase();
  switch (condition.operator) {
    case "equals":
      return actual === condition.value.toLowerCase();
    case "notEquals":
      return actual !== condition.value.toLowerCase();
    case "startsWith":
      return actual.startsWith(condition.value.toLowerCase());
    case "in":
      return condition.value.some((value) => actual === value.toLowerCase());
    case "isMissing":
      return actual === "";
  }
}

function matchesSync({ operator, value }: SyncCondition, device: Device, now: Instant): boolean {
  // A device that never synced is older than every moment.
  const synced = fromIso(device.lastSyncDateTime) ?? Number.NEGATIVE_INFINITY;
  switch (operator) {
    case "olderThan":
      return synced < now - (durationMs(value) ?? 0);
    case "newerThan":
      return synced >= now - (durationMs(value) ?? 0);
    case "before":
      return synced < (fromIso(value) ?? 0);
    case "after":
      return synced > (fromIso(value) ?? 0);
  }
}
