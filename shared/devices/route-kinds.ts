/** The recurring ways of the catalogue: each kind of route, described once. */
import type { Management, Platform } from "./device.ts";
import type { Route } from "./route.ts";

/** Where the Windows-only ways lead. */
export const windows: readonly Platform[] = ["windows"];
const everyPlatform: readonly Platform[] = ["windows", "macOS", "iOS", "android"];
/** Devices that Intune itself manages. */
export const cloud: readonly Management[] = ["intune", "coManaged"];

/** Through the site's AdminService, carried by the relay. */
export const throughSite: Route = {
  id: "adminService",
  fidelity: "exact",
  managements: ["coManaged", "configMgrOnly"],
  platforms: windows,
  resultNames: [],
};

/** Intune passes the request on to the ConfigMgr site; only co-managed devices have this way. */
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
export const checkIn = (note: string): Route => ({
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
});

/** A restart within about five minutes; the user gets no warning. */
export const restartNow: Omit<Route, "fidelity" | "managements"> = {
  id: "intune",
  platforms: windows,
  call: { version: "v1.0", segment: "rebootNow" },
  bulkAction: "rebootNow",
  resultNames: ["rebootNow"],
};
