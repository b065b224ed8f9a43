/** For each operation that takes a body: bodies that hold every text which it takes, and are taken. */
import {
  manySyncs,
  provisioningRun,
  rules,
  syncBodies,
  taskBodies,
  tasks,
  webhookFor,
} from "./sync-bodies.ts";

const id = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
const notificationId = "0".repeat(22);
const role = { name: "Reader", description: "Reads devices", permissions: ["devices.read"] };
const assignment = (scope: object) => ({
  principal: { kind: "user", homeTenantId: id, id },
  roleId: "partner",
  scope,
  note: "until June",
});
const assignments = [
  { kind: "everything" },
  { kind: "tenants", tenantIds: [id] },
  { kind: "collections", collections: [{ tenantId: id, collectionId: "c1" }] },
].map(assignment);
const send = (action: string, parameters: object, target: object) => ({
  action,
  parameters,
  target,
  expiresAfter: "PT1H",
  note: "after the update",
});
const taskFor = (rule: object) => ({
  ...tasks[0],
  notification: { action: "installClient", target: { kind: "rule", rule } },
});
const collections = [
  { kind: "static", name: "Two", description: "Two devices", deviceIds: [id] },
  ...rules.map((rule) => ({ kind: "rule", name: "Some", description: "By a rule", rule })),
];
const verdict = { digest: "0".repeat(64), comment: "go" };

const device = {
  serialNumber: "PF0A1B2C",
  productId: "3289930885111",
  hardwareHash: "T0E",
  manufacturer: "LENOVO",
  model: "20XWCTO1WW",
  groupTag: "shop",
  assignedUser: "ana@contoso.example",
};

/** By operationId. */
export const fullBodies: Readonly<Record<string, readonly unknown[]>> = {
  "tenants-add": [{ tenantId: id, displayName: "Contoso", pace: { deviceActions: "unlimited" } }],
  "drain-set": [{ draining: false }],
  "tenants-change": [
    { paused: true, pauseReason: "Their migration runs." },
    { displayName: "Contoso", pace: { deviceReads: "unlimited" }, paused: false },
  ],
  "sites-put-part": [
    {
      devices: [
        {
          resourceId: 7,
          name: "PC-7",
          operatingSystem: "Windows",
          osVersion: "10.0",
          entraDeviceId: id,
          userPrincipalName: "ana@contoso.example",
        },
      ],
    },
  ],
  "registrations-submit-many": [
    { devices: [{ customer: "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01", ...device }] },
  ],
  "registration-lists-part": [{ devices: [device] }],
  "registration-lists-submit": [{ parts: 1 }],
  "autopilot-devices-find": [{ serialNumber: "PF0A1B2C" }],
  "group-tags-replace": [{ tags: ["shop"] }],
  "partner-group-tags-replace": [{ lists: [{ name: "Shops", tags: ["till"] }] }],
  "autopilot-devices-change": [
    { groupTag: "shop", displayName: "PC-1", assignedUser: "ana@contoso.example" },
  ],
  "autopilot-devices-deregister": [{ serialNumbers: ["PF0A1B2C"] }],
  "registrations-submit": [{ devices: [device] }],
  "sites-complete": [{ parts: 1 }],
  "sites-lease": [{ relayId: id, seconds: 60 }],
  "sites-claim": [{ relayId: id, mark: 0, notificationId, from: id, to: id }],
  "sites-report": [
    {
      notificationId,
      claimId: `${notificationId}0`,
      results: [
        { deviceId: id, outcome: "failed", code: "site-refused", detail: "no such client" },
      ],
    },
  ],
  "collections-add": collections,
  "collections-replace": collections,
  "collections-preview": rules.map((rule) => ({ rule })),
  "notifications-send": [
    send("runScript", { remediationScriptId: id }, { kind: "devices", deviceIds: [id] }),
    send("startCMPivot", { query: "Device | project Name" }, { kind: "tenant" }),
    send("restart", {}, { kind: "collection", collectionId: "c1" }),
    ...rules.map((rule) => send("restart", {}, { kind: "rule", rule })),
  ],
  "notifications-retry": [{ only: ["failed"], expiresAfter: "PT1H", note: "again" }],
  "provisioning-runs-start": [provisioningRun],
  "approval-rules-replace": [
    {
      rules: [
        {
          kind: "notification",
          actions: ["restart"],
          tenantIds: [id],
          moreThan: 5,
          approvers: ["user"],
        },
        { kind: "notification", actions: "all", tenantIds: "all", moreThan: 5 },
      ],
    },
  ],
  "approvals-approve": [verdict],
  "approvals-reject": [verdict],
  "roles-add": [role],
  "roles-replace": [role],
  "assignments-add": assignments,
  "assignments-replace": assignments,
  ...syncBodies,
  "syncs-start-many": [manySyncs(id)],
  ...taskBodies,
  ...Object.fromEntries(
    ["tasks-add", "tasks-replace", "tasks-preview"].map((name) => [
      name,
      [...(taskBodies[name] ?? []), ...rules.map(taskFor)],
    ]),
  ),
  "webhooks-add": [webhookFor(id)],
  "webhooks-change": [{ ...webhookFor(id), enabled: true }],
};

/** A text in a body, and the body with another one in its place. */
export type TextPlace = {
  readonly pointer: string;
  readonly text: string;
  readonly with: (text: string) => unknown;
};

/** A body with other texts in some places. */
export const withTexts = (
  body: unknown,
  places: readonly TextPlace[],
  textOf: (place: TextPlace) => string,
): unknown =>
  places.reduce<unknown>((rest, place) => {
    const now = textsIn(rest).find(({ pointer }) => pointer === place.pointer);
    return now?.with(textOf(place));
  }, body);

/** Every text in a body. */
export function textsIn(body: unknown): TextPlace[] {
  if (typeof body === "string") return [{ pointer: "", text: body, with: (text) => text }];
  if (typeof body !== "object" || body === null) return [];
  return Object.entries(body).flatMap(([key, inner]) =>
    textsIn(inner).map(({ pointer, text, with: replaced }) => ({
      pointer: `/${key}${pointer}`,
      text,
      with: (other: string) =>
        Array.isArray(body)
          ? body.map((each: unknown, at) => (String(at) === key ? replaced(other) : each))
          : { ...body, [key]: replaced(other) },
    })),
  );
}
