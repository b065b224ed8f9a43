/** Well-formed requests about some ids, for every operation of the document that takes a body. */
import { manySyncs, syncBodies, taskBodies, webhookFor } from "../../support/sync-bodies.ts";
import type { Ids } from "./inhabited.ts";

const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
const role = { name: "Reader", permissions: ["devices.read"] };
const collectionOf = ({ deviceId }: Ids) => ({
  kind: "static",
  name: "Guessed",
  deviceIds: [deviceId],
});
const assignmentIn = (
  { tenantId, deviceId, collectionId }: Ids,
  kind: "tenants" | "collections",
) => ({
  principal: { kind: "user", homeTenantId: deviceId, id: deviceId },
  roleId: "readOnlyAnalyst",
  scope:
    kind === "tenants"
      ? { kind, tenantIds: [tenantId] }
      : { kind, collections: [{ tenantId, collectionId }] },
});

/** By operationId; several where a body can name ids in several ways. */
export const bodiesAbout: Readonly<Record<string, (ids: Ids) => readonly unknown[]>> = {
  "tenants-add": ({ tenantId }) => [{ tenantId, displayName: "Guessed" }],
  "drain-set": () => [{ draining: false }],
  "tenants-change": () => [{ displayName: "Guessed" }],
  "collections-add": (ids) => [collectionOf(ids)],
  "collections-preview": () => [{ rule }],
  "registrations-submit-many": ({ tenantId }) => [
    { devices: [{ customer: tenantId, productId: "3289930885111" }] },
  ],
  "registration-lists-part": () => [{ devices: [{ productId: "3289930885111" }] }],
  "registration-lists-submit": () => [{ parts: 1 }],
  "autopilot-devices-find": () => [{ serialNumber: "PF000001" }],
  "group-tags-replace": () => [{ tags: ["guessed"] }],
  "partner-group-tags-replace": () => [{ lists: [{ name: "guessed", tags: ["guessed"] }] }],
  "autopilot-devices-change": () => [{ groupTag: "guessed" }],
  "autopilot-devices-deregister": () => [{ serialNumbers: ["PF000001"] }],
  "registrations-submit": () => [{ devices: [{ productId: "3289930885111" }] }],
  "collections-replace": (ids) => [collectionOf(ids)],
  "notifications-send": ({ deviceId, collectionId }) => [
    { action: "restart", target: { kind: "devices", deviceIds: [deviceId] } },
    { action: "restart", target: { kind: "collection", collectionId } },
  ],
  "provisioning-runs-start": ({ deviceId, collectionId }) => [
    { templateId: "guessed", targets: { deviceIds: [deviceId] } },
    { templateId: "guessed", targets: { collectionIds: [collectionId] } },
  ],
  "provisioning-runs-restart": () => [{ mode: "whole", include: ["notAttempted"] }],
  "notifications-retry": () => [{ only: ["failed"] }, { only: ["cancelled", "notSupported"] }],
  "sites-put-part": () => [{ devices: [{ resourceId: 7, name: "Guessed" }] }],
  "sites-complete": () => [{ parts: 1 }],
  "sites-lease": ({ deviceId }) => [{ relayId: deviceId, seconds: 60 }],
  "sites-claim": ({ notificationId, deviceId }) => [
    { relayId: deviceId, mark: 0, notificationId, from: deviceId, to: deviceId },
  ],
  "sites-report": ({ notificationId, deviceId }) => [
    { notificationId, claimId: `${notificationId}0`, results: [{ deviceId, outcome: "done" }] },
  ],
  "roles-add": () => [role],
  "roles-replace": () => [role],
  "assignments-add": (ids) => [assignmentIn(ids, "tenants"), assignmentIn(ids, "collections")],
  "assignments-replace": (ids) => [assignmentIn(ids, "tenants")],
  "approvals-approve": () => [{ digest: "0".repeat(64) }],
  "approvals-reject": () => [{ digest: "0".repeat(64) }],
  "approval-rules-replace": ({ tenantId }) => [
    { rules: [{ kind: "notification", actions: "all", tenantIds: [tenantId], moreThan: 0 }] },
  ],
  ...Object.fromEntries(Object.entries(syncBodies).map(([name, bodies]) => [name, () => bodies])),
  "webhooks-add": ({ tenantId = "" }) => [
    { ...webhookFor(tenantId), tenantIds: undefined },
    webhookFor(tenantId),
  ],
  ...Object.fromEntries(Object.entries(taskBodies).map(([name, bodies]) => [name, () => bodies])),
  "webhooks-change": ({ tenantId = "" }) => [{ tenantIds: [tenantId] }],
  "syncs-start-many": ({ tenantId = "" }) => [manySyncs(tenantId)],
};
