/** What permissions are called and let their holder do, in both languages; ConfigMgr's as Microsoft's page has them. */
import { type ActionPermissionName, type Permission, permissions } from "./roles.ts";

type Names = { readonly en: string; readonly fr: string };

/** ConfigMgr's words for what an action takes on a collection. */
export const actionPermissionNames = {
  modifyResource: { en: "Modify Resource", fr: "Modifier la ressource" },
  runScript: { en: "Run Script", fr: "Exécuter le script" },
  runCMPivot: { en: "Run CMPivot", fr: "Exécuter CMPivot" },
  notifyResource: { en: "Notify Resource", fr: "Notifier la ressource" },
  enforceSecurity: { en: "Enforce Security", fr: "Appliquer la sécurité" },
} as const satisfies Record<ActionPermissionName, Names>;

const french = {
  "tenants.read": "Voir les tenants : nom, cadence, âge.",
  "tenants.add": "Enregistrer un tenant.",
  "tenants.manage": "Modifier, suspendre ou supprimer un tenant.",
  "deadLetters.read": "Voir les messages de file mis de côté.",
  "deadLetters.manage": "Envoyer à nouveau les messages de file mis de côté, ou les abandonner.",
  "installation.drain":
    "Laisser tout reposer avant une mise à niveau, voir ce qui reste, et laisser continuer.",
  "access.read": "Voir les rôles, les affectations et pourquoi quelqu'un peut faire quoi.",
  "access.manage": "Créer, modifier et supprimer des rôles et des affectations.",
  "audit.read": "Voir qui a fait quoi ; sans tenant, partout.",
  "devices.read": "Voir les appareils et ce qui leur a été envoyé.",
  "devices.refresh": "Importer à nouveau l'annuaire des appareils.",
  "collections.read": "Voir les regroupements et leurs membres.",
  "collections.manage": "Créer, modifier et supprimer des regroupements.",
  "devices.modifyResource": "Installer le client (avec devices.read).",
  "devices.runScript": "Exécuter des scripts sur les appareils.",
  "devices.runCMPivot": "Interroger les appareils en temps réel avec CMPivot.",
  "devices.notifyResource":
    "Envoyer des notifications du client : stratégie, inventaire, évaluation, sortie de veille, redémarrage.",
  "devices.enforceSecurity":
    "Lancer des analyses Endpoint Protection et le téléchargement des définitions.",
  "devices.manage":
    "Réinitialiser et renommer des appareils, changer leurs clés, les mettre dans des groupes et les en retirer.",
  "notifications.read": "Voir les notifications et leurs envois.",
  "notifications.cancel": "Annuler une notification.",
  "sites.read": "Voir les sites ConfigMgr dont les relais se sont manifestés.",
  "sites.relay":
    "Être le relais d'un site : prendre des envois, rendre compte des résultats, remettre les appareils du site.",
  "approvals.read": "Voir ce qui attend une approbation et ce qui a été décidé.",
  "approvals.decide": "Approuver ou rejeter ce que quelqu'un d'autre a demandé.",
  "approvals.manage": "Dire ce qui exige l'approbation d'une seconde personne.",
  "sync.read": "Voir les synchronisations, leurs plans et la configuration d'un tenant.",
  "sync.run": "Lancer, annuler et défaire des synchronisations ; s'y connecter.",
  "sync.approve": "Approuver ou rejeter ce qu'une synchronisation modifierait.",
  "configuration.manage":
    "Modifier ce qui est voulu de la configuration d'un tenant, et comment il est synchronisé.",
  "webhooks.manage":
    "Créer, modifier et supprimer des webhooks : dire à d'autres systèmes ce que vous pouvez lire vous-même.",
  "baselines.read":
    "Voir les bases de référence, et les publier là où vous pouvez modifier ce qui est voulu et lancer des synchronisations.",
  "baselines.manage": "Créer, modifier et supprimer des bases de référence.",
  "templates.read": "Voir les modèles publics et les vôtres, et les variables des tenants.",
  "templates.manage": "Créer, modifier et supprimer des modèles publics et les vôtres.",
  "templates.administer": "Voir et modifier les modèles de tous.",
  "variables.manage": "Modifier les variables d'un tenant, que les modèles nomment.",
  "tasks.read": "Voir les tâches planifiées : les vôtres et les publiques.",
  "tasks.manage": "Créer et planifier des tâches qui font ce que vous pouvez faire vous-même.",
  "tasks.administer": "Voir et modifier les tâches de tous.",
  "provisioning.read":
    "Voir les exécutions de provisioning, où en sont leurs appareils et ce qui a été tenté.",
  "provisioning.run":
    "Lancer, suspendre et annuler des exécutions de provisioning, d'actions que vous pouvez faire vous-même.",
  "relationships.read": "Voir ce qui lie les clients au partenaire, et quelles voies cela ouvre.",
  "relationships.manage":
    "Vérifier et noter ce qui lie les clients au partenaire ; partout, aussi se connecter à l'Espace partenaires.",
  "registration.read": "Voir les inscriptions d'appareils dans Autopilot.",
  "registration.submit": "Inscrire des appareils dans Autopilot.",
  "registration.manage":
    "Modifier des appareils inscrits, les retirer d'Autopilot, tenir les balises de groupe.",
} as const satisfies Record<Permission, string>;

/** What each permission lets its holder do. */
export const permissionMeanings: Readonly<Record<string, Names>> = Object.fromEntries(
  (Object.keys(permissions) as Permission[]).map((name) => [
    name,
    { en: permissions[name].means, fr: french[name] },
  ]),
);
