/** An example call for each operation, in an order in which each finds what it is about. */

import { hashOf } from "../../shared/registration/lists.ts";
import { taskBodies, tasks, template } from "./sync-bodies.ts";

/** What calls before have left for those after them. */
export type Found = Map<string, string>;

/** One operation's example; path parameters come from what was found. */
export type Example = {
  readonly body?: (found: Found) => unknown;
  readonly query?: string;
  /** Properties of the answer that later calls need; asked again until it has them. */
  readonly keep?: readonly string[];
  /** Where the example cannot succeed: the refusal. */
  readonly refused?: string;
  /** How it is refused where the work has ended meanwhile: how long that takes is the machine's affair. */
  readonly late?: string;
  /** Where it answers a browser with a page: its status. */
  readonly page?: number;
};

/** Some tenant, and a relay's inventory. */
export const tenantId = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
const inventoryId = "0b6a3c1e-9a57-4f8e-8a54-7d1c0f5e5b02";
const relayId = "1c6a3c1e-9a57-4f8e-8a54-7d1c0f5e5b03";

/** What is known from the beginning. */
export const known = {
  tenantId,
  inventoryId,
  siteCode: "PS1",
  deadLetterId: "0".repeat(22),
  part: "0",
  actionId: "restart",
  approvalId: "none",
  runId: "0123456789abcdefghjkmn",
  type: "roleScopeTag",
  key: "Default",
  version: "1",
  listPart: "1",
  outputId: "0".repeat(32),
};

const planHash = "0".repeat(64);
const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
/** Only some of a mixed fleet can do this, so that there is something to retry. */
const notification = { action: "endpointProtectionQuickScan", target: { kind: "tenant" } };

const role = { name: "Reader", permissions: ["devices.read"] };
const assignment = (found: Found) => ({
  principal: { kind: "user", homeTenantId: tenantId, id: inventoryId },
  roleId: found.get("roleId"),
  scope: { kind: "everything" },
});

/** By operationId, in the order of the calls. An operation that is not here fails the test. */
export const examples: Readonly<Record<string, Example>> = {
  health: {},
  // No sign-in service stands beside these tests.
  ready: { refused: "not-ready" },
  openapi: {},
  "actions-list": {},
  "actions-get": {},
  "names-get": {},
  "texts-list": {},
  "dead-letters-list": { query: "top=5" },
  // Nothing was set aside there.
  "dead-letters-replay": { refused: "unknown-dead-letter" },
  "dead-letters-discard": { refused: "unknown-dead-letter" },
  "drain-get": {},
  "drain-set": { body: () => ({ draining: false }) },
  "tenants-add": { body: () => ({ tenantId, displayName: "Contoso" }) },
  "tenants-get": {},
  "tenants-list": {},
  "tenants-change": { body: () => ({ pace: { deviceActions: "unlimited" } }) },
  "sites-put-part": { body: () => ({ devices: [{ resourceId: 16_777_220, name: "PC-1" }] }) },
  "sites-complete": { body: () => ({ parts: 1 }) },
  "sites-list": {},
  "refreshes-start": { keep: ["refreshId"] },
  "refreshes-get": {},
  "refreshes-list": {},
  "devices-list": { query: "top=1", keep: ["deviceId"] },
  "devices-get": {},
  "devices-history": {},
  "collections-add": {
    body: () => ({ kind: "rule", name: "Windows", rule }),
    keep: ["collectionId"],
  },
  "collections-get": {},
  "collections-list": {},
  "collections-members": {},
  "collections-preview": { body: () => ({ rule }) },
  "collections-replace": {
    body: (found) => ({ kind: "static", name: "One", deviceIds: [found.get("deviceId")] }),
  },
  "notifications-send": { body: () => notification, keep: ["notificationId"] },
  "notifications-get": {},
  "notifications-list": {},
  "notifications-everywhere": {},
  "notifications-reasons": {},
  "notifications-deliveries": {},
  "notifications-pause": {},
  "notifications-resume": {},
  // Not kept: it ends at once, and the cancellation is of the first, whose devices have not answered yet.
  "notifications-retry": { body: () => ({ only: ["notSupported"] }) },
  "notifications-cancel": {},
  "sites-lease": { body: () => ({ relayId, seconds: 60 }) },
  "sites-claim": {
    body: (found) => ({
      relayId,
      mark: 0,
      notificationId: found.get("notificationId"),
      from: found.get("deviceId"),
      to: found.get("deviceId"),
    }),
  },
  "sites-report": {
    body: (found) => ({
      notificationId: found.get("notificationId"),
      claimId: `${found.get("notificationId")}0`,
      results: [{ deviceId: found.get("deviceId"), outcome: "done" }],
    }),
  },
  "customers-list": {},
  "customers-check": {},
  "customers-change": { body: () => ({ partnerKind: "customer", oemConsent: null }) },
  "customers-get": {},
  "partner-get": {},
  "partner-sign-in": { body: () => ({}), refused: "conflict" },
  "registrations-submit": {
    body: () => ({ devices: [{ serialNumber: "PF000001", hardwareHash: hashOf("PF000001") }] }),
    keep: ["registrationId"],
  },
  "registration-lists-open": { keep: ["registrationId"] },
  "registration-lists-part": {
    body: () => ({ devices: [{ serialNumber: "PF000002", hardwareHash: hashOf("PF000002") }] }),
  },
  "registration-lists-submit": { body: () => ({ parts: 1 }) },
  "registrations-submit-many": {
    body: () => ({
      devices: [
        { customer: tenantId, serialNumber: "PF000003", hardwareHash: hashOf("PF000003") },
        { customer: inventoryId, productId: "3289930885111" },
      ],
    }),
    keep: ["reportId"],
  },
  "registration-reports-get": {},
  "partner-group-tags-replace": { body: () => ({ lists: [{ name: "Shops", tags: ["till"] }] }) },
  "partner-group-tags-get": {},
  "group-tags-replace": { body: () => ({ tags: ["shop"] }) },
  "group-tags-get": {},
  "autopilot-devices-list": { keep: ["autopilotDeviceId"] },
  "autopilot-devices-find": { body: () => ({ serialNumber: "PF000001" }) },
  "autopilot-devices-change": { body: () => ({ groupTag: "shop", assignedUser: null }) },
  "autopilot-devices-deregister": { body: () => ({ serialNumbers: ["PF000009"] }) },
  "registrations-list": {},
  "registrations-get": {},
  "registrations-devices": {},
  // Its one device is on its way, or registered: nothing has failed.
  "registrations-retry": { refused: "nothing-to-retry" },
  "registrations-pause": { late: "conflict" },
  "registrations-resume": { late: "conflict" },
  "registrations-cancel": { late: "conflict" },
  // While its import is under way it is looked at anyway; then it may be asked.
  "registrations-refresh": { keep: ["registrationId"] },
  "me-get": {},
  "access-explain": { query: "operation=devices-list" },
  "roles-add": { body: () => role, keep: ["roleId"] },
  "roles-get": {},
  "roles-list": {},
  "roles-replace": { body: () => role },
  "assignments-add": { body: assignment, keep: ["assignmentId"] },
  "assignments-get": {},
  "assignments-list": {},
  "assignments-replace": { body: assignment },
  "assignments-remove": {},
  "roles-remove": {},
  "approval-rules-get": {},
  "approval-rules-replace": { body: () => ({ rules: [] }) },
  "approvals-everywhere": {},
  "approvals-list": {},
  "approvals-get": { refused: "unknown-approval" },
  "approvals-approve": { body: () => ({ digest: "0".repeat(64) }), refused: "unknown-approval" },
  "approvals-reject": { body: () => ({ digest: "0".repeat(64) }), refused: "unknown-approval" },
  "audit-list": { query: "top=5" },
  "audit-list-tenant": { query: "top=5" },
  "syncs-start": {
    body: () => ({ mode: "exportOnly", types: ["roleScopeTag"] }),
    keep: ["syncId"],
  },
  "syncs-list": {},
  "syncs-get": { keep: ["outcome"] },
  "syncs-report": {},
  "syncs-compare": { query: "with=nobodys", refused: "unknown-sync" },
  "syncs-logs": {},
  "syncs-artifacts": {},
  "syncs-plan": { refused: "conflict" },
  "syncs-error": { refused: "conflict" },
  "syncs-pause": { refused: "conflict" },
  "syncs-resume": { refused: "conflict" },
  "syncs-cancel": { refused: "conflict" },
  "syncs-undo": { refused: "conflict" },
  "syncs-approve": { body: () => ({ planHash }), refused: "conflict" },
  "syncs-confirm": {
    body: () => ({ planHash, lockOut: true, reason: "as agreed" }),
    refused: "conflict",
  },
  "syncs-reject": { body: () => ({ planHash }), refused: "conflict" },
  "syncs-reject-and-reset": { body: () => ({ planHash }), refused: "conflict" },
  "syncs-authentication": { refused: "conflict" },
  "syncs-authentication-new-code": { refused: "conflict" },
  "syncs-authentication-browser": { refused: "conflict" },
  "syncs-authentication-continue": { refused: "conflict" },
  "syncs-consent": {},
  "syncs-consent-begin": { refused: "conflict" },
  "syncs-consent-check": { refused: "conflict" },
  "syncs-consent-continue": { refused: "conflict" },
  "callbacks-sign-in": { query: "state=nobodys", page: 404 },
  "callbacks-consent": { query: "state=nobodys", page: 404 },
  "sync-status-get": {},
  "sync-status-acknowledge": { refused: "conflict" },
  "sync-settings-change": { body: () => ({ onMissingUser: "wait" }) },
  "sync-held-release": {},
  "configuration-types": {},
  "configuration-items": {},
  "configuration-get": {},
  "configuration-edit": {
    body: () => ({ body: { displayName: "Default", description: "ours" }, message: "ours" }),
  },
  "configuration-rules-get": {},
  "configuration-rules-replace": {
    body: () => ({
      overrides: [{ pointer: "/description", value: "this tenant's" }],
      message: "of this tenant",
    }),
  },
  "configuration-remove": {},
  "configuration-export": {},
  "configuration-import": {
    body: () => ({
      items: [{ type: "roleScopeTag", key: "New", body: { displayName: "New" } }],
      message: "a new tag",
    }),
  },
  "baselines-add": {
    body: () => ({
      name: "Tags",
      message: "tags",
      parameters: [{ name: "tag", default: "Branch" }],
      items: [{ type: "roleScopeTag", key: "{{tag}}", body: { displayName: "{{tag}}" } }],
    }),
    keep: ["baselineId"],
  },
  "baselines-list": {},
  "baselines-version": {},
  "baselines-replace": {
    body: () => ({
      name: "Tags",
      message: "as it was",
      parameters: [{ name: "tag", default: "Branch" }],
      items: [{ type: "roleScopeTag", key: "{{tag}}", body: { displayName: "{{tag}}" } }],
    }),
  },
  "baseline-tailorings-replace": { body: () => ({ values: { tag: "Shop" } }) },
  "baseline-tailorings-get": {},
  "baseline-tailorings-preview": {},
  "baselines-publish": { body: () => ({}) },
  "baselines-get": {},
  "baseline-tailorings-remove": {},
  "baselines-remove": {},
  "syncs-start-many": { body: () => ({ tenantIds: [tenantId], mode: "exportOnly" }) },
  "webhooks-add": {
    body: () => ({ url: "https://hooks.example/muster", events: ["sync.statusChanged"] }),
    keep: ["webhookId"],
  },
  "webhooks-list": {},
  "webhooks-get": {},
  "webhooks-change": { body: () => ({ enabled: true }) },
  "webhooks-rotate-secret": {},
  "webhooks-test": { keep: ["deliveryId"] },
  "webhooks-deliveries": {},
  "webhooks-delivery": {},
  "webhooks-redeliver": {},
  "webhooks-remove": {},
  "tasks-add": {
    body: () => ({ ...tasks[0], schedule: { kind: "none" } }),
    keep: ["taskId"],
  },
  "calendars-replace": { body: () => ({ displayName: "Holidays", dates: ["2026-12-25"] }) },
  "calendars-list": {},
  "calendars-get": {},
  "calendars-remove": {},
  "tasks-run-tenants": {},
  "tasks-preview": { body: () => ({ ...tasks[0], schedule: { kind: "now" } }) },
  "tasks-list": {},
  "tasks-get": {},
  "tasks-replace": { body: () => tasks[0] },
  "tasks-schedule": { body: () => ({ schedule: { kind: "now" } }) },
  "tasks-runs": {},
  "tasks-remove": {},
  "windows-replace": {
    body: () => ({
      windows: [
        {
          displayName: "Nights",
          opens: {
            kind: "recurring",
            rule: "FREQ=DAILY",
            start: "2026-12-01T22:00",
            timeZone: "Europe/Paris",
          },
          minutes: 480,
        },
      ],
    }),
  },
  "windows-get": {},
  "action-types-list": {},
  "templates-add": { body: () => template, keep: ["templateId"] },
  "templates-list": {},
  "templates-get": {},
  "templates-replace": { body: () => ({ ...template, platforms: ["windows", "macOS"] }) },
  "templates-versions": {},
  "templates-version": {},
  "templates-schedule": { body: () => ({ tenantId }) },
  "provisioning-runs-start": {
    body: (found) => ({ templateId: found.get("templateId"), targets: { rules: [rule] } }),
    keep: ["runId"],
  },
  "provisioning-runs-list": {},
  "provisioning-runs-get": {},
  "provisioning-runs-pause": {},
  "provisioning-runs-resume": {},
  "provisioning-runs-devices": {},
  "provisioning-runs-device": {},
  // Nothing of the example's said anything long.
  "provisioning-runs-output": { refused: "unknown-output" },
  "provisioning-runs-history": {},
  "devices-provisioning-runs": {},
  "provisioning-runs-cancel": {},
  "provisioning-runs-restart": {
    // None has failed, however far the run has come by now.
    body: () => ({ mode: "whole", include: ["failed"] }),
    refused: "nothing-to-restart",
  },
  "templates-remove": {},
  "tenant-variables-replace": { body: () => taskBodies["tenant-variables-replace"]?.[0] },
  "tenant-variables-get": {},
  "collections-remove": {},
  "tenants-remove": {},
};
