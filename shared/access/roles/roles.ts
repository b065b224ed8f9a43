/** What may be granted: every permission there is, in one closed table, and roles, which are named lists of them. */

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
  "tenants.manage": { scope: "tenant", means: "Change, pause or remove a tenant." },
  "deadLetters.read": { scope: "global", means: "See queue messages that were set aside." },
  "deadLetters.manage": {
    scope: "global",
    means: "Send queue messages that were set aside again, or discard them.",
    implies: ["deadLetters.read"],
  },
  "installation.drain": {
    scope: "global",
    means: "Let everything rest before an upgrade, see what is left, and let it go on.",
  },
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
  // Not on a collection: a group that a device is put into may be of anybody's making.
  "devices.manage": {
    scope: "tenant",
    means: "Reset and rename devices, rotate their keys, put them in and out of groups.",
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
  "sync.read": {
    scope: "tenant",
    means: "See syncs, their plans, and a tenant's configuration.",
  },
  "sync.run": { scope: "tenant", means: "Start, cancel and take back syncs; sign in for them." },
  "sync.approve": { scope: "tenant", means: "Approve or reject what a sync would change." },
  "configuration.manage": {
    scope: "tenant",
    means: "Change what is wanted of a tenant's configuration, and how it is synchronised.",
  },
  "webhooks.manage": {
    scope: "tenant",
    means: "Make, change and remove webhooks: tell other systems what you may read yourself.",
  },
  // Global: a baseline is of no tenant, and shows what it was copied from.
  "baselines.read": {
    scope: "global",
    means: "See baselines, and publish them where you may change what is wanted and start syncs.",
  },
  "baselines.manage": { scope: "global", means: "Make, change and remove baselines." },
  // In any tenant: a template is of none, and whoever works in one has to see what can be run there.
  "templates.read": {
    scope: "tenant",
    means: "See public templates and your own, and the variables of tenants.",
  },
  // Global: a public template is run in every tenant.
  "templates.manage": {
    scope: "global",
    means: "Make, change and remove public templates and your own.",
    implies: ["templates.read"],
  },
  "templates.administer": {
    scope: "global",
    means: "See and change everybody's templates.",
    implies: ["templates.manage", "templates.read"],
  },
  "variables.manage": {
    scope: "tenant",
    means: "Change a tenant's variables, which templates name.",
    implies: ["templates.read"],
  },
  "tasks.read": { scope: "tenant", means: "See scheduled tasks: your own, and public ones." },
  "tasks.manage": {
    scope: "tenant",
    means: "Make and schedule tasks that do what you may do yourself.",
    implies: ["tasks.read"],
  },
  "tasks.administer": {
    scope: "tenant",
    means: "See and change everybody's tasks.",
    implies: ["tasks.manage", "tasks.read"],
  },
  "provisioning.read": {
    scope: "tenant",
    means: "See provisioning runs, where their devices are, and what was tried.",
  },
  "provisioning.run": {
    scope: "tenant",
    means: "Begin, pause and cancel provisioning runs, of actions that you may do yourself.",
    implies: ["provisioning.read"],
  },
  "relationships.read": {
    scope: "tenant",
    means: "See what ties customers to the partner, and which routes that opens.",
  },
  "relationships.manage": {
    scope: "tenant",
    means:
      "Check and note what ties customers to the partner; everywhere, also sign in for Partner Center.",
  },
  "registration.read": { scope: "tenant", means: "See registrations of devices into Autopilot." },
  "registration.submit": { scope: "tenant", means: "Register devices into Autopilot." },
  "registration.manage": {
    scope: "tenant",
    means: "Change registered devices, take them out of Autopilot, keep group tags.",
  },
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

// Roles. The built-in ones are data and cannot be changed; which of them may
// do what to devices follows Microsoft's client notification page (docs/decisions/0010 says where its
// pages disagree, and what was chosen).

/** A role. */
export type Role = {
  readonly roleId: string;
  readonly name: string;
  /** Its name in each language: of the built-in ones, French as Microsoft's page has it where it names them. */
  readonly names?: { readonly en: string; readonly fr: string };
  readonly description: string;
  readonly permissions: readonly Permission[];
  readonly builtIn: boolean;
};

/** What everybody who looks after devices needs in order to see what they do. */
const view = ["tenants.read", "devices.read", "collections.read", "notifications.read"] as const;
/** The same, and stopping what was started. */
const operate = [...view, "notifications.cancel", "approvals.read"] as const;

const everyReading = permissionNames.filter((name) => name.endsWith(".read"));

const builtIn = (
  roleId: string,
  [name, fr]: readonly [en: string, fr: string],
  description: string,
  held: readonly Permission[],
): Role => ({
  roleId,
  name,
  names: { en: name, fr },
  description,
  permissions: held,
  builtIn: true,
});

/** The roles that every installation has. */
export const builtInRoles: readonly Role[] = [
  builtIn(
    "fullAdministrator",
    ["Full Administrator", "Administrateur complet"],
    "Everything, everywhere.",
    permissionNames,
  ),
  builtIn(
    "operationsAdministrator",
    ["Operations Administrator", "Administrateur d'opérations"],
    "Runs the fleet day by day: clients, scripts, CMPivot, Endpoint Protection, collections.",
    [
      ...operate,
      "sites.read",
      "devices.refresh",
      "collections.manage",
      "devices.modifyResource",
      "devices.runScript",
      "devices.runCMPivot",
      "devices.enforceSecurity",
      "tasks.manage",
      "provisioning.run",
      "templates.read",
      "approvals.decide",
      "audit.read",
      "deadLetters.read",
    ],
  ),
  builtIn(
    "infrastructureAdministrator",
    ["Infrastructure Administrator", "Administrateur d'infrastructure"],
    "Looks after tenants and the service: clients, scripts, CMPivot, client notifications.",
    [
      ...operate,
      "sites.read",
      "tenants.manage",
      "devices.refresh",
      "devices.modifyResource",
      "devices.runScript",
      "devices.runCMPivot",
      "devices.notifyResource",
      "tasks.administer",
      "provisioning.run",
      "templates.administer",
      "variables.manage",
      "approvals.decide",
      "deadLetters.manage",
      "installation.drain",
      "sync.read",
      "sync.run",
      "sync.approve",
      "configuration.manage",
      "webhooks.manage",
      "baselines.read",
      "baselines.manage",
    ],
  ),
  builtIn(
    "applicationAdministrator",
    ["Application Administrator", "Administrateur de l'application"],
    "Looks after applications; installs the client.",
    [...operate, "devices.modifyResource"],
  ),
  builtIn(
    "osDeploymentManager",
    ["OS Deployment Manager", "Gestionnaire de déploiement de système d’exploitation"],
    "Looks after operating systems: templates; installs the client.",
    [
      ...operate,
      "devices.modifyResource",
      "provisioning.run",
      "templates.manage",
      "variables.manage",
    ],
  ),
  builtIn(
    "endpointProtectionManager",
    ["Endpoint Protection Manager", "Gestionnaire Endpoint Protection"],
    "Starts scans and definition downloads.",
    [...operate, "devices.enforceSecurity"],
  ),
  builtIn(
    "securityAdministrator",
    ["Security Administrator", "Administrateur de la sécurité"],
    "Investigates: CMPivot, and the audit trail.",
    [...operate, "devices.runCMPivot", "audit.read", "sync.read"],
  ),
  builtIn(
    "readOnlyAnalyst",
    ["Read-only Analyst", "Analyste en lecture seule"],
    "Sees everything, changes nothing.",
    everyReading,
  ),
  builtIn("partner", ["Partner", "Partenaire"], "Registers devices, and sees nothing else.", [
    "registration.read",
    "registration.submit",
    "registration.manage",
    "relationships.read",
  ]),
  builtIn(
    "relay",
    ["Relay", "Relais"],
    "Is a ConfigMgr site's relay, which is an app; sees nothing else.",
    ["sites.relay"],
  ),
];

/** Names of the built-in roles that hold all of these. */
export const rolesHolding = (needed: readonly Permission[]): string[] =>
  builtInRoles
    .filter((role) => needed.every((one) => withImplied(role.permissions).has(one)))
    .map(({ name }) => name);
