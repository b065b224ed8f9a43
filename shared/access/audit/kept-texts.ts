/**
 * Which texts of a call the audit trail keeps, by operation and by the place in what was before and after. Everything that is
 * not here is kept as its length and a digest: a field that an operation gains is kept by nobody's oversight. Ids that are
 * GUIDs, moments, numbers and truth values are kept everywhere but in what an action was given. Pure.
 */

const tenant = ["displayName", "pace.deviceActions", "pace.deviceReads"];
// What joins a rule, and the places in lists, are no part of a place.
const rule = ["rule.property", "rule.operator", "rule.value"];
const collection = ["collectionId", "kind", "name", "description", ...rule];
const target = [
  "kind",
  "collectionId",
  "notificationId",
  "states",
  "only",
  "rule.property",
  "rule.operator",
  "rule.value",
  "within.collectionIds",
].map((name) => `target.${name}`);
const notification = [
  "notificationId",
  "action",
  "state",
  "only",
  "expiresAfter",
  "rollout.waves.soak",
  "note",
  ...target,
  // Their names alone: whatever they hold, it is kept as a digest.
  ...["remediationScriptId", "configMgrScriptId", "query"].map((name) => `parameters.${name}`),
];
const verdict = ["state", "digest", "summary", "requestedBy.kind", "requestedBy.id", "comment"];
const role = ["roleId", "name", "description", "permissions"];
const assignment = [
  "assignmentId",
  "principal.kind",
  "principal.id",
  "roleId",
  "note",
  "scope.kind",
  "scope.collections.collectionId",
];
const approvalRule = ["kind", "actions", "tenantIds", "approvers"].map((name) => `rules.${name}`);

/** By operation: places of texts, without the numbers of lists. */
const keptTexts: Readonly<Record<string, readonly string[]>> = {
  "tenants-add": tenant,
  "tenants-change": tenant,
  "tenants-remove": tenant,
  "sites-complete": ["refreshId"],
  "sites-lease": ["relayId"],
  "sites-claim": ["siteCode", "claimId", "notificationId"],
  "sites-report": ["siteCode", "claimId", "notificationId", "results.outcome"],
  "refreshes-start": ["refreshId", "state"],
  "collections-add": collection,
  "collections-replace": collection,
  "collections-remove": collection,
  "notifications-send": notification,
  "notifications-retry": notification,
  "notifications-cancel": ["state"],
  "notifications-pause": ["state"],
  "notifications-resume": ["state"],
  "approvals-approve": verdict,
  "approvals-reject": verdict,
  "approvals-expire": verdict,
  "approval-rules-replace": approvalRule,
  "roles-add": role,
  "roles-replace": role,
  "roles-remove": role,
  "assignments-add": assignment,
  "assignments-replace": assignment,
  "assignments-remove": assignment,
};

const sets = new Map(Object.entries(keptTexts).map(([name, places]) => [name, new Set(places)]));
const nothing: ReadonlySet<string> = new Set();

/** The places whose texts are kept of an operation's calls. */
export const placesKept = (operation: string): ReadonlySet<string> =>
  sets.get(operation) ?? nothing;
