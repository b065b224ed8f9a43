/**
 * What a tenant's row shows of its synchronisation, and what may happen to it: one table. Whoever changes the status
 * asks here first, and an event that a status does not list is refused. Pure.
 */

/** The nine statuses, with their names in both languages. */
export const syncStatuses = {
  notRun: { en: "Not run", fr: "Non exécuté" },
  idle: { en: "Idle", fr: "Inactif" },
  starting: { en: "Starting", fr: "Démarrage" },
  inProgress: { en: "In progress", fr: "En cours" },
  newError: { en: "New error", fr: "Nouvelle erreur" },
  pendingAuthentication: { en: "Pending authentication", fr: "Authentification en attente" },
  pendingApproval: { en: "Pending approval", fr: "Approbation en attente" },
  partiallySucceeded: { en: "Partially succeeded", fr: "Partiellement réussi" },
  pendingAdminConsent: {
    en: "Pending admin consent",
    fr: "Consentement administrateur en attente",
  },
} as const;
export type SyncStatus = keyof typeof syncStatuses;

/** What can happen. */
export const syncEvents = [
  /** Somebody or the schedule starts a sync. */
  "start",
  /** Permissions are missing: a sync that somebody started stops for them. */
  "needConsent",
  /** An administrator has consented. */
  "consent",
  /** Somebody goes on without the types whose permissions are missing. */
  "continueWithoutTypes",
  /** Consent was declined, or the app is disabled in the tenant. */
  "declineConsent",
  /** Everything it takes is there: reading begins. */
  "begin",
  /** A type needs a person, and none is signed in. */
  "needUser",
  "signIn",
  "continueWithoutUser",
  /** The tenant forbids the sign-in as such. */
  "blockSignIn",
  /** The plan has changes. */
  "needApproval",
  "approve",
  /** Somebody confirmed what the plan had blocked: it is made anew. */
  "confirm",
  "reject",
  "rejectAndReset",
  /** What waited for a person waited too long. */
  "expire",
  /** A new sync starts while the plan of the last one waits: that one ends, and a new plan is made. */
  "supersede",
  "finish",
  /** Something was done and something was not. */
  "finishPartly",
  /** All that could be read was; permissions of other types are missing. */
  "finishWithoutConsent",
  /** What Intune had held for a second administrator was approved and done, and nothing else was missing. */
  "complete",
  "cancel",
  /** Somebody lets it rest while it works, and go on: the status stays, and nothing new is begun in between. */
  "pause",
  "resume",
  "fail",
  /** Somebody has taken note of an error. */
  "acknowledge",
] as const;
export type SyncEvent = (typeof syncEvents)[number];

/** Where an event leads: a status, or `resting`: the status that it had before the sync. */
type SyncTarget = SyncStatus | "resting";

/** The whole lifecycle. A missing entry means that the event is refused in that status. */
export const syncLifecycle: Readonly<
  Record<SyncStatus, Readonly<Partial<Record<SyncEvent, SyncTarget>>>>
> = {
  notRun: { start: "starting" },
  idle: { start: "starting" },
  starting: {
    needConsent: "pendingAdminConsent",
    begin: "inProgress",
    cancel: "resting",
    pause: "starting",
    resume: "starting",
    fail: "newError",
  },
  inProgress: {
    needUser: "pendingAuthentication",
    needApproval: "pendingApproval",
    finish: "idle",
    finishPartly: "partiallySucceeded",
    finishWithoutConsent: "pendingAdminConsent",
    cancel: "resting",
    pause: "inProgress",
    resume: "inProgress",
    fail: "newError",
  },
  newError: { start: "starting", acknowledge: "resting" },
  pendingAuthentication: {
    signIn: "inProgress",
    continueWithoutUser: "inProgress",
    expire: "resting",
    cancel: "resting",
    blockSignIn: "newError",
    fail: "newError",
  },
  pendingApproval: {
    approve: "inProgress",
    confirm: "inProgress",
    reject: "idle",
    rejectAndReset: "idle",
    expire: "idle",
    supersede: "starting",
    finishPartly: "partiallySucceeded",
    cancel: "resting",
    fail: "newError",
  },
  partiallySucceeded: { start: "starting", complete: "idle", fail: "newError" },
  pendingAdminConsent: {
    start: "starting",
    consent: "starting",
    continueWithoutTypes: "starting",
    declineConsent: "newError",
    expire: "resting",
    cancel: "resting",
  },
};

/** The status after an event, or undefined where it is refused. `resting`: the status before the sync. */
export function statusAfter(
  status: SyncStatus,
  event: SyncEvent,
  resting: SyncStatus,
): SyncStatus | undefined {
  const target = syncLifecycle[status][event];
  return target === "resting" ? resting : target;
}

/** What may happen in a status, for pages that offer only that. */
export const eventsIn = (status: SyncStatus): SyncEvent[] =>
  syncEvents.filter((event) => syncLifecycle[status][event] !== undefined);
