/**
 * Types that read the same again. What is kept of a type follows from what Graph gave, from the names of what that
 * refers to, and from what was kept before: where these are as they were, it is what was kept before, and nothing has to
 * be made canonical and compared. Only digests are remembered, and only in memory: who knows none goes the whole way.
 */
import { LRUCache } from "lru-cache";
import { digest } from "../../kernel/values.ts";
import type { Resolve, Shaped } from "../items/canonical.ts";
import type { JsonObject } from "../items/json.ts";

/** What a type was like when it was read. */
export type Seen = {
  /** What was kept of it. */
  readonly manifest: string;
  /** Of all that Graph gave, in its order. */
  readonly content: string;
  readonly references: Shaped["references"];
  /** Of what the references are called. */
  readonly names: string;
};

/** So much is remembered, in references and a few more for each type: those of some 500 small tenants. */
const knownReferences = 100_000;
const leastOfType = 10;

/** What the types of all tenants were like. */
export class SeenTypes {
  readonly #seen = new LRUCache<string, Seen>({
    maxSize: knownReferences,
    sizeCalculation: ({ references }) => leastOfType + references.length,
  });

  /** What a type was like when `manifest` was kept of it; undefined where nobody knows. */
  get(tenantId: string, type: string, manifest: string | undefined): Seen | undefined {
    const seen = this.#seen.get(`${tenantId} ${type}`);
    return seen?.manifest === manifest ? seen : undefined;
  }

  set(tenantId: string, type: string, seen: Seen): void {
    this.#seen.set(`${tenantId} ${type}`, seen);
  }
}

/** A digest of an item as Graph gave it, or of several. */
export const rawDigest = (raw: JsonObject | readonly JsonObject[]): string =>
  digest(JSON.stringify(raw));

/** Each reference of the items once. */
export function referencesOf(items: readonly Shaped[]): Shaped["references"] {
  const all = items.flatMap(({ references }) => references);
  return [...new Map(all.map(({ $ref, id }) => [`${$ref} ${id}`, { $ref, id }])).values()];
}

/** A digest of what references are called; of one that stands for nothing, nothing. */
export const namesDigest = (references: Shaped["references"], resolve: Resolve): string =>
  digest(JSON.stringify(references.map(({ $ref, id }) => resolve($ref, id)?.name ?? null)));
