/**
 * A configuration item: what an export makes of a thing in the tenant, what a desired revision holds, and what a plan
 * compares. Its body is canonical: read-only and volatile properties are gone, lists without an order are sorted, and
 * ids have become references with names. Pure.
 */
import type { Fixed, ReasonCode, ReferenceFamily } from "../catalogue/configuration-type.ts";
import type { JsonObject } from "./json.ts";

/** An id that has become a reference, in a body. */
export type ReferenceToken = {
  readonly $ref: ReferenceFamily;
  /** Its name in the tenant where it was read; absent where it names nothing that is there. */
  readonly name?: string;
  /** Its id there. */
  readonly id?: string;
};

/** An item with its content. */
export type Item = {
  readonly type: string;
  /** What names it, in this tenant and across tenants: values of its key properties. */
  readonly key: string;
  /** Its name, for people. */
  readonly name: string;
  /** Its id in the tenant; absent before it was ever there. */
  readonly id?: string;
  readonly body: JsonObject;
};

/** What a manifest says of an item: enough to list it, to compare hashes, and to find its content. */
export type ItemEntry = Omit<Item, "body"> & {
  /** SHA-256 of the canonical body. */
  readonly hash: string;
  /** Read in part, or named like another one: the last whole content stands, and nothing is planned for it. */
  readonly flaw?: {
    readonly reason: ReasonCode;
    readonly detail: string;
    /** It has been so since its type was first read: what is wanted of it was never found. */
    readonly isFirst?: true;
  };
  /** Why nobody may change it, where that is so. */
  readonly fixed?: Fixed;
};

/** One type of a snapshot or of a desired revision. */
export type TypeContent = {
  readonly type: string;
  readonly items: readonly Item[];
  /** By key: what an entry says beside its content. */
  readonly entries: ReadonlyMap<string, ItemEntry>;
};
