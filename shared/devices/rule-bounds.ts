/**
 * Keeps a rule small before it is parsed: a document nested without end would otherwise exhaust the
 * stack of whoever parses it.
 */
import { z } from "zod";

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
export function withinBounds(rule: unknown, context: z.core.$RefinementCtx): unknown {
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
