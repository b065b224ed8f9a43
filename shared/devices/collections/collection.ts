/** A collection: devices named one by one, or a rule that finds them when asked. */
import type { Rule } from "./rule.ts";

/** Most devices in a static list. */
export const maxStaticDevices = 10_000;

/** What a collection is, without what it contains. */
type Described = {
  readonly collectionId: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** Its contents. */
export type Membership =
  | { readonly kind: "static"; readonly deviceIds: readonly string[] }
  | { readonly kind: "rule"; readonly rule: Rule };

/** A collection of either kind. */
export type Collection = Described & Membership;
