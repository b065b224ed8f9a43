/**
 * Every permission there is, in one closed table. An operation asks for a permission; a role is a list of
 * them; an assignment says where they hold.
 */

/** The narrowest scope at which a permission can be held. */
export type ScopeKind = "global" | "tenant" | "collection";

type Meaning = {
  /**
   * `global` holds only where a role is assigned everywhere; `tenant` also where it is assigned for that
   * tenant; `collection` also where it is assigned for a collection, and then for its members only.
   */
  readonly scope: ScopeKind;
  /** What it lets its holder do, for people who make roles. */
  readonly means: string;
  /** Permissions that come with this one. */
  readonly implies?: readonly string[];
};

const table = {
  // On a collection too: whoever may act in a part of a tenant has to see which tenant it is.
  "tenants.read": { scope: "collection", means: "See tenants: name, pace, age." },
  "tenants.add": { scope: "global", means: "Register a tenant." },
  "tenants.manage": { scope: "tenant", means: "Change or remove a tenant." },
  "deadLetters.read": { scope: "global", means: "See queue messages that were set aside." },
  "access.read": { scope: "global", means: "See roles, assignments and why someone may do what." },
  "access.manage": { scope: "global", means: "Make, change and remove roles and assignments." },
  "audit.read": { scope: "tenant", means: "See who did what; without a tenant, everywhere." },
  "devices.read": { scope: "collection", means: "See devices and what was sent to them." },
  "devices.refresh": { scope: "tenant", means: "Import the device directory again." },
  "collections.read": { scope: "collection", means: "See collections and their members." },
  // Not on a collection: whoever could edit the rule of the collection that limits them had no limit.
  "collections.manage": { scope: "tenant", means: "Make, change and remove collections." },
  "devices.modifyResource": {
    scope: "collection",
    means: "Install the client (with devices.read).",
  },
  "devices.runScript": {
    scope: "collection",
    means: "Run scripts on devices.",
    implies: ["devices.runCMPivot"],
  },
  "devices.runCMPivot": { scope: "collection", means: "Ask devices live questions with CMPivot." },
  "devices.notifyResource": {
    scope: "collection",
    means: "Send client notifications: policy, inventory, evaluation, wake up, restart.",
  },
  "devices.enforceSecurity": {
    scope: "collection",
    means: "Start Endpoint Protection scans and definition downloads.",
  },
  "notifications.read": { scope: "collection", means: "See notifications and their deliveries." },
  "notifications.cancel": { scope: "collection", means: "Cancel a notification." },
  "sites.read": { scope: "tenant", means: "See the ConfigMgr sites whose relays have reported." },
  // For an app, not for people: it decides what a device is said to be and what became of an action.
  "sites.relay": {
    scope: "tenant",
    means: "Be a site's relay: claim deliveries, report results, hand in the site's devices.",
  },
  "approvals.read": {
    scope: "tenant",
    means: "See what waits for approval, and what was decided.",
  },
  "approvals.decide": { scope: "tenant", means: "Approve or reject what someone else asked for." },
  "approvals.manage": { scope: "global", means: "Say what needs a second person's approval." },
  "registration.read": { scope: "tenant", means: "See registrations of devices into Autopilot." },
  "registration.submit": { scope: "tenant", means: "Register devices into Autopilot." },
} as const satisfies Record<string, Meaning>;

/** Name of a permission. */
export type Permission = keyof typeof table;

/** What each permission means and where it can be held. */
export const permissions: Readonly<Record<Permission, Meaning>> = table;

/** All names, in the table's order. */
export const permissionNames = Object.keys(table) as [Permission, ...Permission[]];

/** The permissions of a list together with those that they imply. */
export function withImplied(listed: readonly Permission[]): ReadonlySet<Permission> {
  return new Set(
    listed.flatMap((name) => [name, ...((permissions[name].implies ?? []) as Permission[])]),
  );
}

/**
 * What an action needs, by the permission that the catalogue names in ConfigMgr's words. Installing the
 * client takes Read besides Modify Resource, as Microsoft's client notification page says.
 */
export const actionPermissions = {
  modifyResource: ["devices.modifyResource", "devices.read"],
  runScript: ["devices.runScript"],
  runCMPivot: ["devices.runCMPivot"],
  notifyResource: ["devices.notifyResource"],
  enforceSecurity: ["devices.enforceSecurity"],
} as const satisfies Record<string, readonly Permission[]>;

/** The catalogue's word for the permission that an action needs. */
export type ActionPermissionName = keyof typeof actionPermissions;
