/** A way for an action to reach a device, as the catalogue describes it. */
import type { Management, Platform } from "./device.ts";

/**
 * A way to a device: Intune's own remote actions, Intune relaying to the ConfigMgr site, an Intune
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

/** A way for one action, to devices of some kinds. */
export type Route = {
  readonly id: RouteId;
  /** Approximate: what happens is not quite what the action promises; `note` says how it differs. */
  readonly fidelity: "exact" | "approximate";
  readonly note?: string;
  readonly managements: readonly Management[];
  readonly platforms: readonly Platform[];
  /** The call for one device; absent where the relay carries the action. */
  readonly call?: DeviceCall;
  /** Name for bulk `executeAction`, which takes up to 100 devices in one request. */
  readonly bulkAction?: string;
  /** Names under which the device's result appears in `deviceActionResults`. */
  readonly resultNames: readonly string[];
  /** Parameter of the request that this way needs. */
  readonly needs?: string;
};
