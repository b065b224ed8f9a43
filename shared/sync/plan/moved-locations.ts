/**
 * Would a change of a named location lock people out? A policy that names it, or all that are trusted, is for more
 * sign-ins when a place that it is for grows, or when a place that it leaves out shrinks. Whom it hits then is asked as
 * of any other policy. Pure.
 */
import { BlockList } from "node:net";
import { type JsonObject, textOf } from "../items/json.ts";
import {
  idsIn,
  type LockOutFacts,
  list,
  lockOutWarnings,
  type PolicyAfter,
  part,
  type UnknownFacts,
} from "./lock-out.ts";
import { isObject } from "./shape.ts";

/** What a plan makes of a named location: nothing before of one that it creates, nothing after of one that it deletes. */
export type LocationChange = {
  readonly changeId: string;
  readonly id?: string | undefined;
  readonly before?: JsonObject | undefined;
  readonly after?: JsonObject | undefined;
};

/** Warnings about changes of named locations, by what the policies demand that will be there or are there now. */
export const locationWarnings = (
  changes: readonly LocationChange[],
  policies: readonly PolicyAfter[],
  facts: LockOutFacts | UnknownFacts,
): ReturnType<typeof lockOutWarnings> =>
  changes.flatMap((change) =>
    policies
      .filter(({ body }) => isForMore(body, change))
      .flatMap((policy) => {
        const others = policies.flatMap((other) =>
          other === policy ? [] : [{ name: other.name, body: other.body }],
        );
        const { changeId } = change;
        const after = "unknown" in facts ? facts : withTrust(facts, change, changes);
        return lockOutWarnings([{ ...policy, changeId }, ...others], after).map((warning) => ({
          ...warning,
          detail: `By it, the policy "${policy.name}" is for more sign-ins. ${warning.detail}`,
        }));
      }),
  );

/** Whether some policy is for more by a change: only then somebody has to look who it is for. */
export const isForMore = (policy: JsonObject, change: LocationChange): boolean => {
  const locations = part(part(policy, "conditions"), "locations");
  const [included, excluded] = [
    idsIn(locations, "includeLocations"),
    idsIn(locations, "excludeLocations"),
  ];
  // What is for every place cannot be for more of them.
  const isEverywhere = included.length === 0 || included.includes("All");
  return (
    (!isEverywhere &&
      namedSides(included, change).some(([before, after]) => !isIn(after, before))) ||
    namedSides(excluded, change).some(([before, after]) => !isIn(before, after))
  );
};

type Place = JsonObject | undefined;

/** A location before and after, for each way in which a list names it: itself, and among those that are trusted. */
function namedSides(
  ids: readonly string[],
  { id, before, after }: LocationChange,
): (readonly [Place, Place])[] {
  const trusted = (place: Place): Place => (place?.["isTrusted"] === true ? place : undefined);
  const own = id !== undefined && ids.includes(id) ? [[before, after] as const] : [];
  return ids.includes("AllTrusted") ? [...own, [trusted(before), trusted(after)]] : own;
}

/** Whether all of a place is in another one. Ranges that only together hold one are not taken for it: somebody looks. */
function isIn(inner: Place, outer: Place): boolean {
  if (inner === undefined) return true;
  if (outer === undefined) return false;
  const [ranges, around] = [rangesIn(inner), rangesIn(outer)];
  const [countries, among] = [
    idsIn(inner, "countriesAndRegions"),
    idsIn(outer, "countriesAndRegions"),
  ];
  const unknown = "includeUnknownCountriesAndRegions";
  return (
    ["@odata.type", "countryLookupMethod"].every((name) => inner[name] === outer[name]) &&
    ranges.every((range) => around.some((other) => isWithin(range, other))) &&
    countries.every((country) => among.includes(country)) &&
    (inner[unknown] !== true || outer[unknown] === true)
  );
}

const rangesIn = (place: JsonObject): string[] =>
  list(place["ipRanges"]).flatMap((range) => (isObject(range) ? textOf(range["cidrAddress"]) : []));

/** Whether a range of addresses is part of another; what is none is only part of what is written alike. */
function isWithin(range: string, other: string): boolean {
  if (range === other) return true;
  const [[address = "", bits], [around = "", fewer]] = [range.split("/"), other.split("/")];
  const family = address.includes(":") ? "ipv6" : "ipv4";
  if (Number(fewer) > Number(bits)) return false;
  try {
    const block = new BlockList();
    block.addSubnet(around, Number(fewer), around.includes(":") ? "ipv6" : "ipv4");
    return block.check(address, family);
  } catch {
    return false;
  }
}

/**
 * What is trusted, at worst, where people choose among the changes of a plan: what any of them takes trust from is not
 * trusted any more, and of what gains it only this one is.
 */
function withTrust(
  facts: LockOutFacts,
  own: LocationChange,
  changes: readonly LocationChange[],
): LockOutFacts {
  const losing = new Set(
    changes.flatMap(({ id, after }) => (after?.["isTrusted"] === true ? [] : (id ?? []))),
  );
  const before = (facts.namedLocations ?? []).map(({ id, isTrusted }) => ({
    id,
    isTrusted: isTrusted && !losing.has(id),
  }));
  const namedLocations = [
    ...before,
    { id: own.id ?? "", isTrusted: own.after?.["isTrusted"] === true },
  ];
  return { ...facts, namedLocations };
}
