/** What the catalogue says about an action. */
import type { Management, Platform } from "../directory/device.ts";

// A route of an action to a device, as the catalogue describes it.

/**
 * A route to a device: Intune's own remote actions, Intune relaying to the ConfigMgr site, an Intune
 * remediation script, or the site's AdminService through the relay beside it.
 */
export type RouteId = "intune" | "configMgrAction" | "remediation" | "adminService";

/** Which Graph call carries an action for one device. */
export type DeviceCall = {
  readonly version: "v1.0" | "beta";
  /** Last segment of the path below the device. */
  readonly segment: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Body properties that are filled from parameters of the request: property -> parameter. */
  readonly fill?: Readonly<Record<string, string>>;
};

/** A route for one action, to devices of some kinds. */
export type Route = {
  readonly id: RouteId;
  /** Approximate: what happens is not quite what the action promises. */
  readonly fidelity: "exact" | "approximate";
  /** How an approximate route differs, or what else people must know of it. */
  readonly note?: string;
  readonly managements: readonly Management[];
  readonly platforms: readonly Platform[];
  /** The call for one device; absent where the relay carries the action. */
  readonly call?: DeviceCall;
  /** Name for bulk `executeAction`, which takes up to 100 devices in one request. */
  readonly bulkAction?: string;
  /** Names under which the device's result appears in `deviceActionResults`. */
  readonly resultNames: readonly string[];
  /** Names under which Intune's audits list the request; absent where they have no name of its own for it. */
  readonly auditNames?: readonly string[];
  /** Parameter of the request that this route needs. */
  readonly needs?: string;
  /** It brings the ConfigMgr client: it leads only to devices of which a site says that they have none. */
  readonly installs?: true;
};

/**
 * How sure it is what the site is asked. `untried`: Microsoft documents the method and AdminService lists it, but no
 * call of it by this route is known.
 */
export type Evidence = "documented" | "lab" | "community" | "singleSource" | "untried";

/** What AdminService is asked: a client operation by its type, or a method of its own. */
export type SiteOperation = {
  readonly type?: number;
  readonly method?: string;
  readonly evidence: Evidence;
};

/** Permission on the ConfigMgr collection that an action needs, in Microsoft's words. */
export type ActionPermission =
  | "modifyResource"
  | "runScript"
  | "runCMPivot"
  | "notifyResource"
  | "enforceSecurity";

export type ActionGroup = "installationAndScripts" | "clientNotification" | "endpointProtection";

/** One action. */
export type Action = {
  readonly id: string;
  readonly name: { readonly en: string; readonly fr: string };
  readonly group: ActionGroup;
  readonly permission: ActionPermission;
  /**
   * True when a device that gets it twice is none the worse: it only checks in, reports or scans again. A restart
   * ends what people do, a script or a query may change anything, an installation writes: of these nobody may be
   * sure twice, so an unclear answer is never followed by asking again.
   */
  readonly repeatable: boolean;
  readonly operation: SiteOperation;
  /** Which schema its parameters have; absent: it takes none. */
  readonly parameters?: "script" | "query";
  /** How long it is worth sending, unless the request says otherwise (ISO 8601). */
  readonly expiresAfter: string;
  /** In order of preference. */
  readonly routes: readonly Route[];
};
