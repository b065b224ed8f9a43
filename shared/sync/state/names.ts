/** What phases, ends and reasons of syncs are called in both languages; statuses are in `lifecycle.ts`. */
import type { Publication } from "../baselines/baseline-store.ts";
import type { ReasonCode } from "../catalogue/configuration-type.ts";
import type {
  ItemProgress,
  Sync,
  SyncMode,
  SyncOutcome,
  SyncTrigger,
  TypeProgress,
} from "./sync.ts";

type Names = { readonly en: string; readonly fr: string };

/** What a sync is to do. */
export const syncModeNames = {
  exportOnly: { en: "Read only", fr: "Lecture seule" },
  plan: { en: "Read and plan", fr: "Lecture et plan" },
  planAndDeploy: { en: "Plan and deploy", fr: "Plan et déploiement" },
  retryFailed: { en: "Retry what failed", fr: "Nouvel essai des échecs" },
} as const satisfies Record<SyncMode, Names>;

/** What started a sync. */
export const syncTriggerNames = {
  manual: { en: "A person", fr: "Une personne" },
  schedule: { en: "Its schedule", fr: "Sa planification" },
  consent: { en: "A consent", fr: "Un consentement" },
  baseline: { en: "A baseline", fr: "Une base de référence" },
  undo: { en: "An undo", fr: "Une annulation" },
} as const satisfies Record<SyncTrigger, Names>;

/** How far a type is read, or a change written. */
export const syncStepNames = {
  queued: { en: "Waiting", fr: "En file" },
  reading: { en: "Being read", fr: "Lecture en cours" },
  read: { en: "Read", fr: "Lu" },
  failed: { en: "Failed", fr: "Échec" },
  skipped: { en: "Left out", fr: "Ignoré" },
  writing: { en: "Being written", fr: "Écriture en cours" },
  checking: { en: "Being checked", fr: "Vérification en cours" },
  done: { en: "Done", fr: "Fait" },
  stale: { en: "Changed since the plan", fr: "Modifié depuis le plan" },
  waitingForIntuneApproval: {
    en: "Waits for approval at Intune",
    fr: "En attente d'approbation dans Intune",
  },
} as const satisfies Record<ItemProgress["state"] | TypeProgress["state"], Names>;

/** What became of the publication of a baseline to a tenant. */
export const publicationNames = {
  queued: { en: "On its way", fr: "En route" },
  published: { en: "Published", fr: "Publiée" },
  unchanged: { en: "Wanted already", fr: "Déjà voulue" },
  refused: { en: "Refused", fr: "Refusée" },
} as const satisfies Record<Publication["state"], Names>;

/** How far a sync is. */
export const syncPhaseNames = {
  preflight: { en: "Checking", fr: "Vérification" },
  export: { en: "Reading", fr: "Lecture" },
  plan: { en: "Planning", fr: "Planification" },
  deploy: { en: "Deploying", fr: "Déploiement" },
  done: { en: "Ended", fr: "Terminée" },
} as const satisfies Record<Sync["phase"], Names>;

/** How a sync ended. */
export const syncOutcomeNames = {
  succeeded: { en: "Succeeded", fr: "Réussie" },
  partial: { en: "Partially succeeded", fr: "Partiellement réussie" },
  failed: { en: "Failed", fr: "Échec" },
  cancelled: { en: "Cancelled", fr: "Annulée" },
  rejected: { en: "Rejected", fr: "Rejetée" },
  rejectedAndReset: { en: "Rejected and reset", fr: "Rejetée et rétablie" },
  expired: { en: "Expired", fr: "Expirée" },
  superseded: { en: "Replaced by a newer one", fr: "Remplacée par une plus récente" },
} as const satisfies Record<SyncOutcome, Names>;

/** Why something of a plan or a sync is not done. */
export const syncReasonNames = {
  builtIn: { en: "It is built in", fr: "Il est intégré" },
  conflictChangedSincePlan: {
    en: "It changed in the tenant after the plan",
    fr: "Il a changé dans le tenant après le plan",
  },
  consentMissing: {
    en: "A permission is missing",
    fr: "Une permission manque",
  },
  delegatedRequired: {
    en: "Only a signed-in person may do it",
    fr: "Seule une personne connectée peut le faire",
  },
  deleteBlockedByGuard: {
    en: "Too many deletions: a person has to confirm them",
    fr: "Trop de suppressions : une personne doit les confirmer",
  },
  dependencyFailed: {
    en: "Something that it needs has failed",
    fr: "Un élément dont il dépend a échoué",
  },
  duplicateName: { en: "Its name is there twice", fr: "Son nom existe deux fois" },
  incompleteRead: { en: "It was not read as a whole", fr: "Il n'a pas été lu en entier" },
  intuneApprovalExpired: {
    en: "Nobody approved it at Intune in time",
    fr: "Personne ne l'a approuvé à temps dans Intune",
  },
  intuneApprovalRejected: { en: "It was rejected at Intune", fr: "Il a été rejeté dans Intune" },
  licenceMissing: { en: "A licence is missing", fr: "Une licence manque" },
  lockOut: {
    en: "It could lock administrators out",
    fr: "Il pourrait exclure les administrateurs",
  },
  managedByMicrosoft: { en: "Microsoft manages it", fr: "Microsoft le gère" },
  notChangeable: { en: "It cannot be changed", fr: "Il ne peut pas être modifié" },
  outcomeUnknown: {
    en: "Nobody knows whether it was done",
    fr: "Personne ne sait si cela a été fait",
  },
  quotaExceeded: { en: "The tenant has too many already", fr: "Le tenant en a déjà trop" },
  readOnlyItem: { en: "It is read-only", fr: "Il est en lecture seule" },
  referenceAmbiguous: {
    en: "A name that it refers to is there more than once",
    fr: "Un nom auquel il fait référence existe plusieurs fois",
  },
  referenceUnresolved: {
    en: "What it refers to is not there",
    fr: "Ce à quoi il fait référence est absent",
  },
  secretUnavailable: {
    en: "It holds a secret that cannot be read",
    fr: "Il contient un secret qui ne peut pas être lu",
  },
  throttled: { en: "The service asked to wait", fr: "Le service a demandé d'attendre" },
  unavailable: { en: "The service did not answer", fr: "Le service n'a pas répondu" },
  unknownProperty: {
    en: "It has a property that nobody knows",
    fr: "Il a une propriété inconnue",
  },
  validationFailed: { en: "The service found it invalid", fr: "Le service l'a jugé non valide" },
} as const satisfies Record<ReasonCode, Names>;
