/**
 * The first administrator comes from the settings, never from whoever signs in first: an assignment that
 * is in no table, cannot be removed over the API, and goes when the setting goes.
 */

import { bootstrapCaller } from "../sign-in/admin-token.ts";
import { type PrincipalKind, principalOf } from "../sign-in/caller.ts";
import type { Assignment } from "./assignments.ts";
import { fullAdministratorId } from "./roles.ts";

/** `MUSTER_FIRST_ADMIN`: the object id of a user or an app in the installation's own tenant. */
export type FirstAdministrator = { readonly homeTenantId: string; readonly id: string };

const kinds: readonly PrincipalKind[] = ["user", "app"];
const neverStored = "1970-01-01T00:00:00.000Z";

/** The assignment of whoever presents the admin token: everything, as long as the setting is there. */
export const bootstrapAssignment: Assignment = {
  assignmentId: "setting-bootstrap",
  principal: principalOf(bootstrapCaller),
  roleId: fullAdministratorId,
  scope: { kind: "everything" },
  note: "MUSTER_ADMIN_TOKEN",
  createdAt: neverStored,
  updatedAt: neverStored,
};

/** The assignments that the setting stands for: an object id says not whether it is a user or an app. */
export function settingsAssignments(first: FirstAdministrator | undefined): Assignment[] {
  if (first === undefined) return [];
  return kinds.map((kind) => ({
    assignmentId: `setting-${kind}`,
    principal: { kind, homeTenantId: first.homeTenantId, id: first.id.toLowerCase() },
    roleId: fullAdministratorId,
    scope: { kind: "everything" },
    note: "MUSTER_FIRST_ADMIN",
    createdAt: neverStored,
    updatedAt: neverStored,
  }));
}
