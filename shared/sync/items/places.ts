/**
 * Places of a type's items: what its rules say of a property, worked out once for all items that have it, since an
 * unchanged sync asks for each property of each item. Pure.
 */
import type { ConfigurationType, ReferencePlace } from "../catalogue/configuration-type.ts";

/** How a text is written in the one way in which it is kept. */
type TextKind = "duration" | "encoded" | "id" | "plain";

/** What no type keeps of an item itself. */
const droppedEverywhere = [
  "id",
  "createdBy",
  "lastModifiedBy",
  "deletedDateTime",
  "version",
  "isAssigned",
  "supportsScopeTags",
  "settingCount",
  "creationSource",
  "deviceStatuses",
  "userStatuses",
  "deviceStatusOverview",
  "userStatusOverview",
  "deviceRunStates",
  "userRunStates",
  "runSummary",
  "deviceSettingStateSummaries",
];
/** What none keeps at any place: dates that move with each change, and what Graph says about the answer itself. */
const droppedAnywhere = /^(?:created|lastModified|modified)DateTime$|@odata\.(?!type$)|^#microsoft/;

const durations =
  /^(?:maximumDuration|executionFrequency|maxLifetime|period\w+|gracePeriodToBlockApps\w+|pinRequiredInsteadOfBiometricTimeout)$/;
const texts =
  /^(?:scriptContent|detectionScriptContent|remediationScriptContent|rulesContent|payload)$/;
const ids = /(?:^id|Ids?|Guids\w*|Profiles?|members)$/i;

/** By the name of its property, since values are people's own. */
function textKindOf(name: string): TextKind {
  if (durations.test(name)) return "duration";
  if (texts.test(name)) return "encoded";
  return ids.test(name) ? "id" : "plain";
}

type Rules = {
  readonly drops: ReadonlySet<string>;
  readonly sets: ReadonlySet<string>;
  readonly keyed: ReadonlyMap<string, string>;
  readonly emptyIsNothing: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly references: ReadonlyMap<string, readonly ReferencePlace[]>;
  /** Places that are remembered. */
  count: number;
};

/** More places than any type has: what is beyond comes from names that somebody made up, and is not remembered. */
const maxPlaces = 20_000;

/** One place, and those inside of it. */
export class Place {
  readonly isDropped: boolean;
  readonly isSecret: boolean;
  readonly emptyIsNothing: boolean;
  /** A list without an order. */
  readonly isSet: boolean;
  /** A list of scope tags of the item itself. */
  readonly isTags: boolean;
  /** What an assignment is for. */
  readonly isTarget: boolean;
  /** What tells the elements of a list apart. */
  readonly keyedBy: string | undefined;
  readonly references: readonly ReferencePlace[];
  readonly textKind: TextKind;
  readonly #rules: Rules;
  readonly #path: string;
  readonly #inner = new Map<string, Place>();

  constructor(rules: Rules, path: string, name: string) {
    this.#rules = rules;
    this.#path = path;
    this.isDropped = rules.drops.has(path) || droppedAnywhere.test(name);
    this.isSecret = rules.secrets.has(path);
    this.emptyIsNothing = rules.emptyIsNothing.has(path);
    this.isSet = rules.sets.has(path);
    this.isTags = /^roleScopeTag(Id)?s$/.test(path);
    this.isTarget = path === "assignments[].target";
    this.keyedBy = rules.keyed.get(path);
    this.references = rules.references.get(path) ?? [];
    this.textKind = textKindOf(path.replaceAll("[]", "").replace(/^.*\./, ""));
  }

  /** A property's place. */
  property(name: string): Place {
    return this.#inside(name, this.#path === "" ? "" : ".");
  }

  /** The place of the elements of a list. */
  get element(): Place {
    return this.#inside("[]", "");
  }

  #inside(name: string, joint: string): Place {
    const known = this.#inner.get(name);
    if (known !== undefined) return known;
    const place = new Place(this.#rules, `${this.#path}${joint}${name}`, name);
    if (this.#rules.count < maxPlaces) {
      this.#rules.count += 1;
      this.#inner.set(name, place);
    }
    return place;
  }
}

/** Places of lists, with or without the mark of an element behind them. */
const listPlaces = (places: readonly string[] = []): Set<string> =>
  new Set(places.map((place) => place.replace(/\[\]$/, "")));

const known = new WeakMap<ConfigurationType, Place>();

/** The place of a type's items themselves. */
export function placeOf(type: ConfigurationType): Place {
  const before = known.get(type);
  if (before !== undefined) return before;
  const keyed = Object.entries(type.keyedLists ?? {});
  const rules: Rules = {
    drops: new Set([...droppedEverywhere, ...type.drops]),
    sets: listPlaces([...type.sets, "assignments"]),
    keyed: new Map(keyed.map(([at, by]) => [at.replace(/\[\]$/, ""), by])),
    emptyIsNothing: listPlaces(type.emptyIsNothing),
    secrets: new Set(type.secrets),
    references: Map.groupBy(type.references, ({ at }) => at),
    count: 0,
  };
  const place = new Place(rules, "", "");
  known.set(type, place);
  return place;
}
