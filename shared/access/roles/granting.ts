/**
 * Nobody gives what they do not hold: without this rule the permission to manage access would be every
 * permission. Pure.
 */
import { type CollectionRef, containsScope, type Scope } from "./assignments.ts";
import { grantsOf, type Standing } from "./decide.ts";
import { type Permission, withImplied } from "./permissions.ts";

const everything: Scope = { kind: "everything" };

/**
 * The permissions among `wanted` that the caller could not hand on for `scope`: they hold them nowhere, or
 * not by one assignment that contains the whole scope.
 */
export function beyondReach(
  standing: Standing,
  wanted: readonly Permission[],
  scope: Scope = everything,
): Permission[] {
  const grants = grantsOf(standing);
  return [...withImplied(wanted)].filter(
    (permission) =>
      !grants.some(
        (held) => held.permission === permission && containsScope(held.assignment.scope, scope),
      ),
  );
}

/**
 * The permissions that the caller lacks to make anew the assignments that name a collection. Who changes its
 * members changes what those assignments give.
 */
export function beyondCollection(standing: Standing, ref: CollectionRef): Permission[] {
  const beyond = standing.assignments.flatMap(({ roleId, scope }) => {
    const names =
      scope.kind === "collections" &&
      scope.collections.some(
        ({ tenantId, collectionId }) =>
          tenantId === ref.tenantId && collectionId === ref.collectionId,
      );
    if (!names) return [];
    const given = standing.roles.get(roleId)?.permissions ?? [];
    return [
      ...beyondReach(standing, ["access.manage"]),
      ...beyondReach(standing, [...given], scope),
    ];
  });
  return [...new Set(beyond)];
}
