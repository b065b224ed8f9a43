/**
 * Roles: named lists of permissions. The built-in ones are data and cannot be changed; which of them may
 * do what to devices follows Microsoft's client notification page (docs/decisions/0010 says where its
 * pages disagree, and what was chosen).
 */
import { type Permission, permissionNames, withImplied } from "./permissions.ts";

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
  permissions: readonly Permission[],
): Role => ({ roleId, name, names: { en: name, fr }, description, permissions, builtIn: true });

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
      "approvals.decide",
      "deadLetters.read",
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
    "Looks after operating systems; installs the client.",
    [...operate, "devices.modifyResource"],
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
    [...operate, "devices.runCMPivot", "audit.read"],
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
  ]),
  builtIn(
    "relay",
    ["Relay", "Relais"],
    "Is a ConfigMgr site's relay, which is an app; sees nothing else.",
    ["sites.relay"],
  ),
];

/** The role with every permission. */
export const fullAdministratorId = "fullAdministrator";

/** Names of the built-in roles that hold all of these. */
export const rolesHolding = (needed: readonly Permission[]): string[] =>
  builtInRoles
    .filter(({ permissions }) => needed.every((one) => withImplied(permissions).has(one)))
    .map(({ name }) => name);
