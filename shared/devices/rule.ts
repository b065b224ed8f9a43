/** Rules of collections: a condition on a device, or several joined by and, or, not. Pure. */
import { z } from "zod";
import { fromIso, type Instant } from "../kernel/clock.ts";
import { durationMs } from "../kernel/duration.ts";
import type { Device } from "./device.ts";
import { withinBounds } from "./rule-bounds.ts";
import { Condition } from "./rule-condition.ts";

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
