/**
 * What each operation of the API asks of its caller, by operation name. An operation that is not listed is
 * refused to everybody, and a test names it.
 */
import type { Permission } from "./roles/permissions.ts";

/** Which resource of a request the permission must reach. */
export type On = "global" | "tenant" | "collection";

/** What an operation asks for. */
export type Requirement =
  | { readonly kind: "anonymous" }
  /** Any signed-in caller; what is shown is their own, or the same for everybody. */
  | { readonly kind: "signedIn" }
  | {
      readonly kind: "permission";
      readonly permission: Permission;
      readonly on: On;
      /** Besides, the right to make the assignments that name the collection: it changes what they give. */
      readonly changesScopes?: true;
    }
  /**
   * The permissions of the action that is asked for (`actionPermissions`), in the request's tenant; `besides`
   * them what it takes to see the thing that names the action.
   */
  | { readonly kind: "action"; readonly besides?: readonly Permission[] }
  /** A list over tenants: the caller sees those that this permission reaches, maybe none. */
  | { readonly kind: "eachTenant"; readonly permission: Permission };

const anonymous: Requirement = { kind: "anonymous" };
const signedIn: Requirement = { kind: "signedIn" };
const everywhere = (permission: Permission): Requirement => of(permission, "global");
const inTenant = (permission: Permission): Requirement => of(permission, "tenant");
const inCollection = (permission: Permission): Requirement => of(permission, "collection");
const of = (permission: Permission, on: On) => ({
  kind: "permission" as const,
  permission,
  on,
});

/** The table. */
export const requirements: Readonly<Record<string, Requirement>> = {
  health: anonymous,
  openapi: anonymous,
  "zz-unknown-route": signedIn,
  "actions-list": signedIn,
  "dead-letters-list": everywhere("deadLetters.read"),
  "tenants-list": { kind: "eachTenant", permission: "tenants.read" },
  "tenants-add": everywhere("tenants.add"),
  "tenants-get": inTenant("tenants.read"),
  "tenants-change": inTenant("tenants.manage"),
  "tenants-remove": inTenant("tenants.manage"),
  "collections-list": inTenant("collections.read"),
  "collections-add": inTenant("collections.manage"),
  "collections-preview": inTenant("collections.manage"),
  "collections-get": inCollection("collections.read"),
  "collections-members": inCollection("collections.read"),
  "collections-replace": { ...of("collections.manage", "collection"), changesScopes: true },
  "collections-remove": { ...of("collections.manage", "collection"), changesScopes: true },
  "devices-list": inTenant("devices.read"),
  "devices-get": inTenant("devices.read"),
  "devices-history": inTenant("notifications.read"),
  "refreshes-start": inTenant("devices.refresh"),
  "refreshes-list": inTenant("devices.read"),
  "refreshes-get": inTenant("devices.read"),
  "notifications-send": { kind: "action" },
  "notifications-retry": { kind: "action", besides: ["notifications.read"] },
  "notifications-list": inTenant("notifications.read"),
  "notifications-get": inTenant("notifications.read"),
  "notifications-deliveries": inTenant("notifications.read"),
  "notifications-cancel": inTenant("notifications.cancel"),
  "notifications-pause": inTenant("notifications.cancel"),
  "notifications-resume": { kind: "action", besides: ["notifications.read"] },
  "sites-list": inTenant("sites.read"),
  "sites-put-part": inTenant("sites.relay"),
  "sites-complete": inTenant("sites.relay"),
  "sites-lease": inTenant("sites.relay"),
  "sites-claim": inTenant("sites.relay"),
  "sites-report": inTenant("sites.relay"),
  "me-get": signedIn,
  // About oneself; about somebody else the handler asks for access.read.
  "access-explain": signedIn,
  "roles-list": everywhere("access.read"),
  "roles-get": everywhere("access.read"),
  "roles-add": everywhere("access.manage"),
  "roles-replace": everywhere("access.manage"),
  "roles-remove": everywhere("access.manage"),
  "assignments-list": everywhere("access.read"),
  "assignments-get": everywhere("access.read"),
  "assignments-add": everywhere("access.manage"),
  "assignments-replace": everywhere("access.manage"),
  "assignments-remove": everywhere("access.manage"),
  "audit-list": everywhere("audit.read"),
  "audit-list-tenant": inTenant("audit.read"),
  "approvals-list": inTenant("approvals.read"),
  "approvals-get": inTenant("approvals.read"),
  "approvals-approve": inTenant("approvals.decide"),
  "approvals-reject": inTenant("approvals.decide"),
  "approval-rules-get": everywhere("approvals.manage"),
  "approval-rules-replace": everywhere("approvals.manage"),
};

/** What an operation asks for; undefined for one that nobody thought about, which means: refuse. */
export const requirementOf = (operationName: string): Requirement | undefined =>
  Object.hasOwn(requirements, operationName) ? requirements[operationName] : undefined;
