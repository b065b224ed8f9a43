/**
 * Other desired contents: the tenant's own, where people reject what a plan would do and reset, and earlier ones, where
 * they undo what was done. Nothing is written here; what comes of it is seen in the next plan. Pure.
 */
import type { Item, ItemEntry, TypeContent } from "../items/item.ts";
import type { PlanRules } from "./plan.ts";
import { pairsOf } from "./plan-of.ts";

/** Items by type and key, or all there are. */
type Which = "all" | readonly { readonly type: string; readonly key: string }[];

/**
 * What is desired after a reset: of these items what the tenant has, or nothing, where it has none. What was read in
 * part is no state to want: there the desired content stands. So it does for types that `actual` has not.
 */
export const desiredAfterReset = (
  desired: readonly TypeContent[],
  actual: readonly TypeContent[],
  which: Which,
): TypeContent[] => replaced(desired, actual, which);

type RulesOfItems = Pick<PlanRules, "overrides" | "deviations">;

/** The rules after a reset: what they say of these items was about the content that went. */
export function rulesAfterReset<T extends RulesOfItems>(rules: T, which: Which): T {
  const isReset = chosen(which);
  const stays = ({ type, key }: { readonly type: string; readonly key: string }): boolean =>
    !isReset(type, key);
  return {
    ...rules,
    overrides: rules.overrides.filter(stays),
    deviations: rules.deviations.filter(stays),
  };
}

/** The rules with what others say of these items. */
export function rulesWith<T extends RulesOfItems>(rules: T, others: T, which: Which): T {
  const isMeant = chosen(which);
  const own = ({ type, key }: { readonly type: string; readonly key: string }): boolean =>
    isMeant(type, key);
  const rest = rulesAfterReset(rules, which);
  return {
    ...rest,
    overrides: [...rest.overrides, ...others.overrides.filter(own)],
    deviations: [...rest.deviations, ...others.deviations.filter(own)],
  };
}

/**
 * What is desired when a deploy is undone: of the items that it touched what `before` has, which is the manifest from
 * before the deploy, but for what was read in part then. What the deploy created is desired no longer; name it in
 * `undone` when planning.
 */
export const desiredForUndo = (
  desired: readonly TypeContent[],
  before: readonly TypeContent[],
  touched: Which,
): TypeContent[] => replaced(desired, before, touched);

type Entry = { readonly entry: ItemEntry; readonly item: Item | undefined };

function replaced(
  desired: readonly TypeContent[],
  source: readonly TypeContent[],
  which: Which,
): TypeContent[] {
  const isChosen = chosen(which);
  const types = [...new Set([...desired, ...source].map(({ type }) => type))].toSorted();
  return types.map((type) => {
    const [own, other] = [desired, source].map((contents) => contents.find((c) => c.type === type));
    if (other === undefined) return own ?? empty(type);
    const kept = pairsOf(own, other).flatMap((pair): Entry[] => {
      const keys = [pair.desired?.key, pair.actual?.key].filter((key) => key !== undefined);
      const takes = keys.some((key) => isChosen(type, key));
      const from = takes && pair.actual?.flaw === undefined ? pair.actual : pair.desired;
      if (from === undefined) return [];
      const content = from === pair.actual ? other : own;
      return [{ entry: from, item: content?.items.find(({ key }) => key === from.key) }];
    });
    return {
      type,
      items: kept.flatMap(({ item }) => item ?? []),
      entries: new Map(kept.map(({ entry }) => [entry.key, entry])),
    };
  });
}

const empty = (type: string): TypeContent => ({ type, items: [], entries: new Map() });

function chosen(which: Which): (type: string, key: string) => boolean {
  if (which === "all") return () => true;
  const names = new Set(which.map(({ type, key }) => `${type}/${key}`));
  return (type, key) => names.has(`${type}/${key}`);
}
