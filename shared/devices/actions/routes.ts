/** The routes by which an action can reach a device, and which of them a given device really has. Pure. */

import { type Device, type Management, managementOf, platformOf } from "../directory/device.ts";
import type { Action, Route } from "./action.ts";

/** Why a device has no route for an action. */
export type NoRouteCode =
  | "not-manageable"
  | "no-route"
  | "client-installed"
  | "platform-not-supported"
  | "approximate-not-allowed"
  | "parameter-missing";

/** The choice for one device. */
export type Choice =
  | { readonly kind: "route"; readonly route: Route }
  | { readonly kind: "none"; readonly code: NoRouteCode; readonly detail: string };

/** What the request allows and brings along. */
export type Wishes = {
  readonly allowApproximate: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
};

/** Chooses the best route that the device really has: the first that fits, in the order of preference. */
export function chooseRoute(action: Action, device: Device, wishes: Wishes): Choice {
  const management = managementOf(device);
  if (management === "other")
    return none(
      "not-manageable",
      `what ${device.managementAgent || "nobody"} manages cannot be sent actions`,
    );
  const managed = action.routes.filter(
    (route) => route.managements.includes(management) && isReachable(route, device),
  );
  if (managed.length === 0) return noRoute(action, device, management);
  const platform = platformOf(device);
  const fitting = managed.filter(({ platforms }) => platforms.includes(platform));
  if (fitting.length === 0)
    return none(
      "platform-not-supported",
      `${action.name.en} cannot be sent to ${runningOn(device)}`,
    );
  const supplied = fitting.filter(({ needs }) => needs === undefined || needs in wishes.parameters);
  if (supplied.length === 0) return none("parameter-missing", neededDetail(action, fitting));
  const exact = supplied.find(({ fidelity }) => fidelity === "exact");
  if (exact) return { kind: "route", route: exact };
  const [closest] = supplied;
  if (closest && wishes.allowApproximate) return { kind: "route", route: closest };
  return none("approximate-not-allowed", `allowApproximate would allow it: ${closest?.note ?? ""}`);
}

/**
 * The relay knows a device by its ConfigMgr resource id; without one it cannot name the device. Only a client takes
 * what the site asks for, and only where there is none can one be installed.
 */
const isReachable = ({ id, installs }: Route, device: Device): boolean =>
  id !== "adminService" ||
  (device.configMgrResourceId !== undefined &&
    (installs === true) === (device.configMgrClient === false));

/** Devices of a management, as people say it. */
const managedBy: Readonly<Record<Management, string>> = {
  intune: "devices that only Intune manages",
  coManaged: "co-managed devices whose site no relay has reported",
  configMgrOnly: "devices that only ConfigMgr manages and no relay has reported",
  discovered: "devices without a ConfigMgr client: install it first",
  other: "devices that neither Intune nor ConfigMgr manages",
};

/** Devices of an operating system, in the tenant's own spelling of it. */
function runningOn({ operatingSystem }: Device): string {
  const name = operatingSystem.trim();
  return name === "" ? "devices whose operating system is not known" : `${name} devices`;
}

const neededDetail = (action: Action, fitting: readonly Route[]): string =>
  `${action.name.en} needs the parameter ${fitting.map(({ needs }) => needs).join(" or ")} for this device`;

function noRoute(action: Action, device: Device, management: Management): Choice {
  const { configMgrResourceId, configMgrClient } = device;
  const { en: name } = action.name;
  if (action.routes.some(({ id }) => id !== "adminService"))
    return none("no-route", `${name} cannot be sent to ${managedBy[management]}`);
  if (configMgrResourceId !== undefined && configMgrClient === false)
    return none("no-route", `${name} cannot be sent to ${managedBy.discovered}`);
  if (configMgrResourceId !== undefined && action.routes.some(({ installs }) => installs))
    return none(
      "client-installed",
      `${name} cannot be sent to devices on which ConfigMgr has a client already`,
    );
  return none("no-route", "only ConfigMgr can do this, and no relay has reported this device");
}

const none = (code: NoRouteCode, detail: string): Choice => ({ kind: "none", code, detail });
