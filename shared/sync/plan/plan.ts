/** A plan: what would change in a tenant, and why what is not in order is left alone. Pure. */
import { digest } from "../../kernel/values.ts";
import type { ReasonCode } from "../catalogue/configuration-type.ts";
import type { Json } from "../items/json.ts";

/** One property that changes: where (JSON pointer within the body), from what, to what; references in plain names. */
export type PropertyChange = {
  readonly pointer: string;
  readonly before?: Json;
  readonly after?: Json;
};

/** Why something is left alone. */
export type Reason = { readonly reason: ReasonCode; readonly detail: string };

/** One change of a plan. */
export type PlannedChange = {
  /** The same for the same change in every plan: type, key, action, and what changes from what into what. */
  readonly changeId: string;
  readonly type: string;
  readonly key: string;
  readonly name: string;
  readonly action: "create" | "update" | "delete";
  readonly properties: readonly PropertyChange[];
  /** Its id in the tenant; absent for a creation, and of a singleton. */
  readonly id?: string;
  /** Hash of the item in the tenant; absent for a creation. */
  readonly before?: string;
  /** Hash of the item in the desired revision; absent for a deletion. */
  readonly after?: string;
  /** Changes of the same plan without which this one is not made: it names what they create, or they name what it deletes. */
  readonly needs: readonly string[];
  /** What an approver must know: a policy that would lock administrators out, a deletion. */
  readonly warnings: readonly Reason[];
};

/** An item that differs, and that the plan leaves alone. */
export type BlockedItem = Reason & {
  readonly type: string;
  readonly key: string;
  readonly name: string;
  readonly properties: readonly PropertyChange[];
  /** What a person may confirm, so that it becomes this change. */
  readonly confirm?: { readonly what: "deletes" | "lockOut"; readonly changeId: string };
};

/** A type of which nothing can be said, with the reason. */
export type UnreadType = Reason & { readonly type: string };

/** A plan. */
export type Plan = {
  readonly changes: readonly PlannedChange[];
  readonly blocked: readonly BlockedItem[];
  /** Rejected before and not changed since: nobody is asked again. */
  readonly held: readonly PlannedChange[];
  /** Items that are in the tenant and that nobody wants or forbids. */
  readonly unmanaged: readonly {
    readonly type: string;
    readonly key: string;
    readonly name: string;
  }[];
  /** Types of which nothing can be said, with the reason. */
  readonly unread: readonly UnreadType[];
};

/** What a service filled in of an item: which content was written, how it read back, and what is there beside it. */
export type FilledIn = {
  readonly written: string;
  readonly found: string;
  readonly places: readonly { readonly pointer: string; readonly value: Json }[];
};

/** Whether an item reads as it did right after it was created from the content that is wanted. */
export const isAsCreated = (
  filled: FilledIn | undefined,
  wanted: { readonly hash: string } | undefined,
  found: { readonly hash: string } | undefined,
): boolean =>
  filled !== undefined && filled.written === wanted?.hash && filled.found === found?.hash;

/** What a tenant's people have decided about its items; comes before comparing. */
export type PlanRules = {
  /** By `type/key`: `subset` compares only what the desired item names. Default: strict. */
  readonly modes: Readonly<Record<string, "strict" | "subset">>;
  /** A difference that is accepted, until it changes or the time is over. */
  readonly deviations: readonly {
    readonly type: string;
    readonly key: string;
    readonly pointer: string;
    /** The tenant's value that was accepted, as `PropertyChange` shows it. Absent: that there is none. */
    readonly accepted?: Json;
    /** What it referred to then: something else that is called alike was not accepted. Absent: it was not there yet. */
    readonly ids?: readonly string[];
    readonly reason: string;
    /** ISO 8601; absent: until it is taken back. */
    readonly until?: string;
  }[];
  /** A value that this tenant wants instead of the desired one. */
  readonly overrides: readonly {
    readonly type: string;
    readonly key: string;
    readonly pointer: string;
    readonly value: Json;
  }[];
  /** By `type/key`: what the service has filled in of items that we have created, which nobody named. */
  readonly filled?: Readonly<Record<string, FilledIn>>;
  /** Change ids that were rejected. */
  readonly held: readonly string[];
  /** Types whose items may be deleted. */
  readonly deletes: readonly string[];
};

/** Nothing decided. */
export const noRules: PlanRules = {
  modes: {},
  deviations: [],
  overrides: [],
  held: [],
  deletes: [],
};

/** What an approval is bound to: the same changes in the same order, and the same to be confirmed. */
export const planHash = (plan: Plan): string =>
  digest(
    "plan",
    ...plan.changes.map(({ changeId }) => changeId),
    "confirm",
    ...confirmable(plan).map(({ confirm }) => confirmationOf(confirm)),
  );

/** What a plan blocks until a person confirms it. */
export const confirmable = ({ blocked }: Plan) =>
  blocked.flatMap(({ confirm, ...item }) => (confirm === undefined ? [] : [{ ...item, confirm }]));

/** What a confirmation is of: this very change, and this very doubt about it. */
export const confirmationOf = ({ what, changeId }: NonNullable<BlockedItem["confirm"]>): string =>
  `${what} ${changeId}`;

/** Some changes of a plan, chosen by their ids. */
export type Selection =
  | { readonly kind: "selected"; readonly changes: readonly PlannedChange[] }
  /** The plan has no such changes. */
  | { readonly kind: "unknown"; readonly changeIds: readonly string[] }
  /** Chosen changes that need others, which were not chosen. */
  | {
      readonly kind: "incomplete";
      readonly missing: readonly {
        readonly change: PlannedChange;
        readonly needs: readonly PlannedChange[];
      }[];
    };

/** Chooses changes of a plan, in the plan's order. None can be chosen without those that it needs. */
export function selectChanges(plan: Plan, chosen: readonly string[]): Selection {
  const byId = new Map(plan.changes.map((change) => [change.changeId, change]));
  const unknown = chosen.filter((changeId) => !byId.has(changeId));
  if (unknown.length > 0) return { kind: "unknown", changeIds: unknown };
  const wanted = new Set(chosen);
  const changes = plan.changes.filter(({ changeId }) => wanted.has(changeId));
  const missing = changes.flatMap((change) => {
    const needs = change.needs.flatMap((changeId) =>
      wanted.has(changeId) ? [] : (byId.get(changeId) ?? []),
    );
    return needs.length === 0 ? [] : [{ change, needs }];
  });
  return missing.length === 0 ? { kind: "selected", changes } : { kind: "incomplete", missing };
}
