/** Assignments: which principal holds which role, and where. Pure. */
import type { Principal } from "../sign-in/caller.ts";
import type { ScopeKind } from "./permissions.ts";

/** Where a role holds. */
export type Scope =
  | { readonly kind: "everything" }
  | { readonly kind: "tenants"; readonly tenantIds: readonly string[] }
  | { readonly kind: "collections"; readonly collections: readonly CollectionRef[] };

/** One collection of one tenant. */
export type CollectionRef = { readonly tenantId: string; readonly collectionId: string };

/** Who made an assignment. */
export type Assignment = {
  readonly assignmentId: string;
  readonly principal: Principal;
  readonly roleId: string;
  readonly scope: Scope;
  /** For people to read. */
  readonly note?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** What is to be read or changed. */
export type Resource =
  | { readonly kind: "global" }
  /** Everything of a tenant that the permission reaches, such as its list of devices. */
  | { readonly kind: "tenant"; readonly tenantId: string }
  | ({ readonly kind: "collection" } & CollectionRef);

/** How far a scope reaches a resource. */
export type Reach =
  | { readonly kind: "whole" }
  /** Only what belongs to these collections of the tenant. */
  | { readonly kind: "within"; readonly collectionIds: readonly string[] }
  | { readonly kind: "none" };

const none: Reach = { kind: "none" };
const whole: Reach = { kind: "whole" };

/** How far a scope reaches a resource with a permission that can be held at `narrowest` at least. */
export function reachOf(scope: Scope, narrowest: ScopeKind, resource: Resource): Reach {
  if (scope.kind === "everything") return whole;
  if (narrowest === "global" || resource.kind === "global") return none;
  if (scope.kind === "tenants") return scope.tenantIds.includes(resource.tenantId) ? whole : none;
  if (narrowest === "tenant") return none;
  const ids = scope.collections.flatMap(({ tenantId, collectionId }) =>
    tenantId === resource.tenantId ? [collectionId] : [],
  );
  if (resource.kind === "collection") return ids.includes(resource.collectionId) ? whole : none;
  return ids.length === 0 ? none : { kind: "within", collectionIds: ids };
}

/** Whether a scope contains another one whole. */
export function containsScope(outer: Scope, inner: Scope): boolean {
  if (outer.kind === "everything") return true;
  if (inner.kind === "everything") return false;
  const held = outer.kind === "tenants" ? outer.tenantIds : [];
  if (inner.kind === "tenants") return inner.tenantIds.every((id) => held.includes(id));
  return inner.collections.every(
    ({ tenantId, collectionId }) =>
      held.includes(tenantId) ||
      (outer.kind === "collections" &&
        outer.collections.some(
          (one) => one.tenantId === tenantId && one.collectionId === collectionId,
        )),
  );
}
