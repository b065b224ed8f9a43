/**
 * The action catalogue: everything Muster can ask of a device, in one table.
 *
 * Operation numbers are those of ConfigMgr's `SMS_ClientOperation.InitiateClientOperation`, whose
 * `Type` Microsoft documents only in part; `evidence` says how sure each one is.
 */
import type { Management, Platform } from "../directory/device.ts";
import type { Action, Route } from "./action.ts";

// The recurring routes of the catalogue: each kind of route, described once.

/** Where the Windows-only routes lead. */
const windows: readonly Platform[] = ["windows"];
const everyPlatform: readonly Platform[] = ["windows", "macOS", "iOS", "android"];
/** Devices that Intune itself manages. */
const cloud: readonly Management[] = ["intune", "coManaged"];

/** Through the site's AdminService, carried by the relay. */
export const throughSite: Route = {
  id: "adminService",
  fidelity: "exact",
  managements: ["coManaged", "configMgrOnly"],
  platforms: windows,
  resultNames: [],
};

/** Intune passes the request on to the ConfigMgr site; only co-managed devices have this route. */
export const passedOn = (action: string): Route => ({
  id: "configMgrAction",
  fidelity: "exact",
  managements: ["coManaged"],
  platforms: windows,
  call: {
    version: "beta",
    segment: "triggerConfigurationManagerAction",
    body: { configurationManagerAction: { action } },
  },
  resultNames: [action, "triggerConfigurationManagerAction"],
});

/** The nearest thing Intune has to a policy or compliance request: a check-in. */
const checkIn = (note: string): Route => ({
  id: "intune",
  fidelity: "approximate",
  note,
  managements: cloud,
  platforms: everyPlatform,
  call: { version: "v1.0", segment: "syncDevice" },
  bulkAction: "syncDevice",
  resultNames: ["syncDevice"],
});

/** A Defender scan. */
export const scan = (quickScan: boolean): Route => ({
  id: "intune",
  fidelity: "exact",
  managements: cloud,
  platforms: windows,
  call: { version: "v1.0", segment: "windowsDefenderScan", body: { quickScan } },
  bulkAction: quickScan ? "quickScan" : "fullScan",
  resultNames: ["windowsDefenderScan", quickScan ? "quickScan" : "fullScan"],
  auditNames: [quickScan ? "quickScan" : "fullScan"],
});

/** A restart within about five minutes; the user gets no warning. */
export const restartNow: Omit<Route, "fidelity" | "managements"> = {
  id: "intune",
  platforms: windows,
  call: { version: "v1.0", segment: "rebootNow" },
  bulkAction: "rebootNow",
  resultNames: ["rebootNow"],
  auditNames: ["rebootNow"],
};

const day = "PT24H";
const hour = "PT1H";

const notification = (
  id: string,
  en: string,
  fr: string,
  operation: Action["operation"],
  routes: readonly Route[],
): Action => ({
  id,
  name: { en, fr },
  group: "clientNotification",
  permission: "notifyResource",
  repeatable: true,
  operation,
  expiresAfter: day,
  routes: [throughSite, ...routes],
});

const protection = (
  id: string,
  en: string,
  fr: string,
  type: number,
  routes: readonly Route[],
): Action => ({
  id,
  name: { en, fr },
  group: "endpointProtection",
  permission: "enforceSecurity",
  repeatable: true,
  operation: { type, evidence: "documented" },
  expiresAfter: day,
  routes: [throughSite, ...routes],
});

const community = (type: number) => ({ type, evidence: "community" as const });

/**
 * What the groups are called. The page names the last two; the first is ours, since "Actions", its heading over the
 * three that stand by themselves, says nothing beside the others.
 */
export const groupNames: Readonly<Record<Action["group"], Action["name"]>> = {
  installationAndScripts: { en: "Installation and scripts", fr: "Installation et scripts" },
  clientNotification: { en: "Client notification", fr: "Notification du client" },
  endpointProtection: { en: "Endpoint Protection", fr: "Endpoint Protection" },
};

/**
 * The 18 actions of Microsoft's client notification page, in its order and with its names: in French too, where one
 * of two inventories is a noun.
 */
export const catalogue: readonly Action[] = [
  {
    id: "installClient",
    name: { en: "Install client", fr: "Installer le client" },
    group: "installationAndScripts",
    permission: "modifyResource",
    // Old descriptions of the request let a second one join the first; nobody says so of today's. Each makes the site
    // sign in to the device.
    repeatable: false,
    operation: { method: "SMS_Collection.CreateCCR", evidence: "untried" },
    expiresAfter: day,
    routes: [
      {
        ...throughSite,
        managements: ["intune", "coManaged", "configMgrOnly", "discovered"],
        installs: true,
        note: "a client push request, for which the site signs in to the device: done when the site lists a client on it. Documented, listed by AdminService, not tried on a live site",
      },
    ],
  },
  {
    id: "runScript",
    name: { en: "Run script", fr: "Exécuter le script" },
    group: "installationAndScripts",
    permission: "runScript",
    repeatable: false,
    operation: { type: 135, evidence: "lab" },
    parameters: "script",
    expiresAfter: hour,
    routes: [
      { ...throughSite, needs: "configMgrScriptId" },
      {
        id: "remediation",
        fidelity: "exact",
        managements: cloud,
        platforms: windows,
        call: {
          version: "beta",
          segment: "initiateOnDemandProactiveRemediation",
          fill: { scriptPolicyId: "remediationScriptId" },
        },
        resultNames: ["initiateOnDemandProactiveRemediation"],
        auditNames: ["initiateOnDemandProactiveRemediation"],
        needs: "remediationScriptId",
      },
    ],
  },
  {
    id: "startCMPivot",
    name: { en: "Start CMPivot", fr: "Démarrer CMPivot" },
    group: "installationAndScripts",
    permission: "runCMPivot",
    repeatable: false,
    operation: community(145),
    parameters: "query",
    expiresAfter: hour,
    routes: [throughSite],
  },
  notification(
    "downloadComputerPolicy",
    "Download computer policy",
    "Télécharger la stratégie d’ordinateur",
    { type: 8, evidence: "documented" },
    [
      passedOn("refreshMachinePolicy"),
      checkIn("an Intune check-in, which brings Intune's policies and not ConfigMgr's"),
    ],
  ),
  notification(
    "downloadUserPolicy",
    "Download user policy",
    "Télécharger la stratégie utilisateur",
    community(9),
    [
      passedOn("refreshUserPolicy"),
      checkIn("an Intune check-in, which does not tell user policy from computer policy"),
    ],
  ),
  notification(
    "collectDiscoveryData",
    "Collect discovery data",
    "Collecter les données de détection",
    community(10),
    [],
  ),
  notification(
    "collectSoftwareInventory",
    "Collect software inventory",
    "Collecter l’inventaire logiciel",
    community(11),
    [],
  ),
  notification(
    "collectHardwareInventory",
    "Collect hardware inventory",
    "Collecte de l'inventaire matériel",
    community(12),
    [],
  ),
  notification(
    "evaluateApplicationDeployments",
    "Evaluate application deployments",
    "Évaluer les déploiements d’applications",
    community(13),
    [
      passedOn("appEvaluation"),
      checkIn("an Intune check-in, which does not promise that apps are evaluated again"),
    ],
  ),
  notification(
    "evaluateSoftwareUpdateDeployments",
    "Evaluate software update deployments",
    "Évaluer les déploiements de mises à jour logicielles",
    community(14),
    [],
  ),
  notification(
    "switchSoftwareUpdatePoint",
    "Switch to the next software update point",
    "Passer au point de mise à jour logicielle suivant",
    community(15),
    [],
  ),
  notification(
    "evaluateDeviceHealthAttestation",
    "Evaluate device health attestation",
    "Évaluer l’attestation d’intégrité de l’appareil",
    community(16),
    [
      {
        id: "intune",
        fidelity: "exact",
        managements: cloud,
        platforms: windows,
        call: { version: "beta", segment: "initiateDeviceAttestation" },
        bulkAction: "initiateDeviceAttestation",
        resultNames: ["initiateDeviceAttestation"],
        auditNames: ["initiateDeviceAttestation"],
      },
    ],
  ),
  notification(
    "checkConditionalAccessCompliance",
    "Check conditional access compliance",
    "Vérifier la conformité de l’accès conditionnel",
    community(125),
    [checkIn("an Intune check-in, at which Intune evaluates compliance again")],
  ),
  notification("wakeUp", "Wake up", "Sortir de veille", { type: 150, evidence: "singleSource" }, [
    passedOn("wakeUpClient"),
  ]),
  {
    ...notification("restart", "Restart", "Redémarrer", community(17), [
      { ...restartNow, fidelity: "exact", managements: ["intune"] },
      {
        ...restartNow,
        fidelity: "approximate",
        managements: ["coManaged"],
        note: "restarts within minutes without ConfigMgr's warning to the user",
      },
    ]),
    repeatable: false,
  },
  protection("endpointProtectionFullScan", "Full scan", "Analyse complète", 1, [
    scan(false),
    passedOn("fullScan"),
  ]),
  protection("endpointProtectionQuickScan", "Quick scan", "Analyse rapide", 2, [
    scan(true),
    passedOn("quickScan"),
  ]),
  protection(
    "endpointProtectionDownloadDefinition",
    "Download definition",
    "Télécharger la définition",
    3,
    [
      {
        id: "intune",
        fidelity: "exact",
        managements: cloud,
        platforms: windows,
        call: { version: "v1.0", segment: "windowsDefenderUpdateSignatures" },
        bulkAction: "signatureUpdate",
        resultNames: ["windowsDefenderUpdateSignatures", "signatureUpdate"],
        auditNames: ["windowsDefenderUpdateSignatures"],
      },
      passedOn("windowsDefenderUpdateSignatures"),
    ],
  ),
];

const byId = new Map(catalogue.map((action) => [action.id, action]));

/** The action with an id, or undefined. */
export const findAction = (id: string): Action | undefined => byId.get(id);
