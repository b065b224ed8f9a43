/** Everything that other answers name by an id has a name in both languages; what Microsoft's and others' pages call something, it is called. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { getActionFunction, listActionsFunction } from "../../../functions/actions/actions.http.ts";
import { getNamesFunction } from "../../../functions/platform/names.http.ts";
import { reasonNames } from "../../../shared/fanout/state/names.ts";
import { presetProfiles } from "../../../shared/registration/list/group-tags.ts";

type Names = Readonly<Record<string, { readonly en: string; readonly fr: string }>>;
const tools = { services: {}, log: () => undefined };

async function bodyOf(ask: { readonly handle: typeof getNamesFunction.handle }): Promise<unknown> {
  const answer = await ask.handle({} as never, tools);
  return answer.ok ? answer.value.body : undefined;
}
const { rolesWith, ...groups } = (await bodyOf(getNamesFunction)) as Readonly<
  Record<string, Names>
>;

/** The pages' words, letter by letter: group, id, French. */
const pages: readonly (readonly [
  page: string,
  group: string,
  words: Readonly<Record<string, string>>,
])[] = [
  [
    "002",
    "actions",
    {
      installClient: "Installer le client",
      runScript: "Exécuter le script",
      startCMPivot: "Démarrer CMPivot",
      downloadComputerPolicy: "Télécharger la stratégie d’ordinateur",
      downloadUserPolicy: "Télécharger la stratégie utilisateur",
      collectDiscoveryData: "Collecter les données de détection",
      collectSoftwareInventory: "Collecter l’inventaire logiciel",
      collectHardwareInventory: "Collecte de l'inventaire matériel",
      evaluateApplicationDeployments: "Évaluer les déploiements d’applications",
      evaluateSoftwareUpdateDeployments: "Évaluer les déploiements de mises à jour logicielles",
      switchSoftwareUpdatePoint: "Passer au point de mise à jour logicielle suivant",
      evaluateDeviceHealthAttestation: "Évaluer l’attestation d’intégrité de l’appareil",
      checkConditionalAccessCompliance: "Vérifier la conformité de l’accès conditionnel",
      wakeUp: "Sortir de veille",
      restart: "Redémarrer",
      endpointProtectionFullScan: "Analyse complète",
      endpointProtectionQuickScan: "Analyse rapide",
      endpointProtectionDownloadDefinition: "Télécharger la définition",
    },
  ],
  [
    "002",
    "actionGroups",
    { clientNotification: "Notification du client", endpointProtection: "Endpoint Protection" },
  ],
  [
    "002",
    "actionPermissions",
    {
      modifyResource: "Modifier la ressource",
      runScript: "Exécuter le script",
      notifyResource: "Notifier la ressource",
      enforceSecurity: "Appliquer la sécurité",
    },
  ],
  [
    "002",
    "roles",
    {
      fullAdministrator: "Administrateur complet",
      infrastructureAdministrator: "Administrateur d'infrastructure",
      operationsAdministrator: "Administrateur d'opérations",
      applicationAdministrator: "Administrateur de l'application",
      osDeploymentManager: "Gestionnaire de déploiement de système d’exploitation",
      endpointProtectionManager: "Gestionnaire Endpoint Protection",
    },
  ],
  [
    "001",
    "syncStatuses",
    {
      notRun: "Non exécuté",
      idle: "Inactif",
      starting: "Démarrage",
      inProgress: "En cours",
      newError: "Nouvelle erreur",
      pendingAuthentication: "Authentification en attente",
      pendingApproval: "Approbation en attente",
      partiallySucceeded: "Partiellement réussi",
      pendingAdminConsent: "Consentement administrateur en attente",
    },
  ],
  [
    "000",
    "taskFolders",
    {
      mine: "Mes tâches",
      public: "Tâches publiques",
      all: "Toutes les tâches",
      users: "Tâches utilisateur",
    },
  ],
  [
    "000",
    "sections",
    { systemMigration: "Migration du système", systemConfiguration: "Configuration système" },
  ],
  ["000", "verdicts", { success: "Succès", failed: "Échec" }],
];

test.each(pages)("page %s gives %s their French names", (_page, group, words) => {
  const given = Object.fromEntries(
    Object.keys(words).map((id) => [id, groups[group]?.[id]?.fr] as const),
  );
  expect(given).toEqual(words);
});

const folder = new URL("../../../../shared/source-documents/", import.meta.url).pathname;
const texts = new Map(
  globSync(`${folder}*.txt`).map((path) => [
    path.slice(folder.length, folder.length + 3),
    readFileSync(path, "utf8"),
  ]),
);
test.skipIf(texts.size === 0).each(pages)(
  "the page %s beside the project has these words of %s, letter by letter",
  (page, _group, words) => {
    const text = texts.get(page) ?? "";
    for (const word of Object.values(words)) expect(text).toContain(word);
  },
);

test("device profiles have the names of the page's table, and its tags", () => {
  expect(
    presetProfiles.map(({ names: { fr }, standard, shared }) => [fr, standard, shared]),
  ).toEqual([
    [
      "Données sensibles",
      "Microsoft365Managed_SensitiveData",
      "Microsoft365Managed_SensitiveData-Shared",
    ],
    ["Utilisateur d’alimentation", "Microsoft365Managed_PowerUser", undefined],
    ["Standard", "Microsoft365Managed_Standard", "Microsoft365Managed_Standard-Shared"],
    ["Kiosque", "Microsoft365Managed_Kiosk", "Microsoft365Managed_Kiosk-Shared"],
  ]);
});

test("every name is there in both languages, and is no id", () => {
  const all = Object.entries(groups).flatMap(([group, names]) =>
    Object.entries(names).map(([id, { en, fr }]) => ({ group, id, en, fr })),
  );
  expect(all.length).toBeGreaterThan(300);
  const wrong = all.filter(({ en, fr }) => [en, fr].some((text) => !/^\p{Lu}.*[^\s]$/u.test(text)));
  expect(wrong).toEqual([]);
});

test("each permission names the built-in roles that hold it, what others imply included", () => {
  expect(rolesWith).toMatchObject({
    "access.read": ["fullAdministrator", "readOnlyAnalyst"],
    "deadLetters.read": [
      "fullAdministrator",
      "operationsAdministrator",
      "infrastructureAdministrator",
      "readOnlyAnalyst",
    ],
    "sites.relay": ["fullAdministrator", "relay"],
  });
});

/** Where codes of reasons are made; and kebab-case texts there that are none. */
const rooms = [
  "shared/fanout",
  "shared/notifications",
  "shared/devices/actions",
  "shared/provisioning",
];
const made = /\b(?:code|why): "([a-z]+(?:-[a-z]+)*)"/g;
test("every code that a delivery, a device run or a job ends with or waits for has a name", () => {
  const root = new URL("../../../", import.meta.url).pathname;
  const files = rooms.flatMap((room) => globSync(`${root}${room}/**/*.ts`));
  const codes = files
    .filter((path) => !path.includes("/templates/"))
    .flatMap((path) => Array.from(readFileSync(path, "utf8").matchAll(made), ([, code]) => code));
  expect(codes.length).toBeGreaterThan(40);
  expect([...new Set(codes)].filter((code) => !((code ?? "") in reasonNames))).toEqual([]);
});

const ask = (actionId: string) =>
  getActionFunction.handle({ params: { actionId } } as never, tools);

test("an action says what it takes, and by which roles it may be sent", async () => {
  const { value } = (await bodyOf(listActionsFunction)) as { value: { id: string }[] };
  const restart = value.find(({ id }) => id === "restart");
  expect(restart).toMatchObject({
    groupName: { en: "Client notification", fr: "Notification du client" },
    permissionName: { en: "Notify Resource", fr: "Notifier la ressource" },
    takes: ["devices.notifyResource"],
    roles: ["fullAdministrator", "infrastructureAdministrator"],
  });
  expect(await ask("restart")).toMatchObject({ value: { body: restart } });
  expect(await ask("Restart")).toMatchObject({ failure: { code: "unknown-route" } });
});
