/**
 * Nobody gives what they do not hold: without this rule the permission to manage access would be every
 * permission. Pure.
 */
import { fail, type Result } from "../../kernel/failure.ts";
import { type CollectionRef, containsScope, type Scope } from "./assignments.ts";
import { grantsOf, type Standing } from "./decide.ts";
import { type Permission, withImplied } from "./permissions.ts";
import { rolesHolding } from "./roles.ts";

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

/** How far a scope reaches, as people say it. */
const reachOf: Readonly<Record<Scope["kind"], string>> = {
  everything: "everywhere",
  tenants: "in each of those tenants",
  collections: "for each of those collections",
};

/** The refusal of a role that gives permissions beyond the caller's reach: which they are, and who could give them. */
export function cannotGive(
  roleName: string,
  beyond: readonly Permission[],
  { kind }: Scope = everything,
): Result<never> {
  const reach = reachOf[kind];
  const roles = rolesHolding([...beyond, "access.manage"]).join(", ");
  const text =
    `You cannot give what you do not hold: role ${roleName} has ${beyond.join(", ")}, and you do not ${reach}. ` +
    `Whoever holds these and access.manage ${reach} can give it; built-in roles that do: ${roles}.`;
  return fail("forbidden", text);
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
