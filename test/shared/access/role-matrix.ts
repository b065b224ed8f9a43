/**
 * Which built-in role may call which operation: what is expected, written down apart from the code that
 * decides. An operation that is missing here fails the test.
 */

/** A letter per role. */
export const letters = {
  F: "fullAdministrator",
  O: "operationsAdministrator",
  I: "infrastructureAdministrator",
  A: "applicationAdministrator",
  D: "osDeploymentManager",
  E: "endpointProtectionManager",
  S: "securityAdministrator",
  R: "readOnlyAnalyst",
  P: "partner",
  Y: "relay",
} as const;

const everybody = "FOIADESRPY";
const operators = "FOIADES";
const viewers = "FOIADESR";

/**
 * Where a role must be assigned at least: anywhere at all, for some collection of the tenant, for the very
 * collection that it is about or that what it is about lies in, for the tenant, for everything.
 */
export type Where = "anywhere" | "someCollection" | "collection" | "tenant" | "everything";

/** An operation, or one with the catalogue's word for an action's permission after it. */
export const matrix: Readonly<Record<string, readonly [roles: string, where: Where]>> = {
  health: [everybody, "anywhere"],
  openapi: [everybody, "anywhere"],
  "zz-unknown-route": [everybody, "anywhere"],
  "actions-list": [everybody, "anywhere"],
  "dead-letters-list": ["FOIR", "everything"],
  "tenants-list": [viewers, "anywhere"],
  "tenants-add": ["F", "everything"],
  "tenants-get": [viewers, "someCollection"],
  "tenants-change": ["FI", "tenant"],
  "tenants-remove": ["FI", "tenant"],
  "collections-list": [viewers, "someCollection"],
  "collections-add": ["FO", "tenant"],
  "collections-preview": ["FO", "tenant"],
  "collections-get": [viewers, "collection"],
  "collections-members": [viewers, "collection"],
  "collections-replace": ["FO", "tenant"],
  "collections-remove": ["FO", "tenant"],
  "devices-list": [viewers, "someCollection"],
  "devices-get": [viewers, "collection"],
  "devices-history": [viewers, "collection"],
  "refreshes-start": ["FOI", "tenant"],
  "refreshes-list": [viewers, "someCollection"],
  "refreshes-get": [viewers, "someCollection"],
  "notifications-send modifyResource": ["FOIAD", "someCollection"],
  "notifications-send runScript": ["FOI", "someCollection"],
  "notifications-send runCMPivot": ["FOIS", "someCollection"],
  "notifications-send notifyResource": ["FI", "someCollection"],
  "notifications-send enforceSecurity": ["FOE", "someCollection"],
  "notifications-retry modifyResource": ["FOIAD", "collection"],
  "notifications-retry runScript": ["FOI", "collection"],
  "notifications-retry runCMPivot": ["FOIS", "collection"],
  "notifications-retry notifyResource": ["FI", "collection"],
  "notifications-retry enforceSecurity": ["FOE", "collection"],
  "notifications-resume modifyResource": ["FOIAD", "collection"],
  "notifications-resume runScript": ["FOI", "collection"],
  "notifications-resume runCMPivot": ["FOIS", "collection"],
  "notifications-resume notifyResource": ["FI", "collection"],
  "notifications-resume enforceSecurity": ["FOE", "collection"],
  "notifications-list": [viewers, "someCollection"],
  "notifications-get": [viewers, "collection"],
  "notifications-deliveries": [viewers, "collection"],
  "notifications-cancel": [operators, "collection"],
  "notifications-pause": [operators, "collection"],
  "sites-list": ["FOIR", "tenant"],
  "sites-put-part": ["FY", "tenant"],
  "sites-complete": ["FY", "tenant"],
  "sites-lease": ["FY", "tenant"],
  "sites-claim": ["FY", "tenant"],
  "sites-report": ["FY", "tenant"],
  "me-get": [everybody, "anywhere"],
  "access-explain": [everybody, "anywhere"],
  "roles-list": ["FR", "everything"],
  "roles-get": ["FR", "everything"],
  "roles-add": ["F", "everything"],
  "roles-replace": ["F", "everything"],
  "roles-remove": ["F", "everything"],
  "assignments-list": ["FR", "everything"],
  "assignments-get": ["FR", "everything"],
  "assignments-add": ["F", "everything"],
  "assignments-replace": ["F", "everything"],
  "assignments-remove": ["F", "everything"],
  "audit-list": ["FOSR", "everything"],
  "audit-list-tenant": ["FOSR", "tenant"],
  "approvals-list": [viewers, "tenant"],
  "approvals-get": [viewers, "tenant"],
  "approvals-approve": ["FOI", "tenant"],
  "approvals-reject": ["FOI", "tenant"],
  "approval-rules-get": ["F", "everything"],
  "approval-rules-replace": ["F", "everything"],
};
