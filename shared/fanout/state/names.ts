/**
 * What states of jobs and items, and the reasons why they ended, are called in both languages. A reason's detail, with a
 * device's or a service's own words, stands beside its code.
 */
import type { CountedState } from "./item.ts";
import type { shownJobStates } from "./job.ts";
import type { bucketsOf } from "./rollout.ts";

type Names = { readonly en: string; readonly fr: string };

/** States of notifications and runs. */
export const jobStateNames = {
  pendingApproval: { en: "Waiting for approval", fr: "En attente d'approbation" },
  planning: { en: "Planning", fr: "Préparation" },
  running: { en: "In progress", fr: "En cours" },
  paused: { en: "Paused", fr: "Suspendue" },
  cancelling: { en: "Being cancelled", fr: "Annulation en cours" },
  failing: { en: "Ending as failed", fr: "Échec en cours" },
  completed: { en: "Done", fr: "Terminée" },
  partlyCompleted: { en: "Finished, with failures", fr: "Terminée, avec des échecs" },
  failed: { en: "Failed", fr: "Échec" },
  unknown: { en: "Nobody knows", fr: "Résultat inconnu" },
  nothingToSend: { en: "Nothing to send", fr: "Rien à envoyer" },
  cancelled: { en: "Cancelled", fr: "Annulée" },
  rejected: { en: "Rejected", fr: "Rejetée" },
  ended: { en: "Ended", fr: "Terminée" },
} as const satisfies Record<(typeof shownJobStates)[number], Names>;

/** What is being done of a notification. */
export const phaseNames = {
  planning: { en: "Planning", fr: "Préparation" },
  sending: { en: "Sending", fr: "Envoi" },
  confirming: { en: "Waiting for answers", fr: "Attente des réponses" },
} as const satisfies Record<string, Names>;

/** States of a delivery. */
export const itemStateNames = {
  waiting: { en: "Waiting", fr: "En attente" },
  sent: { en: "Sent", fr: "Envoyé" },
  done: { en: "Done", fr: "Effectué" },
  failed: { en: "Failed", fr: "Échec" },
  notSupported: { en: "Not supported", fr: "Non pris en charge" },
  offline: { en: "Offline", fr: "Hors ligne" },
  expired: { en: "Expired", fr: "Expiré" },
  cancelled: { en: "Cancelled", fr: "Annulé" },
  unknown: { en: "Unknown", fr: "Inconnu" },
} as const satisfies Record<CountedState, Names>;

/** Where everything is. */
export const bucketNames = {
  pending: { en: "Pending", fr: "En attente" },
  active: { en: "Active", fr: "En cours" },
  successful: { en: "Successful", fr: "Réussi" },
  failed: { en: "Failed", fr: "Échec" },
  notAttempted: { en: "Not attempted", fr: "Non tenté" },
} as const satisfies Record<keyof ReturnType<typeof bucketsOf>, Names>;

const named = (en: string, fr: string): Names => ({ en, fr });

/** Why a delivery, a device run, a registration's device or a whole job ended or waits: by its code. */
export const reasonNames: Readonly<Record<string, Names>> = {
  "agreement-not-accepted": named(
    "The customer has not accepted the agreement",
    "Le client n'a pas accepté le contrat",
  ),
  "already-registered": named("It is registered already", "Il est déjà inscrit"),
  "approval-needed-at-intune": named(
    "Intune holds it for a second administrator",
    "Intune le retient pour un second administrateur",
  ),
  "approximate-not-allowed": named(
    "Only an approximate way exists, and none was allowed",
    "Seule une voie approchée existe, et elle n'a pas été autorisée",
  ),
  "assigned-to-other-tenant": named(
    "Another tenant has the device",
    "Un autre tenant possède l'appareil",
  ),
  "bad-parameters": named(
    "The action's parameters do not fit",
    "Les paramètres de l'action ne conviennent pas",
  ),
  "bulk-refused": named(
    "Graph refused to do it for many at once",
    "Graph a refusé de le faire pour plusieurs à la fois",
  ),
  cancelled: named("It was cancelled", "Il a été annulé"),
  "cancelled-elsewhere": named(
    "It was cancelled at the far side",
    "Il a été annulé de l'autre côté",
  ),
  "client-installed": named("The client is installed", "Le client est installé"),
  "comma-inside": named("A value has a comma inside", "Une valeur contient une virgule"),
  concurrency: named("It waits until others are done", "Il attend que d'autres aient terminé"),
  "consent-declined": named("Consent was declined", "Le consentement a été refusé"),
  "consent-missing": named(
    "An administrator's consent is missing",
    "Le consentement d'un administrateur manque",
  ),
  "counts-only": named(
    "The site tells numbers, and no devices",
    "Le site ne donne que des nombres, sans les appareils",
  ),
  "device-gone": named("The device is gone", "L'appareil n'existe plus"),
  "device-not-found": named("The device was not found", "L'appareil est introuvable"),
  "device-offline": named("The device was not seen in time", "L'appareil n'a pas été vu à temps"),
  "device-reported-failure": named(
    "The device reported that it failed",
    "L'appareil a signalé un échec",
  ),
  "entra-object-exists": named(
    "Entra has an object of the device already",
    "Entra a déjà un objet pour cet appareil",
  ),
  draining: named("The installation is being drained", "L'installation est en cours de vidange"),
  expired: named("Its time was over", "Son délai est écoulé"),
  "foreign-next-link": named("A page led to another host", "Une page menait à un autre hôte"),
  "graph-busy": named("Microsoft Graph was busy", "Microsoft Graph était occupé"),
  "graph-forbidden": named(
    "Microsoft Graph forbids it to the app",
    "Microsoft Graph l'interdit à l'application",
  ),
  "graph-refused": named("Microsoft Graph refused it", "Microsoft Graph l'a refusé"),
  "graph-unavailable": named("Microsoft Graph did not answer", "Microsoft Graph n'a pas répondu"),
  "hash-needed": named("A hardware hash is needed", "Un hachage matériel est nécessaire"),
  "identity-incomplete": named(
    "What identifies the device is incomplete",
    "Ce qui identifie l'appareil est incomplet",
  ),
  "import-refused": named("The service refused the import", "Le service a refusé l'importation"),
  "internal-error": named(
    "Something went wrong on our side",
    "Une erreur s'est produite de notre côté",
  ),
  "invalid-hash": named("The hardware hash is wrong", "Le hachage matériel est incorrect"),
  "left-list": named("The device has left the list", "L'appareil a quitté la liste"),
  "left-target": named("The rule no longer finds the device", "La règle ne trouve plus l'appareil"),
  "muster-failed": named("Muster itself failed", "Muster lui-même a échoué"),
  "no-answer": named("No answer came", "Aucune réponse n'est arrivée"),
  "no-clear-answer": named("No clear answer came", "Aucune réponse claire n'est arrivée"),
  "no-client-yet": named("The site lists no client yet", "Le site ne liste pas encore de client"),
  "no-entra-device": named(
    "The device has no object in Entra",
    "L'appareil n'a pas d'objet dans Entra",
  ),
  "no-platform": named(
    "The action is not for this platform",
    "L'action n'est pas pour cette plateforme",
  ),
  "no-relationship": named("No relationship with the customer", "Aucune relation avec le client"),
  "no-result": named("No result is shown", "Aucun résultat n'est affiché"),
  "no-result-in-time": named(
    "The device was seen, and gave no result in time",
    "L'appareil a été vu, sans donner de résultat à temps",
  ),
  "no-route": named("No way leads to the device", "Aucune voie ne mène à l'appareil"),
  "no-trace": named("No trace of it was found", "Aucune trace n'en a été trouvée"),
  "no-value": named("A variable has no value", "Une variable n'a pas de valeur"),
  "no-window": named(
    "No maintenance window was left",
    "Il ne restait aucune fenêtre de maintenance",
  ),
  "not-approved": named("It was not approved in time", "Il n'a pas été approuvé à temps"),
  "not-approved-at-intune": named(
    "It was not approved at Intune",
    "Il n'a pas été approuvé dans Intune",
  ),
  "not-found": named("It was not found", "Il est introuvable"),
  "not-in-autopilot": named(
    "The device is not in Autopilot",
    "L'appareil n'est pas dans Autopilot",
  ),
  "not-manageable": named("Nothing manages the device", "Rien ne gère l'appareil"),
  "not-over-in-time": named("It was not over in time", "Cela ne s'est pas terminé à temps"),
  "not-registered": named("It is not registered", "Il n'est pas inscrit"),
  "not-signed-in": named("Nobody has signed in", "Personne ne s'est connecté"),
  "not-supported-by-device": named(
    "The device does not support it",
    "L'appareil ne le prend pas en charge",
  ),
  "not-supported-by-site": named(
    "The site does not support it",
    "Le site ne le prend pas en charge",
  ),
  "not-unique": named("It is not the only one of its kind", "Il n'est pas le seul de ce genre"),
  "not-what-was-approved": named(
    "It is not what was approved",
    "Ce n'est pas ce qui a été approuvé",
  ),
  "notification-failed": named(
    "The notification failed as a whole",
    "La notification a échoué dans son ensemble",
  ),
  offline: named("The device is offline", "L'appareil est hors ligne"),
  "operation-gone": named("The site has lost the operation", "Le site a perdu l'opération"),
  "other-region": named("The customer is in another region", "Le client est dans une autre région"),
  "other-run": named("Another run has the device", "Une autre exécution occupe l'appareil"),
  "other-tag": named("It has another group tag", "Il porte une autre balise de groupe"),
  "parameter-missing": named(
    "A parameter of the way is missing",
    "Il manque un paramètre à la voie",
  ),
  "partner-center-busy": named("Partner Center was busy", "L'Espace partenaires était occupé"),
  "partner-center-forbidden": named("Partner Center forbids it", "L'Espace partenaires l'interdit"),
  "partner-center-off": named(
    "Partner Center is not set up",
    "L'Espace partenaires n'est pas configuré",
  ),
  "partner-center-refused": named("Partner Center refused it", "L'Espace partenaires l'a refusé"),
  "partner-not-signed-in": named(
    "The partner has not signed in",
    "Le partenaire ne s'est pas connecté",
  ),
  paused: named("The run is paused", "L'exécution est suspendue"),
  "planning-failed": named("Planning failed", "La préparation a échoué"),
  "platform-not-supported": named(
    "The platform is not supported",
    "La plateforme n'est pas prise en charge",
  ),
  "profile-not-found": named("The profile was not found", "Le profil est introuvable"),
  "push-requested": named(
    "The site was asked to push the client",
    "L'installation Push du client a été demandée au site",
  ),
  "query-failed": named("The query failed", "La requête a échoué"),
  "registered-elsewhere": named("Somebody else has registered it", "Quelqu'un d'autre l'a inscrit"),
  "registration-failed": named(
    "The registration failed as a whole",
    "L'inscription a échoué dans son ensemble",
  ),
  rejected: named("The second person said no", "La seconde personne a refusé"),
  "relationship-expired": named("The relationship has expired", "La relation a expiré"),
  "relationship-missing": named(
    "Nothing ties the partner to the customer",
    "Aucune relation ne lie le partenaire au client",
  ),
  "relationship-pending": named(
    "The customer has not accepted the relationship yet",
    "Le client n'a pas encore accepté la relation",
  ),
  "request-not-taken": named(
    "The service did not take the request",
    "Le service n'a pas pris la requête",
  ),
  "requester-lost-rights": named(
    "Who asked for it may not do it any more",
    "Qui l'a demandé n'en a plus le droit",
  ),
  "role-missing": named("A role is missing", "Il manque un rôle"),
  "route-not-open": named("This way is not open", "Cette voie n'est pas ouverte"),
  "run-expired": named("The run's time was over", "Le délai de l'exécution est écoulé"),
  "run-failed": named("The run failed as a whole", "L'exécution a échoué dans son ensemble"),
  "script-failed": named("The script failed", "Le script a échoué"),
  "second-factor-missing": named("A second factor is missing", "Il manque un second facteur"),
  "serial-needed": named("A serial number is needed", "Un numéro de série est nécessaire"),
  "serial-not-unique": named(
    "Several devices have this serial number",
    "Plusieurs appareils ont ce numéro de série",
  ),
  "service-busy": named("The service was busy", "Le service était occupé"),
  "service-error": named("The service reported an error", "Le service a signalé une erreur"),
  "sign-in": named("It waits for somebody to sign in", "Il attend que quelqu'un se connecte"),
  "sign-in-blocked": named("The tenant blocks this sign-in", "Le tenant bloque cette connexion"),
  "sign-in-failed": named("The app could not sign in", "L'application n'a pas pu se connecter"),
  "site-refused": named("The site refused it", "Le site l'a refusé"),
  "skipped-condition": named("Its condition did not hold", "Sa condition n'était pas remplie"),
  "still-managed": named("Intune still manages it", "Intune le gère encore"),
  "stopped-by-rollout": named(
    "Too much failed: the rollout was stopped",
    "Trop d'échecs : le déploiement a été arrêté",
  ),
  "tag-missing": named("The group tag is missing", "La balise de groupe manque"),
  "tag-needed": named("A group tag is needed", "Une balise de groupe est nécessaire"),
  "tenant-paused": named("The tenant is paused", "Le tenant est suspendu"),
  "timed-out": named("It took too long", "Cela a pris trop de temps"),
  "too-many-attempts": named("It was tried too often", "Trop de tentatives"),
  "too-much-at-once": named(
    "It was too much for one request",
    "C'était trop pour une seule requête",
  ),
  "tuple-needed": named(
    "Serial number, manufacturer and model are needed",
    "Le numéro de série, le fabricant et le modèle sont nécessaires",
  ),
  turn: named("It goes as soon as it is its turn", "Il passe dès que c'est son tour"),
  unknown: named("Nobody knows", "Personne ne sait"),
  "unknown-device": named("There is no such device", "Cet appareil n'existe pas"),
  "unknown-tenant": named("There is no such tenant", "Ce tenant n'existe pas"),
  "upload-refused": named("The service refused the upload", "Le service a refusé le chargement"),
  waiting: named("It waits", "Il attend"),
  "waits-for-approval-at-intune": named(
    "It waits for approval at Intune",
    "Il attend une approbation dans Intune",
  ),
  window: named("It waits for its maintenance window", "Il attend sa fenêtre de maintenance"),
  "worker-lost": named("The worker was lost too often", "Le processus a été perdu trop souvent"),
};
