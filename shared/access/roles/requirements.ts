/**
 * What each operation of the API asks of its caller, by operation name. An operation that is not listed is refused to
 * everybody, and a test names it.
 */
import type { Permission } from "./roles.ts";

/** Which resource of a request the permission must reach. */
export type On = "global" | "tenant" | "collection";

/** What requests begin, now or later: kinds of tasks. */
export const workKinds = ["notification", "sync", "provisioning"] as const;
export type WorkKind = (typeof workKinds)[number];

/** What an operation asks for. */
export type Requirement = Rule & { readonly more?: More };

/** What is decided before an operation's handler runs, or by the handler of its work. */
export type Rule =
  | { readonly kind: "anonymous" }
  /** Any signed-in caller; what is shown is their own, or the same for everybody. */
  | { readonly kind: "signedIn" }
  | {
      readonly kind: "permission";
      readonly permission: Permission;
      readonly on: On;
      /** Besides, the right to make the assignments that name the collection: it changes what they give. */
      readonly changesScopes?: true;
      /** Besides, everywhere: what it takes to see the thing that is not the tenant's. */
      readonly everywhere?: Permission;
    }
  /**
   * The permissions of the action that is asked for (`actionPermissions`), in the request's tenant; `besides`
   * them what it takes to see the thing that names the action.
   */
  | { readonly kind: "action"; readonly besides?: readonly Permission[] }
  /** What types of actions of a template take, in the request's tenant. */
  | { readonly kind: "actionTypes" }
  /** A list over tenants: the caller sees those that this permission reaches, maybe none. */
  | { readonly kind: "eachTenant"; readonly permission: Permission };

/** What the handler asks besides, once it has read what the request is about. */
export type More = {
  /** For people who have not said what it is about. */
  readonly words: string;
  /** By the kind of what it begins; the handler asks by these very rules. */
  readonly work?: Readonly<Partial<Record<WorkKind, readonly Rule[]>>>;
  /** The kind of which more is asked when it begins: of whoever owns it by then. */
  readonly later?: WorkKind;
};

const anonymous: Requirement = { kind: "anonymous" };
const signedIn: Requirement = { kind: "signedIn" };
const everywhere = (permission: Permission) => of(permission, "global");
const inTenant = (permission: Permission) => of(permission, "tenant");
const inCollection = (permission: Permission) => of(permission, "collection");
const of = (permission: Permission, on: On) => ({
  kind: "permission" as const,
  permission,
  on,
});

const ofBaseline = (permission: Permission): Requirement => ({
  ...inTenant(permission),
  everywhere: "baselines.read",
});

/** What it takes to begin work in a tenant, by its kind. */
export const toBegin = {
  notification: { kind: "action" },
  sync: inTenant("sync.run"),
  provisioning: inTenant("provisioning.run"),
} as const satisfies Record<WorkKind, Rule>;
/** What it takes to do with devices what a template says. */
export const toDo = { kind: "actionTypes" } as const satisfies Rule;

const { notification, sync, provisioning } = toBegin;
const ofAction: More = { words: "What the action takes." };
const ofTask: More = {
  words:
    "What the task begins, in each of its tenants: of a notification what its action takes, of a sync sync.run, of a run provisioning.run and, once it begins, what its actions take.",
  work: { notification: [notification], sync: [sync], provisioning: [provisioning] },
  later: "provisioning",
};
/** It is done with what its owner may: only the owner and who administers tasks change it. */
const ofOwnTask: More = {
  ...ofTask,
  words: `${ofTask.words} Somebody else's task takes tasks.administer.`,
};
const ofActions: More = {
  words: "What the actions of the template take, for the devices that it is for.",
  work: { provisioning: [toDo] },
};
const ofCopy = { words: "In the tenant that it copies from, sync.read." };
const ofTenants = { words: "The permission in each tenant that is named." };
const ofRole = {
  words: "Nobody gives what they lack: each permission that is given, wherever it is given.",
};
/** The handler keeps to what the caller reaches. */
const ofWebhooks: Requirement = { kind: "eachTenant", permission: "webhooks.manage" };
const changesWebhook: Requirement = {
  ...ofWebhooks,
  more: { words: "What the events tell, in each tenant that it is for." },
};
/** The handler keeps to what is public or the caller's own. */
const ofTemplates: Requirement = { kind: "eachTenant", permission: "templates.read" };

/** The table. */
export const requirements: Readonly<Record<string, Requirement>> = {
  health: anonymous,
  ready: anonymous,
  openapi: anonymous,
  // Browsers come back to these; only the state that they bring is believed.
  "callbacks-sign-in": anonymous,
  "callbacks-consent": anonymous,
  "zz-unknown-route": signedIn,
  "actions-list": signedIn,
  "actions-get": signedIn,
  "names-get": signedIn,
  "texts-list": signedIn,
  "dead-letters-list": everywhere("deadLetters.read"),
  "dead-letters-replay": everywhere("deadLetters.manage"),
  "dead-letters-discard": everywhere("deadLetters.manage"),
  "drain-get": everywhere("installation.drain"),
  "drain-set": everywhere("installation.drain"),
  "tenants-list": { kind: "eachTenant", permission: "tenants.read" },
  "tenants-add": everywhere("tenants.add"),
  "tenants-get": inTenant("tenants.read"),
  "tenants-change": inTenant("tenants.manage"),
  "tenants-remove": inTenant("tenants.manage"),
  "customers-list": { kind: "eachTenant", permission: "relationships.read" },
  "customers-get": inTenant("relationships.read"),
  "customers-check": inTenant("relationships.manage"),
  "customers-change": inTenant("relationships.manage"),
  "partner-get": everywhere("relationships.manage"),
  "partner-sign-in": everywhere("relationships.manage"),
  "collections-list": inTenant("collections.read"),
  "collections-add": inTenant("collections.manage"),
  "collections-preview": inTenant("collections.manage"),
  "collections-get": inCollection("collections.read"),
  "collections-members": inCollection("collections.read"),
  "collections-replace": { ...of("collections.manage", "collection"), changesScopes: true },
  "collections-remove": { ...of("collections.manage", "collection"), changesScopes: true },
  "devices-list": inTenant("devices.read"),
  "devices-get": inTenant("devices.read"),
  "devices-history": inTenant("notifications.read"),
  "refreshes-start": inTenant("devices.refresh"),
  "refreshes-list": inTenant("devices.read"),
  "refreshes-get": inTenant("devices.read"),
  "notifications-send": { kind: "action", more: ofAction },
  "notifications-retry": { kind: "action", besides: ["notifications.read"], more: ofAction },
  "notifications-reasons": inTenant("notifications.read"),
  "notifications-everywhere": { kind: "eachTenant", permission: "notifications.read" },
  "notifications-list": inTenant("notifications.read"),
  "notifications-get": inTenant("notifications.read"),
  "notifications-deliveries": inTenant("notifications.read"),
  "notifications-cancel": inTenant("notifications.cancel"),
  "notifications-pause": inTenant("notifications.cancel"),
  "notifications-resume": { kind: "action", besides: ["notifications.read"], more: ofAction },
  "sites-list": inTenant("sites.read"),
  "sites-put-part": inTenant("sites.relay"),
  "sites-complete": inTenant("sites.relay"),
  "sites-lease": inTenant("sites.relay"),
  "sites-claim": inTenant("sites.relay"),
  "sites-report": inTenant("sites.relay"),
  "syncs-start-many": everywhere("sync.run"),
  "syncs-start": inTenant("sync.run"),
  "syncs-list": inTenant("sync.read"),
  "syncs-get": inTenant("sync.read"),
  "syncs-cancel": inTenant("sync.run"),
  "syncs-pause": inTenant("sync.run"),
  "syncs-resume": inTenant("sync.run"),
  "syncs-plan": inTenant("sync.read"),
  "syncs-approve": inTenant("sync.approve"),
  "syncs-confirm": inTenant("sync.approve"),
  "syncs-reject": inTenant("sync.approve"),
  "syncs-reject-and-reset": inTenant("sync.approve"),
  "syncs-report": inTenant("sync.read"),
  "syncs-compare": inTenant("sync.read"),
  "syncs-logs": inTenant("sync.read"),
  "syncs-artifacts": inTenant("sync.read"),
  "syncs-error": inTenant("sync.read"),
  "syncs-undo": inTenant("sync.run"),
  "syncs-authentication": inTenant("sync.read"),
  "syncs-authentication-new-code": inTenant("sync.run"),
  "syncs-authentication-browser": inTenant("sync.run"),
  "syncs-authentication-continue": inTenant("sync.run"),
  "syncs-consent": inTenant("sync.read"),
  "syncs-consent-begin": inTenant("sync.run"),
  "syncs-consent-check": inTenant("sync.run"),
  "syncs-consent-continue": inTenant("sync.run"),
  "sync-status-get": inTenant("sync.read"),
  "sync-status-acknowledge": inTenant("sync.run"),
  "sync-settings-change": inTenant("configuration.manage"),
  "sync-held-release": inTenant("sync.approve"),
  "configuration-types": inTenant("sync.read"),
  "configuration-items": inTenant("sync.read"),
  "configuration-get": inTenant("sync.read"),
  "configuration-edit": inTenant("configuration.manage"),
  "configuration-remove": inTenant("configuration.manage"),
  "configuration-rules-get": inTenant("sync.read"),
  "configuration-rules-replace": inTenant("configuration.manage"),
  "configuration-export": inTenant("sync.read"),
  "configuration-import": inTenant("configuration.manage"),
  "webhooks-list": ofWebhooks,
  "webhooks-add": changesWebhook,
  "webhooks-get": ofWebhooks,
  "webhooks-change": changesWebhook,
  "webhooks-remove": ofWebhooks,
  "webhooks-rotate-secret": ofWebhooks,
  "webhooks-test": ofWebhooks,
  "webhooks-deliveries": ofWebhooks,
  "webhooks-delivery": ofWebhooks,
  "webhooks-redeliver": ofWebhooks,
  "baselines-list": everywhere("baselines.read"),
  "baselines-add": { ...everywhere("baselines.manage"), more: ofCopy },
  "baselines-get": everywhere("baselines.read"),
  "baselines-version": everywhere("baselines.read"),
  "baselines-replace": { ...everywhere("baselines.manage"), more: ofCopy },
  "baselines-remove": everywhere("baselines.manage"),
  "baselines-publish": {
    ...everywhere("baselines.read"),
    more: {
      words: "In each tenant that it goes to, configuration.manage and sync.run.",
      work: { sync: [inTenant("configuration.manage"), sync] },
    },
  },
  "baseline-tailorings-get": ofBaseline("sync.read"),
  "baseline-tailorings-replace": ofBaseline("configuration.manage"),
  "baseline-tailorings-remove": ofBaseline("configuration.manage"),
  "baseline-tailorings-preview": ofBaseline("sync.read"),
  "action-types-list": signedIn,
  "templates-list": ofTemplates,
  "templates-add": everywhere("templates.manage"),
  "templates-get": ofTemplates,
  "templates-replace": everywhere("templates.manage"),
  "templates-remove": everywhere("templates.manage"),
  "templates-versions": ofTemplates,
  "templates-version": ofTemplates,
  "templates-schedule": {
    ...ofTemplates,
    more: {
      words: "In the tenant that the task is for, tasks.manage and provisioning.run.",
      work: { provisioning: [inTenant("tasks.manage"), provisioning] },
    },
  },
  "tenant-variables-get": inTenant("templates.read"),
  "tenant-variables-replace": inTenant("variables.manage"),
  "provisioning-runs-start": { ...provisioning, more: ofActions },
  "provisioning-runs-list": inTenant("provisioning.read"),
  "provisioning-runs-get": inTenant("provisioning.read"),
  "provisioning-runs-cancel": inTenant("provisioning.run"),
  "provisioning-runs-pause": inTenant("provisioning.run"),
  "provisioning-runs-resume": inTenant("provisioning.run"),
  "provisioning-runs-restart": { ...provisioning, more: ofActions },
  "provisioning-runs-devices": inTenant("provisioning.read"),
  "provisioning-runs-device": inTenant("provisioning.read"),
  "provisioning-runs-output": inTenant("provisioning.read"),
  "provisioning-runs-history": inTenant("provisioning.read"),
  "devices-provisioning-runs": inTenant("provisioning.read"),
  "tasks-list": inTenant("tasks.read"),
  "tasks-add": { ...inTenant("tasks.manage"), more: ofTask },
  "tasks-get": inTenant("tasks.read"),
  "tasks-replace": { ...inTenant("tasks.manage"), more: ofOwnTask },
  "tasks-schedule": { ...inTenant("tasks.manage"), more: ofOwnTask },
  "tasks-remove": inTenant("tasks.manage"),
  "tasks-runs": inTenant("tasks.read"),
  "tasks-run-tenants": inTenant("tasks.read"),
  "tasks-preview": {
    ...inTenant("tasks.manage"),
    more: { words: ofTask.words, work: { ...ofTask.work, provisioning: [provisioning, toDo] } },
  },
  "calendars-list": { kind: "eachTenant", permission: "tasks.read" },
  "calendars-get": { kind: "eachTenant", permission: "tasks.read" },
  "calendars-replace": everywhere("tasks.administer"),
  "calendars-remove": everywhere("tasks.administer"),
  "windows-get": inTenant("tasks.read"),
  // They hold for everybody's tasks.
  "windows-replace": inTenant("tasks.administer"),
  "registrations-submit": inTenant("registration.submit"),
  "registrations-submit-many": {
    kind: "eachTenant",
    permission: "registration.submit",
    more: ofTenants,
  },
  "registration-lists-open": inTenant("registration.submit"),
  "registration-lists-part": inTenant("registration.submit"),
  "registration-lists-submit": inTenant("registration.submit"),
  "registration-reports-get": { kind: "eachTenant", permission: "registration.read" },
  "partner-group-tags-get": everywhere("registration.read"),
  "partner-group-tags-replace": everywhere("registration.manage"),
  "group-tags-get": inTenant("registration.read"),
  "group-tags-replace": inTenant("registration.manage"),
  "autopilot-devices-list": inTenant("registration.read"),
  "autopilot-devices-find": { kind: "eachTenant", permission: "registration.read" },
  "autopilot-devices-change": inTenant("registration.manage"),
  "autopilot-devices-deregister": inTenant("registration.manage"),
  "registrations-list": inTenant("registration.read"),
  "registrations-get": inTenant("registration.read"),
  "registrations-devices": inTenant("registration.read"),
  "registrations-cancel": inTenant("registration.submit"),
  "registrations-pause": inTenant("registration.submit"),
  "registrations-resume": inTenant("registration.submit"),
  "registrations-retry": inTenant("registration.submit"),
  "registrations-refresh": inTenant("registration.submit"),
  "me-get": signedIn,
  "access-explain": { ...signedIn, more: { words: "About somebody else, access.read." } },
  "roles-list": everywhere("access.read"),
  "roles-get": everywhere("access.read"),
  "roles-add": { ...everywhere("access.manage"), more: ofRole },
  "roles-replace": { ...everywhere("access.manage"), more: ofRole },
  "roles-remove": everywhere("access.manage"),
  "assignments-list": everywhere("access.read"),
  "assignments-get": everywhere("access.read"),
  "assignments-add": { ...everywhere("access.manage"), more: ofRole },
  "assignments-replace": { ...everywhere("access.manage"), more: ofRole },
  "assignments-remove": everywhere("access.manage"),
  "audit-list": everywhere("audit.read"),
  "audit-list-tenant": inTenant("audit.read"),
  "approvals-everywhere": { kind: "eachTenant", permission: "approvals.read" },
  "approvals-list": inTenant("approvals.read"),
  "approvals-get": inTenant("approvals.read"),
  "approvals-approve": inTenant("approvals.decide"),
  "approvals-reject": inTenant("approvals.decide"),
  "approval-rules-get": everywhere("approvals.manage"),
  "approval-rules-replace": everywhere("approvals.manage"),
};

/** What an operation asks for; undefined for one that nobody thought about, which means: refuse. */
export const requirementOf = (operationName: string): Requirement | undefined =>
  Object.hasOwn(requirements, operationName) ? requirements[operationName] : undefined;
