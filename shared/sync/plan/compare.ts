/** In what two contents of an item differ, in words that people read, and which rules of a tenant's are about it. Pure. */
import { isDeepStrictEqual } from "node:util";
import diff from "microdiff";
import { fromIso, type Instant } from "../../kernel/clock.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { Json, JsonObject } from "../items/json.ts";
import type { FilledIn, PlanRules, PropertyChange } from "./plan.ts";
import {
  isObject,
  type Lens,
  lensFor,
  mergeOver,
  segmentsOf,
  shown,
  tokensIn,
  valueAt,
  viewOf,
} from "./shape.ts";

/**
 * The differences of two canonical bodies, by pointer. An absent body is one without properties. References are equal
 * when their ids or their names are: for two tenants, or two times. Within one tenant see `compareHere`.
 */
export const compare = (
  type: ConfigurationType,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): PropertyChange[] => differences(lensFor(type, before, after, false), before, after);

/** The same within one tenant: of two references with ids, ids decide, whatever the two are called. */
export const compareHere = (
  type: ConfigurationType,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): PropertyChange[] => differences(lensFor(type, before, after, true), before, after);

/** The differences of two bodies through a lens that was made for them. */
export function differences(
  lens: Lens,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): PropertyChange[] {
  const [old, fresh] = [viewOf(lens, before ?? {}), viewOf(lens, after ?? {})];
  if (!isObject(old) || !isObject(fresh)) throw new Error("a body is an object");
  const found = new Map<string, PropertyChange>();
  for (const { path } of diff(old, fresh, { cyclesFix: false })) {
    const whole = upToList([old, fresh], path.map(String));
    const pointer = whole.map((name) => `/${escaped(name)}`).join("");
    const [was, is] = [shown(follow(old, whole)), shown(follow(fresh, whole))];
    found.set(pointer, {
      pointer,
      ...(was === undefined ? {} : { before: was }),
      ...(is === undefined ? {} : { after: is }),
    });
  }
  return [...found.values()].toSorted((a, b) => (a.pointer < b.pointer ? -1 : 1));
}

/** A list in which order counts is one value: what moved in it is told by no place. */
function upToList(views: readonly Json[], path: readonly string[]): readonly string[] {
  const end = path.findIndex((_, length) =>
    views.some((view) => Array.isArray(follow(view, path.slice(0, length)))),
  );
  return end < 0 ? path : path.slice(0, end);
}

const follow = (view: Json, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((node, name) => (isObject(node) ? node[name] : undefined), view);

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** What a tenant's people have decided about one item. */
export type ItemRules = Pick<PlanRules, "deviations" | "overrides"> & {
  readonly mode: "strict" | "subset";
  readonly filled?: FilledIn | undefined;
};

/** The rules of one item. */
export function rulesOf(
  rules: Pick<PlanRules, "modes" | "deviations" | "overrides" | "filled">,
  type: string,
  key: string,
): ItemRules {
  const own = (rule: { readonly type: string; readonly key: string }): boolean =>
    rule.type === type && rule.key === key;
  return {
    mode: rules.modes[`${type}/${key}`] ?? "strict",
    deviations: rules.deviations.filter(own),
    overrides: rules.overrides.filter(own),
    filled: rules.filled?.[`${type}/${key}`],
  };
}

/** What is there of an item beside all that was written; undefined where something of that reads otherwise. */
export function filledIn(
  type: ConfigurationType,
  written: JsonObject,
  found: JsonObject,
): FilledIn["places"] | undefined {
  const lens = lensFor(type, found, written, true);
  const whole = mergeOver(lens, written, found);
  if (!isObject(whole) || differences(lens, found, whole).length > 0) return undefined;
  return differences(lens, found, written).flatMap(({ pointer }) => {
    const value = valueAt(lens, found, pointer);
    return value === undefined ? [] : [{ pointer, value }];
  });
}

/** What a tenant's value at a pointer refers to, where it is the one that is accepted; undefined where it is another. */
export function acceptedIds(
  lens: Lens,
  actual: JsonObject | undefined,
  { pointer, accepted }: { readonly pointer: string; readonly accepted?: Json | undefined },
): string[] | undefined {
  const isThere = isDeepStrictEqual(plain(lens, actual, pointer), accepted);
  return isThere ? idsIn(valueAt(lens, actual, pointer)) : undefined;
}

const idsIn = (value: Json | undefined): string[] =>
  [...new Set(Array.from(tokensIn(value), ({ $ref, id = "" }) => `${$ref}/${id}`))].toSorted();

/** Whether the time of an accepted deviation has run out: it is a difference again. */
export const isOver = ({ until }: { readonly until?: string | undefined }, now: Instant): boolean =>
  until !== undefined && (fromIso(until) ?? 0) <= now;

/** The value at a pointer as `PropertyChange` shows it. */
function plain(lens: Lens, body: JsonObject | undefined, pointer: string): Json | undefined {
  if (body === undefined) return undefined;
  const view = viewOf(lens, body);
  if (view === undefined) return undefined;
  return shown(follow(view, segmentsOf(pointer)));
}
