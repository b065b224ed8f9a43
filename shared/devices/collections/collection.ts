/**
 * A collection: devices named one by one, or a rule that finds them when asked; what may be said of one, and which
 * devices are its members. Pure.
 */

import * as z from "zod";
import { durationMs, fromIso, type Instant } from "../../kernel/clock.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { DeviceId } from "../../kernel/values.ts";
import type { Device } from "../directory/device.ts";

// A rule is a condition on a device, or several joined by and, or, not.

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

const ruleText = Line.min(1).max(256);
const ruleTexts = z.array(ruleText).min(1).max(100);
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
    z.strictObject({ property: named, operator: within, value: ruleTexts }),
  ]);
};

const nameCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: z.literal("deviceName"), operator: equals, value: ruleText }),
  z.strictObject({ property: z.literal("deviceName"), operator: startsWith, value: ruleText }),
]);

/** What somebody types who looks for a device: part of its name, serial number or user. */
const textCondition = z.strictObject({
  property: z.literal("text"),
  operator: z.literal("contains"),
  value: ruleText,
});

const tagCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: z.literal("groupTag"), operator: equals, value: ruleText }),
  z.strictObject({ property: z.literal("groupTag"), operator: startsWith, value: ruleText }),
  z.strictObject({ property: z.literal("groupTag"), operator: within, value: ruleTexts }),
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
  "a rule has and, or, not, or a property out of operatingSystem, managementAgent, complianceState, deviceName, groupTag, lastSyncDateTime, text";

/** One condition on one property. */
const Condition = z
  .discriminatedUnion(
    "property",
    [
      choice("operatingSystem"),
      choice("managementAgent"),
      choice("complianceState"),
      nameCondition,
      textCondition,
      tagCondition,
      syncCondition,
    ],
    { error: ({ code }) => (code === "invalid_union" ? whatARuleIs : undefined) },
  )
  .meta({ id: "Condition" });
type Condition = z.output<typeof Condition>;

const All = z.strictObject({
  get and() {
    return z.array(Node).min(1).max(maxRuleNodes);
  },
});
const Any = z.strictObject({
  get or() {
    return z.array(Node).min(1).max(maxRuleNodes);
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

/** A device's texts in lower case: each is made once, however many conditions ask for it. */
type Texts = Readonly<Record<TextCondition["property"], string>>;
type Test = (texts: Texts, device: Device) => boolean;

/**
 * Whether a device is a member, at `now`. Texts are compared without regard to case. A rule is taken apart once, so that
 * a hundred conditions with a hundred values each cost a hundred look-ups for a device, not ten thousand comparisons.
 */
export function memberTest(rule: Rule, now: Instant): (device: Device) => boolean {
  const test = testOf(rule, now);
  return (device) => test(textsOf(device), device);
}

function testOf(rule: Rule, now: Instant): Test {
  if ("and" in rule) {
    const parts = rule.and.map((part) => testOf(part, now));
    return (texts, device) => parts.every((part) => part(texts, device));
  }
  if ("or" in rule) {
    const parts = rule.or.map((part) => testOf(part, now));
    return (texts, device) => parts.some((part) => part(texts, device));
  }
  if ("not" in rule) {
    const part = testOf(rule.not, now);
    return (texts, device) => !part(texts, device);
  }
  return rule.property === "lastSyncDateTime" ? syncTest(rule, now) : textTest(rule);
}

type SyncCondition = Extract<Condition, { property: "lastSyncDateTime" }>;
type TextCondition = Exclude<Condition, SyncCondition>;

const textsOf = (device: Device): Texts => ({
  deviceName: device.name.toLowerCase(),
  operatingSystem: (device.operatingSystem ?? "").toLowerCase(),
  managementAgent: (device.managementAgent ?? "").toLowerCase(),
  complianceState: (device.complianceState ?? "").toLowerCase(),
  groupTag: (device.groupTag ?? "").toLowerCase(),
  text: textOf(device),
});

/** What somebody looks through who looks for a device, in lower case: name, serial number, user. */
export const textOf = ({
  name: called,
  serialNumber = "",
  userPrincipalName = "",
}: Device): string => `${called}\n${serialNumber}\n${userPrincipalName}`.toLowerCase();

function textTest(condition: TextCondition): Test {
  const { property } = condition;
  switch (condition.operator) {
    case "equals": {
      const value = condition.value.toLowerCase();
      return (texts) => texts[property] === value;
    }
    case "notEquals": {
      const value = condition.value.toLowerCase();
      return (texts) => texts[property] !== value;
    }
    case "startsWith": {
      const value = condition.value.toLowerCase();
      return (texts) => texts[property].startsWith(value);
    }
    case "contains": {
      const value = condition.value.toLowerCase();
      return (texts) => texts[property].includes(value);
    }
    case "in": {
      const values = new Set(condition.value.map((value) => value.toLowerCase()));
      return (texts) => values.has(texts[property]);
    }
    case "isMissing":
      return (texts) => texts[property] === "";
  }
}

/** A device that never synced is older than every moment. */
const synced = ({ lastSyncDateTime }: Device): Instant =>
  fromIso(lastSyncDateTime) ?? Number.NEGATIVE_INFINITY;

function syncTest({ operator, value }: SyncCondition, now: Instant): Test {
  const bound =
    operator === "olderThan" || operator === "newerThan"
      ? now - (durationMs(value) ?? 0)
      : (fromIso(value) ?? 0);
  switch (operator) {
    case "olderThan":
    case "before":
      return (_texts, device) => synced(device) < bound;
    case "newerThan":
      return (_texts, device) => synced(device) >= bound;
    case "after":
      return (_texts, device) => synced(device) > bound;
  }
}

/** Most devices in a static list. */
const maxStaticDevices = 10_000;

// What is asked for when one is added or replaced.

const name = Line.trim().min(1).max(200);
const description = Prose.max(1000).optional();

const deviceIds = z.array(DeviceId).max(maxStaticDevices).describe("Intune device ids");

/** Body of a collection's creation, and of its replacement. */
export const CollectionBody = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("static"), name, description, deviceIds }),
  z.strictObject({ kind: z.literal("rule"), name, description, rule: Rule }),
]);
export type CollectionBody = z.output<typeof CollectionBody>;
