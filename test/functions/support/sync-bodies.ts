/** Bodies that operations about syncs take: whole ones, for tables that walk every operation. */

const planHash = "0".repeat(64);
const item = { type: "roleScopeTag", key: "New" };
const body = { displayName: "New", description: "of the tests" };

const tenant = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
const parameter = { name: "tag", description: "a tag's name", kind: "text" };
const about = { name: "Tags", description: "tags of everybody", message: "as agreed" };
const baselines = [
  {
    ...about,
    parameters: [{ ...parameter, default: "New" }],
    items: [{ ...item, key: "{{tag}}", name: "New", body: { ...body, displayName: "{{tag}}" } }],
  },
  {
    ...about,
    parameters: [{ ...parameter, replaces: "New" }],
    from: { tenantId: tenant, types: ["roleScopeTag"], items: [item] },
  },
];

/** What operations must be asked for in their query. */
export const queries: Readonly<Record<string, string>> = {
  "access-explain": "?operation=devices-list",
  "syncs-compare": "?with=nobodys",
};

/** By operation: bodies with every member. */
export const syncBodies: Readonly<Record<string, readonly unknown[]>> = {
  "customers-change": [
    {
      partnerKind: "customer",
      oemConsent: { link: "https://oem.example/consent", acceptedAt: "2026-01-01T00:00:00Z" },
    },
  ],
  "partner-sign-in": [{ signInId: `device-${tenant}` }],
  "syncs-start": [
    { mode: "exportOnly", types: ["roleScopeTag"], items: [item], onMissingUser: "wait" },
  ],
  "syncs-approve": [{ planHash, changes: [planHash], comment: "as agreed" }],
  "syncs-confirm": [{ planHash, deletes: { roleScopeTag: 1 }, lockOut: true, reason: "as agreed" }],
  "syncs-reject": [{ planHash, comment: "not now" }],
  "syncs-reject-and-reset": [{ planHash, items: [item], comment: "the tenant is right" }],
  "sync-settings-change": [
    {
      types: ["roleScopeTag"],
      deletes: ["roleScopeTag"],
      breakGlassGroups: ["Break glass"],
      onMissingUser: "wait",
      approvalDays: 3,
      nightly: { enabled: true, at: "02:30", timeZone: "Europe/Paris", mode: "plan" },
    },
  ],
  "configuration-edit": [{ body, message: "a new tag" }],
  "configuration-rules-replace": [
    {
      mode: "subset",
      deviations: [
        {
          pointer: "/description",
          accepted: "theirs",
          reason: "agreed",
          until: "2999-01-01T00:00:00Z",
        },
      ],
      overrides: [{ pointer: "/description", value: "ours" }],
      message: "as agreed",
    },
  ],
  "baselines-add": baselines,
  "baselines-replace": baselines,
  "baselines-publish": [{ version: 1, tenantIds: [tenant] }],
  "baseline-tailorings-replace": [
    {
      values: { tag: "New" },
      overrides: [{ ...item, pointer: "/description", value: "ours" }],
      leaveOut: [item],
    },
  ],
  "configuration-import": [{ items: [{ ...item, name: "New", body }], message: "tags" }],
};

/** The same of the operation that is for many tenants. */
export const manySyncs = (tenantId: string) => ({ tenantIds: [tenantId], mode: "exportOnly" });

/** A webhook about a tenant. */
export const webhookFor = (tenantId: string) => ({
  url: "https://hooks.example/muster",
  events: ["sync.statusChanged", "sync.approvalPending"],
  description: "tickets",
  tenantIds: [tenantId],
});

const opens = {
  kind: "recurring",
  rule: "FREQ=DAILY",
  start: "2026-12-01T22:00",
  timeZone: "Europe/Paris",
  excluded: ["2026-12-25"],
};
const timing = {
  displayName: "Every night",
  startLateUpTo: "PT2H",
  overlap: "queue",
  windows: [{ opens, minutes: 480 }],
  longestRun: "PT1H",
  cutoff: "PT10M",
  enabled: true,
  public: true,
};

/** Tasks about a tenant, with every member. */
export const tasks = [
  {
    kind: "notification",
    notification: {
      action: "installClient",
      target: { kind: "tenant" },
      note: "every night",
    },
    schedule: { ...opens, start: "2026-12-01T02:30" },
    ...timing,
  },
  {
    kind: "sync",
    sync: { mode: "plan", types: ["roleScopeTag"], onMissingUser: "wait" },
    schedule: {
      kind: "everyMinutes",
      minutes: 60,
      from: "2026-12-01T00:00:00Z",
      until: "2999-01-01T00:00:00Z",
    },
    ...timing,
  },
];
const condition = (property: string, operator: string, value: unknown) => ({
  property,
  operator,
  value,
});
/** Rules with every condition. */
export const rules = [
  condition("operatingSystem", "equals", "Windows"),
  condition("managementAgent", "notEquals", "mdm"),
  condition("complianceState", "in", ["compliant", "unknown"]),
  condition("deviceName", "startsWith", "PC"),
  condition("groupTag", "equals", "shop"),
  condition("lastSyncDateTime", "olderThan", "P7D"),
  condition("lastSyncDateTime", "before", "2026-01-01T00:00:00Z"),
  { and: [{ not: { or: [condition("deviceName", "equals", "PC-1")] } }] },
];
/** A run with every member. */
export const provisioningRun = {
  templateId: "0".repeat(22),
  version: 1,
  targets: { deviceIds: [tenant], collectionIds: ["c1"], rules },
  offline: { mode: "wait", after: "P1D", expiresAfter: "P7D" },
  windows: { longestRun: "PT1H", cutoff: "PT5M", ignored: true },
  expiresAfter: "P7D",
  rollout: { atOnce: 5, stopAfter: { percent: 10 } },
  note: "tonight",
};
const runTask = {
  kind: "provisioning",
  provisioning: { ...provisioningRun, only: "notSucceeded" },
  schedule: opens,
  ...timing,
};
const scheduled = { schedule: { kind: "at", at: "2999-01-01T00:00:00Z" } };

/** A template with every member. */
export const template = {
  name: "New hires",
  description: "for laptops of new hires",
  visibility: "public",
  message: "as agreed",
  platforms: ["windows"],
  variables: { site: { description: "where it goes", value: "Lyon" } },
  sections: [
    {
      id: "systemConfiguration",
      actions: [
        {
          id: "wait",
          name: "Let it settle",
          type: "wait",
          parameters: { duration: "PT5M" },
          required: false,
          retry: { max: 1, delaySeconds: 60, on: "any" },
          timeoutSeconds: 600,
          when: { property: "deviceName", operator: "startsWith", value: "{{site}}" },
          variables: { room: "{{site}} 1" },
        },
        {
          id: "scan",
          name: "Scan",
          type: "endpointProtectionQuickScan",
          when: { property: "operatingSystem", operator: "in", value: ["Windows"] },
        },
      ],
    },
  ],
};
/** As `template`, with conditions that are joined. */
const joinedTemplate = {
  ...template,
  sections: [
    {
      id: "systemConfiguration",
      actions: (["all", "any"] as const).map((joined) => ({
        id: joined,
        name: "Scan the shop's",
        type: "endpointProtectionQuickScan",
        when: {
          [joined]: [
            { property: "groupTag", operator: "in", value: ["shop"] },
            { property: "model", operator: "startsWith", value: "{{site}}" },
          ],
        },
      })),
    },
  ],
};
const variables = { values: { site: "Lyon" }, devices: { [tenant]: { site: "Paris" } } };
export const taskBodies: Readonly<Record<string, readonly unknown[]>> = {
  "tasks-add": [...tasks, runTask],
  "tasks-replace": [...tasks, runTask],
  "tasks-schedule": [scheduled, { schedule: opens }],
  "provisioning-runs-restart": [
    {
      mode: "fromAction",
      actionId: "last",
      include: ["failed", "notAttempted"],
      deviceIds: [tenant],
      waive: [{ actionId: "scan", reason: "scanned by hand" }],
      token: "0".repeat(64),
    },
  ],
  "tasks-preview": [...tasks, runTask],
  "templates-add": [template, joinedTemplate],
  "templates-replace": [template, joinedTemplate],
  "templates-schedule": [{ tenantId: tenant, version: 1, displayName: "New hires of May" }],
  "tenant-variables-replace": [variables],
  "calendars-replace": [{ displayName: "Holidays", dates: ["2026-12-25"] }],
  "windows-replace": [
    {
      windows: [{ displayName: "Nights", opens, minutes: 480, cutoff: "PT30M" }],
      exclusions: [
        { displayName: "Freeze", from: "2026-12-20T00:00:00Z", to: "2027-01-04T00:00:00Z" },
      ],
    },
  ],
};

/** Operations that act on a sync that waits, or has done something: each is tried where it can, in tests of its own. */
export const triedElsewhere: Readonly<Record<string, unknown>> = Object.fromEntries([
  ...Object.entries(syncBodies).map(([name, [first]]) => [name, first]),
  ["syncs-start-many", manySyncs("7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01")],
  ["webhooks-add", webhookFor("7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01")],
  ["webhooks-change", { enabled: false }],
  ...Object.entries(taskBodies).map(([name, [first]]) => [name, first] as const),
  ...[
    "syncs-cancel",
    "syncs-pause",
    "syncs-resume",
    "syncs-undo",
    "sync-status-acknowledge",
    "sync-held-release",
    "configuration-remove",
    "baselines-remove",
    "baseline-tailorings-remove",
    "syncs-authentication-new-code",
    "syncs-authentication-browser",
    "syncs-authentication-continue",
    "syncs-consent-begin",
    "syncs-consent-check",
    "syncs-consent-continue",
    "dead-letters-replay",
    "dead-letters-discard",
    "webhooks-remove",
    "webhooks-rotate-secret",
    "webhooks-test",
    "webhooks-redeliver",
    "registrations-submit-many",
    "registration-lists-open",
    "registration-lists-part",
    "registration-lists-submit",
    "group-tags-replace",
    "partner-group-tags-replace",
    "autopilot-devices-change",
    "autopilot-devices-deregister",
    "tasks-remove",
    "calendars-remove",
    "customers-check",
    "registrations-cancel",
    "registrations-pause",
    "registrations-resume",
    "registrations-retry",
    "registrations-refresh",
  ].map((name) => [name, undefined]),
]);
