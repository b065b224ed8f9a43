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

/** Where a role must be assigned: anywhere at all, for the tenant (or everything), for everything only. */
export type Where = "anywhere" | "tenant" | "everything";

/** An operation, or one with the catalogue's word for an action's permission after it. */
export const matrix: Readonly<Record<string, readonly [roles: string, where: Where]>> = {
  health: [everybody, "anywhere"],
  openapi: [everybody, "anywhere"],
  "zz-unknown-route": [everybody, "anywhere"],
  "actions-list": [everybody, "anywhere"],
  "quarantine-list": ["FOIR", "everything"],
  "tenants-list": [viewers, "anywhere"],
  "tenants-add": ["F", "everything"],
  "tenants-get": [viewers, "tenant"],
  "tenants-change": ["FI", "tenant"],
  "tenants-remove": ["FI", "tenant"],
  "collections-list": [viewers, "tenant"],
  "collections-add": ["FO", "tenant"],
  "collections-preview": ["FO", "tenant"],
  "collections-get": [viewers, "tenant"],
  "collections-members": [viewers, "tenant"],
  "collections-replace": ["FO", "tenant"],
  "collections-remove": ["FO", "tenant"],
  "devices-list": [viewers, "tenant"],
  "devices-get": [viewers, "tenant"],
  "devices-history": [viewers, "tenant"],
  "refreshes-start": ["FOI", "tenant"],
  "refreshes-list": [viewers, "tenant"],
  "refreshes-get": [viewers, "tenant"],
  "notifications-send modifyResource": ["FOIAD", "tenant"],
  "notifications-send runScript": ["FOI", "tenant"],
  "notifications-send runCMPivot": ["FOIS", "tenant"],
  "notifications-send notifyResource": ["FI", "tenant"],
  "notifications-send enforceSecurity": ["FOE", "tenant"],
  "notifications-retry modifyResource": ["FOIAD", "tenant"],
  "notifications-retry runScript": ["FOI", "tenant"],
  "notifications-retry runCMPivot": ["FOIS", "tenant"],
  "notifications-retry notifyResource": ["FI", "tenant"],
  "notifications-retry enforceSecurity": ["FOE", "tenant"],
  "notifications-list": [viewers, "tenant"],
  "notifications-get": [viewers, "tenant"],
  "notifications-deliveries": [viewers, "tenant"],
  "notifications-cancel": [operators, "tenant"],
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
