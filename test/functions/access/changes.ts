/** Every operation that changes something, once, in an order in which each finds what it is about. */
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { home } from "../../shared/access/entra.ts";
import { template } from "../support/sync-bodies.ts";

/** What calls before have left for those after them. */
export type Found = Map<string, string>;

/** One operation's call, and what the audit trail must say of it beyond who, when and where. */
export type Change = {
  readonly body?: (found: Found) => unknown;
  /** Who calls: somebody else than everybody's caller. */
  readonly second?: true;
  readonly object: (found: Found) => string;
  /** Absent: there was nothing before. */
  readonly before?: unknown;
  /** Null: nothing is left. */
  readonly after: unknown;
  /** A property of the answer that later calls need, and the path parameter that it becomes. */
  readonly keep?: string;
  /** What has to happen before the next call: carry the refresh out, or plan what was sent. */
  readonly next?: "refresh" | "plan" | "hold";
};

const key = "0".repeat(22);
const relayId = randomUUID();
const id = randomUUID();
/** Ids that are well formed, and nobody's. */
export const anyIds: Found = new Map([
  ...["tenantId", "deviceId", "inventoryId", "assignmentId", "approvalId", "from", "to"].map(
    (name) => [name, id] as const,
  ),
  ...["refreshId", "notificationId"].map((name) => [name, key] as const),
  ["claimId", `${key}0`],
  ["syncId", key],
  ["registrationId", key],
  ["reportId", key],
  ["autopilotDeviceId", id],
  ["listPart", "1"],
  ["outputId", "0".repeat(32)],
  ["baselineId", key],
  ["version", "1"],
  ["type", "roleScopeTag"],
  ["key", "Default"],
  ["webhookId", key],
  ["deadLetterId", key],
  ["taskId", key],
  ["templateId", key],
  ["calendarId", "holidays"],
  ["runId", key],
  ["deliveryId", key],
  ...Object.entries({ collectionId: "c1", roleId: "partner", siteCode: "P01", part: "0" }),
]);

/** Bodies of what takes one and changes nothing. */
export const harmless: Readonly<Record<string, unknown>> = {
  "autopilot-devices-find": { serialNumber: "PF000001" },
  "registrations-submit": { devices: [{ productId: "3289930885111" }] },
  "collections-preview": {
    rule: { property: "operatingSystem", operator: "equals", value: "Windows" },
  },
};

const devices = [{ resourceId: 7, name: "PC-7", operatingSystem: "Windows" }];
const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
const send = { action: "downloadComputerPolicy", target: { kind: "tenant" } };
const role = { name: "Reader", permissions: ["devices.read"] };
const principal = { kind: "user", homeTenantId: home, id: randomUUID() };
const assignment = (found: Found, scope: object) => ({
  principal,
  roleId: found.get("roleId"),
  scope,
});
const restartRule = { kind: "notification", actions: ["restart"], tenantIds: "all", moreThan: 0 };
const named = (kind: string) => (found: Found) => `${kind}/${found.get(`${kind}Id`)}`;
const waiting = {
  state: "pendingApproval",
  summary: expect.stringContaining("restart"),
  digest: expect.any(String),
};

/** By operationId and a word where it is called twice. */
export const changes: Readonly<Record<string, Change>> = {
  "tenants-add": {
    body: (found) => ({ tenantId: found.get("tenantId"), displayName: "Contoso" }),
    object: named("tenant"),
    after: { displayName: "Contoso" },
  },
  // Beside other tests nothing may rest: it is off, and stays so.
  "drain-set": {
    body: () => ({ draining: false }),
    object: () => "drain",
    before: { draining: false },
    after: { draining: false },
  },
  "tenants-change": {
    body: () => ({ displayName: "Fabrikam", pace: { deviceActions: "unlimited" } }),
    object: named("tenant"),
    before: { displayName: "Contoso" },
    after: { displayName: "Fabrikam", pace: { deviceActions: "unlimited" } },
  },
  "sites-put-part": {
    body: () => ({ devices }),
    object: (found) => `site/P01/inventory/${found.get("inventoryId")}/part/0`,
    after: { devices: 1 },
  },
  "sites-complete": {
    body: () => ({ parts: 1 }),
    object: () => "site/P01",
    before: null,
    after: { parts: 1, refreshId: expect.any(String) },
    keep: "refreshId",
    next: "refresh",
  },
  "refreshes-start": {
    object: named("refresh"),
    after: { state: "running", alreadyRunning: false },
    keep: "refreshId",
    next: "refresh",
  },
  "collections-add": {
    body: () => ({ kind: "rule", name: "Windows", rule }),
    object: named("collection"),
    after: { name: "Windows", rule },
    keep: "collectionId",
  },
  "collections-replace": {
    body: () => ({ kind: "rule", name: "PCs", rule }),
    object: named("collection"),
    before: { name: "Windows", rule },
    after: { name: "PCs", rule },
  },
  "collections-remove": { object: named("collection"), before: { name: "PCs" }, after: null },
  "notifications-send": {
    body: () => send,
    object: named("notification"),
    after: { action: "downloadComputerPolicy", target: { kind: "tenant" }, state: "planning" },
    keep: "notificationId",
    next: "plan",
  },
  "notifications-pause": {
    object: named("notification"),
    before: { state: "running" },
    after: { state: "paused" },
  },
  "notifications-resume": {
    object: named("notification"),
    before: { state: "paused" },
    after: { state: "running" },
  },
  "sites-lease": {
    body: () => ({ relayId, seconds: 600 }),
    object: () => "site/P01",
    after: { relayId },
  },
  "sites-claim": {
    body: (found) => ({
      relayId,
      mark: 0,
      notificationId: found.get("notificationId"),
      from: found.get("from"),
      to: found.get("to"),
    }),
    object: named("notification"),
    after: { siteCode: "P01", claimId: expect.any(String), again: false, devices: 1 },
    keep: "claimId",
  },
  "sites-report": {
    body: (found) => ({
      notificationId: found.get("notificationId"),
      claimId: found.get("claimId"),
      results: [{ deviceId: found.get("from"), outcome: "failed", detail: "no such client" }],
    }),
    object: named("notification"),
    after: { siteCode: "P01", taken: 1, outcomes: { failed: 1 } },
  },
  "notifications-retry": {
    body: () => ({ only: ["failed"] }),
    object: named("notification"),
    after: { only: ["failed"], target: { kind: "retry", notificationId: expect.any(String) } },
    keep: "notificationId",
  },
  "notifications-cancel": {
    object: named("notification"),
    before: { state: "planning" },
    after: { state: "cancelling" },
  },
  "approval-rules-replace": {
    body: (found) => ({ rules: [{ ...restartRule, tenantIds: [found.get("tenantId")] }] }),
    object: () => "approval-rules",
    before: { rules: expect.any(Array) },
    after: { rules: [{ actions: ["restart"], moreThan: 0 }] },
    next: "hold",
  },
  "approvals-approve": {
    body: (found) => ({ digest: found.get("digest"), comment: "go" }),
    second: true,
    object: named("notification"),
    before: { ...waiting, requestedBy: { kind: "user", homeTenantId: home } },
    after: { state: "approved", comment: "go" },
    next: "hold",
  },
  "approvals-reject": {
    body: (found) => ({ digest: found.get("digest"), comment: "not today" }),
    second: true,
    object: named("notification"),
    before: waiting,
    after: { state: "rejected", comment: "not today" },
  },
  "roles-add": { body: () => role, object: named("role"), after: role, keep: "roleId" },
  "roles-replace": {
    body: () => ({ ...role, permissions: ["devices.read", "tenants.read"] }),
    object: named("role"),
    before: role,
    after: { permissions: ["devices.read", "tenants.read"] },
  },
  "assignments-add": {
    body: (found) => assignment(found, { kind: "everything" }),
    object: named("assignment"),
    after: { principal, scope: { kind: "everything" } },
    keep: "assignmentId",
  },
  "assignments-replace": {
    body: (found) => assignment(found, { kind: "tenants", tenantIds: [found.get("tenantId")] }),
    object: named("assignment"),
    before: { scope: { kind: "everything" } },
    after: { scope: { kind: "tenants" } },
  },
  "assignments-remove": {
    object: named("assignment"),
    before: { scope: { kind: "tenants" } },
    after: null,
  },
  "roles-remove": { object: named("role"), before: { name: "Reader" }, after: null },
  "templates-add": {
    body: () => template,
    object: named("template"),
    after: { name: "New hires", visibility: "public", version: 1, actions: 2 },
    keep: "templateId",
  },
  "templates-replace": {
    body: () => ({ ...template, name: "All hires", platforms: ["windows", "macOS"] }),
    object: named("template"),
    before: { name: "New hires", version: 1 },
    after: { name: "All hires", version: 2 },
  },
  "provisioning-runs-start": {
    body: (found) => ({ templateId: found.get("templateId"), targets: { rules: [rule] } }),
    object: named("run"),
    after: { template: { name: "All hires", version: 2 } },
    keep: "runId",
    next: "plan",
  },
  "provisioning-runs-pause": {
    object: named("run"),
    before: { state: "running" },
    after: { state: "paused" },
  },
  "provisioning-runs-resume": {
    object: named("run"),
    before: { state: "paused" },
    after: { state: "running" },
  },
  "provisioning-runs-cancel": {
    object: named("run"),
    before: { state: "running" },
    after: { state: "cancelling" },
  },
  "templates-remove": { object: named("template"), before: { version: 2 }, after: null },
  "tenant-variables-replace": {
    body: () => ({ values: { site: "Lyon" } }),
    object: () => "variables",
    before: { names: [], devices: 0 },
    after: { names: ["site"], devices: 0 },
  },
  "tenants-remove": {
    object: named("tenant"),
    before: { displayName: "Fabrikam" },
    after: null,
  },
};
