/** A well-formed request for every operation: what the door reads before it decides. */
import { randomUUID } from "node:crypto";
import { catalogue } from "../../../shared/devices/catalogue.ts";

const anyId = randomUUID();
const anyKey = "0".repeat(22);

/** Path parameters beside the tenant's id; each operation takes those that its path names. */
export const pathIds: Readonly<Record<string, string>> = {
  collectionId: "c1",
  deviceId: anyId,
  refreshId: anyKey,
  notificationId: anyKey,
  siteCode: "P01",
  part: "1",
  inventoryId: anyId,
  roleId: "partner",
  assignmentId: anyId,
  approvalId: anyId,
  path: "nowhere",
};

/** Query strings of operations that need one. */
export const queries: Readonly<Record<string, string>> = {
  "access-explain": "?operation=devices-list",
};

const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
const collection = { kind: "rule", name: "All", rule };
const role = { name: "Reader", permissions: ["devices.read"] };
const assignment = {
  principal: { kind: "user", homeTenantId: anyId, id: anyId },
  roleId: "partner",
  scope: { kind: "everything" },
};

/** Bodies of operations that take one. */
export const bodies: Readonly<Record<string, unknown>> = {
  "tenants-add": { tenantId: anyId, displayName: "Contoso" },
  "tenants-change": { displayName: "Contoso" },
  "collections-add": collection,
  "collections-preview": { rule },
  "collections-replace": collection,
  "notifications-retry": { only: ["failed"] },
  "sites-put-part": { devices: [] },
  "sites-complete": { parts: 1 },
  "sites-lease": { relayId: anyId, seconds: 60 },
  "sites-claim": { relayId: anyId, mark: 0, notificationId: anyKey, from: anyId, to: anyId },
  "sites-report": {
    notificationId: anyKey,
    claimId: `${anyKey}0`,
    results: [{ deviceId: anyId, outcome: "later" }],
  },
  "roles-add": role,
  "roles-replace": role,
  "assignments-add": assignment,
  "assignments-replace": assignment,
  "approvals-approve": {},
  "approvals-reject": {},
  "approval-rules-replace": { rules: [] },
};

/** The body of a notification whose action needs a permission, by the catalogue's word for it. */
export function sendBody(word: string): unknown {
  const action = catalogue.find(({ permission }) => permission === word);
  return { action: action?.id, target: { kind: "tenant" } };
}
