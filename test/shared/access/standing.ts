/** Callers, scopes and assignments for tables of decisions. */

import {
  type Assignment,
  type Decision,
  decide,
  type Resource,
  type Scope,
} from "../../../shared/access/roles/decide.ts";
import { snapshotOf } from "../../../shared/access/roles/granted.ts";
import type { Permission, Role } from "../../../shared/access/roles/roles.ts";
import type { Caller, Principal } from "../../../shared/access/sign-in/caller.ts";

export const caller: Caller = {
  kind: "user",
  oid: "u1",
  tid: "home",
  appId: "console",
  groups: ["g1"],
  groupsComplete: true,
  scopes: [],
  roles: [],
};
export const robot: Caller = { ...caller, kind: "app", oid: "sp1", appId: "robot", groups: [] };

export const everything: Scope = { kind: "everything" };
export const tenants = (...tenantIds: string[]): Scope => ({ kind: "tenants", tenantIds });
export const collections = (...pairs: [string, string][]): Scope => ({
  kind: "collections",
  collections: pairs.map(([tenantId, collectionId]) => ({ tenantId, collectionId })),
});
export const inTenant = (tenantId: string): Resource => ({ kind: "tenant", tenantId });
export const inCollection = (tenantId: string, collectionId: string): Resource => ({
  kind: "collection",
  tenantId,
  collectionId,
});
/** A decision as the tables write it. */
export const shortly = (decision: Decision) => {
  if (!decision.allowed) return decision.step === "scope" ? "denied" : decision.step;
  return decision.limits.kind === "all" ? "all" : decision.limits.collectionIds;
};
export const me: Principal = { kind: "user", homeTenantId: "home", id: "u1" };
let made = 0;
export const assign = (roleId: string, scope: Scope, principal = me): Assignment => {
  made += 1;
  const at = "2026-01-01T00:00:00.000Z";
  return { assignmentId: `a${made}`, principal, roleId, scope, createdAt: at, updatedAt: at };
};
export const ask = (
  assignments: Assignment[],
  permission: Permission,
  resource: Resource,
  who = caller,
  custom: Role[] = [],
): Decision => decide({ caller: who, ...snapshotOf(custom, assignments) }, permission, resource);

/** A role of an installation's own. */
export const customRole = (roleId: string, permissions: readonly Permission[]): Role => ({
  roleId,
  name: roleId,
  description: "",
  permissions,
  builtIn: false,
});
