/**
 * The device actions this stand-in knows: which devices take them, what their result row is called,
 * and one small number for each action and what it carries (a script, a ConfigMgr action).
 */
import type { Profile } from "./fleet-mix.ts";

/** One action that a device can be asked for. */
export type Action = {
  /** The name in the ledger and in `deviceActionResults`. */
  readonly name: string;
  /** The name in `remoteActionAudits`, whose list of names is older and shorter. */
  readonly audit: string;
  readonly takenBy: (device: Profile) => boolean;
  /** The derived type of the result row, where it is not the plain one. */
  readonly resultType?: string;
  readonly scanType?: string;
};

const onWindows = (device: Profile): boolean => device.operatingSystem === "Windows";
const onCoManaged = (device: Profile): boolean => device.management === "coManaged";
/** Company Portals of phones and tablets show messages; that of Windows and of Macs does not. */
const hasCompanyPortal = ({ operatingSystem }: Profile): boolean =>
  operatingSystem === "iOS" || operatingSystem === "Android";
const onAny = (): boolean => true;
/** Android has no restart for personally owned work profiles; this stand-in takes all Androids as such. */
const onRestartable = (device: Profile): boolean => device.operatingSystem !== "Android";
const scanResult = "#microsoft.graph.windowsDefenderScanActionResult";
/** The one action that carries those of ConfigMgr. */
export const configMgrDoor = "triggerConfigurationManagerAction";

/** Further names that the audit list has. */
const audited = new Set([
  "setDeviceName",
  "activateDeviceEsim",
  "deprovision",
  "disable",
  "reenable",
  "cleanWindowsDevice",
  "rotateBitLockerKeys",
  "rotateLocalAdminPassword",
]);

const known: readonly Action[] = [
  { name: "syncDevice", audit: "unknown", takenBy: onAny },
  { name: "rebootNow", audit: "rebootNow", takenBy: onRestartable },
  scan("quickScan", "quick"),
  scan("fullScan", "full"),
  windowsOnly("windowsDefenderUpdateSignatures"),
  windowsOnly("initiateDeviceAttestation"),
  windowsOnly("initiateOnDemandProactiveRemediation"),
  {
    name: configMgrDoor,
    audit: "unknown",
    takenBy: onCoManaged,
    resultType: "#microsoft.graph.configurationManagerActionResult",
  },
  // What ConfigMgr's clients are asked for by their site.
  ...["clientOperation", "siteScript", "sitePivot", "clientPush"].map(anywhere),
  // What provisioning asks of devices, and of the directory about them.
  ...["cleanWindowsDevice", "rotateBitLockerKeys", "rotateLocalAdminPassword"].map(windowsOnly),
  { name: "sendCustomNotificationToCompanyPortal", audit: "unknown", takenBy: hasCompanyPortal },
  ...["addToGroup", "removeFromGroup"].map(anywhere),
  ...["updateDeviceProperties", "assignUserToDevice", "unassignUserFromDevice"].map(anywhere),
  // Nothing below is a notification. It is taken and written down, so that a test can prove it was never sent.
  ...["retire", "delete", "wipe", "customTextNotification", "setDeviceName"].map(anywhere),
  ...["deprovision", "disable", "reenable", "moveDeviceToOrganizationalUnit"].map(anywhere),
  ...["activateDeviceEsim", "initiateMobileDeviceManagementKeyRecovery"].map(anywhere),
  windowsOnly("collectDiagnostics"),
];

const byName = new Map(known.map((action) => [action.name, action]));

/** The action of a name. An unknown name is a fault of this stand-in. */
export function actionNamed(name: string): Action {
  const action = byName.get(name);
  if (action === undefined) throw new Error(`the sandbox has no action "${name}"`);
  return action;
}

/** An action together with what it carries. Two scripts on one device are two kinds, not a doubled one. */
export type ActionKind = {
  readonly number: number;
  readonly action: Action;
  readonly detail: string | null;
};

/**
 * The name under which a device shows the result. ConfigMgr's actions all come through one door, and each
 * has a row of its own; scripts share one, so that the latest takes the place of the one before.
 */
export const shownName = ({ action, detail }: ActionKind): string =>
  action.name === configMgrDoor && detail !== null ? detail : action.name;

/** Hands out kind numbers for the lifetime of the process. */
export type ActionCatalogue = {
  readonly of: (name: string, detail?: string) => ActionKind;
  readonly at: (number: number) => ActionKind;
};

/** An empty book of kinds. */
export function actionKinds(): ActionCatalogue {
  const kinds: ActionKind[] = [];
  const numbers = new Map<string, ActionKind>();
  const of = (name: string, detail?: string): ActionKind => {
    const key = detail === undefined ? name : `${name}/${detail}`;
    const existing = numbers.get(key);
    if (existing !== undefined) return existing;
    const kind = { number: kinds.length, action: actionNamed(name), detail: detail ?? null };
    kinds.push(kind);
    numbers.set(key, kind);
    return kind;
  };
  const at = (number: number): ActionKind => {
    const kind = kinds[number];
    if (kind === undefined) throw new Error(`no action kind has the number ${number}`);
    return kind;
  };
  return { of, at };
}

function scan(name: string, scanType: string): Action {
  return { name, audit: name, takenBy: onWindows, resultType: scanResult, scanType };
}

function windowsOnly(name: string): Action {
  return { name, audit: name === "collectDiagnostics" ? "unknown" : name, takenBy: onWindows };
}

function anywhere(name: string): Action {
  return { name, audit: audited.has(name) ? name : "unknown", takenBy: onAny };
}
