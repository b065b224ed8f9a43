/** Whether somebody has changed an item between the plan and its write. Pure. */
import { isDeepStrictEqual } from "node:util";
import { bornAs } from "../catalogue/catalogue.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { Item, ItemEntry } from "../items/item.ts";
import { compareHere } from "./compare.ts";
import type { PlannedChange, PropertyChange } from "./plan.ts";

/** A change at work, and the item as it is wanted. */
type Change = {
  readonly type: ConfigurationType;
  readonly change: PlannedChange;
  readonly wanted: Item | undefined;
};

/**
 * Whether the tenant's item is another one than the plan was made from. A write that was begun may have made a part of the
 * change: what is left of it has to be of the plan, each part from the value that was approved. A write of several requests
 * may have taken away what one after it was to make anew.
 */
export function hasMoved(
  work: Change,
  { state }: { readonly state: string },
  current: { readonly item: Item; readonly entry: ItemEntry } | undefined,
): boolean {
  const { type, change, wanted } = work;
  if (state === "queued") return current?.entry.hash !== change.before;
  if (state !== "writing") return false;
  if (current === undefined) return change.action === "update";
  const left = compareHere(type, current.item.body, wanted?.body);
  if (change.action === "create") return isOfSomebodyElse(work, left);
  const planned = new Map(change.properties.map((each) => [each.pointer, each.before]));
  if (change.action === "delete") return isNoMoreAsPlanned(planned, left);
  const parts = new Set(change.properties.map(({ pointer }) => partOf(pointer)));
  return left.some(({ pointer, before }) => {
    const isPlanned = planned.has(pointer) && isDeepStrictEqual(planned.get(pointer), before);
    const part = partOf(pointer);
    const isGone = before === undefined && type.madeAnew?.includes(part) && parts.has(part);
    return !isPlanned && !isGone;
  });
}

/**
 * What the first request makes whole is as it was wanted, whoever died after it: where something else stands in its place,
 * nobody has made that for us. What later requests are to give it is not there yet.
 */
function isOfSomebodyElse({ type, wanted }: Change, left: readonly PropertyChange[]): boolean {
  const whole = wanted?.body ?? {};
  const born = bornAs(type, whole);
  return [...Map.groupBy(left, ({ pointer }) => partOf(pointer))].some(
    ([part, own]) =>
      isDeepStrictEqual(born[part], whole[part]) &&
      // Of a set one thing is missing, and another one is there.
      own.some(({ before }) => before !== undefined) &&
      own.some(({ after }) => after !== undefined),
  );
}

/** All of what goes is as it was approved; a request before the deletion may have turned something off. */
function isNoMoreAsPlanned(
  planned: ReadonlyMap<string, PropertyChange["before"]>,
  left: readonly PropertyChange[],
): boolean {
  const now = new Map(left.map((each) => [each.pointer, each.before]));
  return [...new Set([...planned.keys(), ...now.keys()])].some(
    (pointer) =>
      now.get(pointer) !== false && !isDeepStrictEqual(planned.get(pointer), now.get(pointer)),
  );
}

/** The property at the top that a pointer leads into. */
export const partOf = (pointer: string): string => pointer.split("/")[1] ?? "";
