/** Decisions about access as properties over any roles, assignments and edits, against a model of their own. */
import {
  type Arbitrary,
  array,
  assert,
  constant,
  constantFrom,
  nat,
  oneof,
  pre,
  property,
  record,
  subarray,
  tuple,
} from "fast-check";
import { expect, test } from "vitest";
import {
  type Assignment,
  beyondReach,
  containsScope,
  type Decision,
  decide,
  explain,
  type Resource,
  reachOf,
  type Scope,
} from "../../../shared/access/roles/decide.ts";
import { snapshotOf } from "../../../shared/access/roles/granted.ts";
import {
  type Permission,
  permissionNames,
  permissions,
  type Role,
} from "../../../shared/access/roles/roles.ts";
import type { Principal } from "../../../shared/access/sign-in/caller.ts";

import {
  ask,
  assign,
  caller,
  customRole,
  everything,
  inCollection,
  inTenant,
  me,
  tenants,
} from "./standing.ts";

const tenantIds = ["t1", "t2", "t3"];
const anyCollection = record({
  tenantId: constantFrom(...tenantIds),
  collectionId: constantFrom("c1", "c2", "c3"),
});
const anyScope: Arbitrary<Scope> = oneof(
  constant(everything),
  subarray(tenantIds, { minLength: 1 }).map((ids) => tenants(...ids)),
  array(anyCollection, { minLength: 1, maxLength: 4 }).map(
    (list): Scope => ({ kind: "collections", collections: list }),
  ),
);
const anyResource: Arbitrary<Resource> = oneof(
  constant<Resource>({ kind: "global" }),
  constantFrom(...tenantIds).map(inTenant),
  anyCollection.map((one): Resource => ({ kind: "collection", ...one })),
);
const anyPermission = constantFrom(...permissionNames);
const anyRole = subarray(permissionNames, { minLength: 3, maxLength: 15 });
const anyPrincipal: Arbitrary<Principal> = constantFrom(
  me,
  { ...me, kind: "group" as const, id: "g1" },
  { ...me, kind: "group" as const, id: "g2" },
  { ...me, id: "u2" },
  { ...me, homeTenantId: "other" },
);

/** Whether a decision lets its caller touch what is in a collection. */
const reaches = (decision: Decision, collectionId: string): boolean =>
  decision.allowed &&
  (decision.limits.kind === "all" || decision.limits.collectionIds.includes(collectionId));

type Edit =
  | {
      readonly kind: "assign";
      readonly slot: number;
      readonly to: Principal;
      readonly role: number;
      readonly scope: Scope;
    }
  | { readonly kind: "revoke"; readonly slot: number }
  | { readonly kind: "role"; readonly role: number; readonly permissions: readonly Permission[] }
  | { readonly kind: "removeRole"; readonly role: number };

const slot = nat({ max: 2 });
const anyEdit: Arbitrary<Edit> = oneof(
  record({
    kind: constant("assign" as const),
    slot,
    to: anyPrincipal,
    role: slot,
    scope: anyScope,
  }),
  record({ kind: constant("revoke" as const), slot }),
  record({ kind: constant("role" as const), role: slot, permissions: anyRole }),
  record({ kind: constant("removeRole" as const), role: slot }),
);

type World = { readonly roles: Map<string, Role>; readonly given: Map<number, Assignment> };

function apply({ roles, given }: World, edit: Edit): void {
  switch (edit.kind) {
    case "assign":
      given.set(edit.slot, assign(`r${edit.role}`, edit.scope, edit.to));
      break;
    case "revoke":
      given.delete(edit.slot);
      break;
    case "role": {
      const roleId = `r${edit.role}`;
      const { permissions: held } = edit;
      roles.set(roleId, { roleId, name: "", description: "", permissions: held, builtIn: false });
      break;
    }
    case "removeRole":
      roles.delete(`r${edit.role}`);
      break;
  }
}

/** The rule in other words: points of the fleet, and who was given which of them. */
function mayTouch(
  { roles, given }: World,
  permission: Permission,
  tenantId: string,
  collectionId: string,
) {
  return [...given.values()].some(({ principal, roleId, scope }) => {
    const mine = principal.homeTenantId === "home" && ["u1", "g1"].includes(principal.id);
    const held = roles.get(roleId)?.permissions ?? [];
    const has = held.some(
      (one) => one === permission || permissions[one].implies?.includes(permission),
    );
    const narrowest = permissions[permission].scope;
    const here =
      scope.kind === "everything" ||
      (scope.kind === "tenants" && narrowest !== "global" && scope.tenantIds.includes(tenantId)) ||
      (scope.kind === "collections" &&
        narrowest === "collection" &&
        scope.collections.some(
          (one) => one.tenantId === tenantId && one.collectionId === collectionId,
        ));
    return mine && has && here;
  });
}

test("no sequence of edits lets a caller touch what the rule does not give, and explain says the same", () => {
  assert(
    property(
      array(anyEdit, { maxLength: 20 }),
      anyPermission,
      anyResource,
      (edits, permission, resource) => {
        const world: World = { roles: new Map(), given: new Map() };
        for (const edit of edits) {
          apply(world, edit);
          const snapshot = snapshotOf([...world.roles.values()], [...world.given.values()]);
          const standing = { caller, ...snapshot };
          const decision = decide(standing, permission, resource);
          expect(explain(standing, permission, resource).decision).toEqual(decision);
          // What belongs to no tenant is reached like a tenant that nobody can name.
          const tenantId = resource.kind === "global" ? "nobody's" : resource.tenantId;
          const asked =
            resource.kind === "collection" ? [resource.collectionId] : ["c1", "c2", "c3"];
          const touched = asked.filter((id) => reaches(decision, id));
          const expected = asked.filter((id) => mayTouch(world, permission, tenantId, id));
          expect(touched).toEqual(expected);
        }
      },
    ),
    { numRuns: 400 },
  );
});

/** What somebody holds, and what they give: mostly parts of that, or nearly all of it would be beyond their reach. */
const anyGift = array(tuple(anyRole, anyScope), { minLength: 1, maxLength: 3 }).chain((held) => {
  const own = [...new Set(held.flatMap(([list]) => list))];
  const wanted = oneof(subarray(own, { minLength: 1 }), anyRole);
  const scope = oneof(constantFrom(...held.map(([, where]) => where)), anyScope);
  return tuple(constant(held), wanted, scope);
});

test("what is handed on under the rule of giving never exceeds what the giver holds", () => {
  assert(
    property(anyGift, anyResource, ([held, wanted, scope], resource) => {
      const custom = held.map(([list], at): Role => customRole(`h${at}`, list));
      const mine = held.map(([, where], at) => assign(`h${at}`, where));
      const giver = { caller, ...snapshotOf(custom, mine) };
      pre(beyondReach(giver, wanted, scope).length === 0);
      const given: Role = customRole("given", wanted);
      const taker = { ...caller, oid: "u2", groups: [] };
      const grant = assign("given", scope, { ...me, id: "u2" });
      const exceeded = permissionNames.filter((permission) => {
        const theirs = ask([grant], permission, resource, taker, [given]);
        const own = decide(giver, permission, resource);
        return ["c1", "c2", "c3"].some((id) => reaches(theirs, id) && !reaches(own, id));
      });
      expect(exceeded).toEqual([]);
    }),
    { numRuns: 400, maxSkipsPerRun: 10_000 },
  );
});

test("a scope contains another exactly when it reaches at least as far everywhere", () => {
  const points: Resource[] = [
    { kind: "global" },
    ...tenantIds.map(inTenant),
    ...tenantIds.flatMap((id) => ["c1", "c2", "c3"].map((one) => inCollection(id, one))),
  ];
  assert(
    property(anyScope, anyScope, (outer, inner) => {
      const further = points.every((point) => whole(outer, point) || !whole(inner, point));
      expect(containsScope(outer, inner)).toBe(further);
    }),
  );
});

const whole = (scope: Scope, point: Resource) =>
  reachOf(scope, "collection", point).kind === "whole";
