/** Finds, among the site's operations, the one that a call without an answer may have started. Pure but for the reading. */
import type { SiteReader } from "./admin-service.ts";
import type { Target } from "./claim.ts";
import type { SiteOperation } from "./operations.ts";

/** What the site's list says. */
export type Found =
  | { readonly kind: "ours"; readonly operationId: number }
  | { readonly kind: "none" }
  /** One of the same type is there that may be ours, and nothing says for sure. */
  | { readonly kind: "unsure" };

/** What is looked for. */
export type Wanted = {
  readonly type: number;
  readonly targets: readonly Target[];
  /** No operation up to this number is ours. */
  readonly after: number;
  /** We know how the claim was cut: an operation for some of the targets is somebody else's. */
  readonly sure: boolean;
};

/** Looks through the site's list; operations that other batches are known to have are not ours. */
export async function findOwn(
  site: Pick<SiteReader, "operationsAfter">,
  { targets, sure, ...wanted }: Wanted,
  known: ReadonlySet<number>,
): Promise<Found> {
  return choose(await site.operationsAfter(wanted, known), targets, sure);
}

/**
 * Which of some operations has exactly these targets. When we do not know how the claim was cut (`sure` is
 * false), one that shares a target may have been ours as well.
 */
export function choose(
  operations: readonly SiteOperation[],
  targets: readonly Target[],
  sure: boolean,
): Found {
  const ids = targets.map(({ resourceId }) => resourceId);
  const ours = operations.find((each) => each.targets && keyOf(each.targets) === keyOf(ids));
  if (ours !== undefined) return { kind: "ours", operationId: ours.id };
  const wanted = new Set(ids);
  const mayBeOurs = (each: SiteOperation): boolean =>
    each.targets === undefined || (!sure && each.targets.some((id) => wanted.has(id)));
  return { kind: operations.some(mayBeOurs) ? "unsure" : "none" };
}

const keyOf = (ids: readonly number[]): string =>
  [...new Set(ids)].toSorted((a, b) => a - b).join(",");
