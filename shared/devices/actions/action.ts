/**
 * An action, as the catalogue says it: its permission, what the site is asked, the routes by which it can reach a
 * device; and which of these routes a given device really has. Pure.
 */
import {
  type Device,
  type Management,
  managementOf,
  type Platform,
  platformOf,
} from "../directory/device.ts";

/**
 * A route to a device: Intune's own remote actions, Intune relaying to the ConfigMgr site, an Intune
 * remediation script, or the site's AdminService through the relay beside it.
 */
type RouteId = "intune" | "configMgrAction" | "remediation" | "adminService";

/** Which Graph call carries an action for one device. */
type DeviceCall = {
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
type Evidence = "documented" | "lab" | "community" | "singleSource" | "untried";

/** What AdminService is asked: a client operation by its type, or a method of its own. */
type SiteOperation = {
  readonly type?: number;
  readonly method?: string;
  readonly evidence: Evidence;
};

/** Permission on the ConfigMgr collection that an action needs, in Microsoft's words. */
type ActionPermission =
  | "modifyResource"
  | "runScript"
  | "runCMPivot"
  | "notifyResource"
  | "enforceSecurity";

type ActionGroup = "installationAndScripts" | "clientNotification" | "endpointProtection";

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

/** Those of an action's routes that go through Graph; by the others a relay carries it. */
export const graphRoutes = ({ routes }: Action): readonly Route[] =>
  routes.filter(({ call, bulkAction }) => call !== undefined || bulkAction !== undefined);

// Which route a given device really has.

/** Why a device has no route for an action. */
type NoRouteCode =
  | "not-manageable"
  | "no-route"
  | "client-installed"
  | "platform-not-supported"
  | "approximate-not-allowed"
  | "parameter-missing";

/** The choice for one device. */
type Choice =
  | { readonly kind: "route"; readonly route: Route }
  | { readonly kind: "none"; readonly code: NoRouteCode; readonly detail: string };

/** What the request allows and brings along. */
type Wishes = {
  readonly allowApproximate: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
};

/** What is chosen among, and what of a device decides. */
type Choosable = Pick<Action, "name" | "routes">;
type Routed = Pick<
  Device,
  "managementAgent" | "operatingSystem" | "configMgrResourceId" | "configMgrClient"
>;

/** Chooses the best route that the device really has: the first that fits, in the order of preference. */
export function chooseRoute(action: Choosable, device: Routed, wishes: Wishes): Choice {
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
const isReachable = ({ id, installs }: Route, device: Routed): boolean =>
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
function runningOn({ operatingSystem }: Routed): string {
  const name = operatingSystem.trim();
  return name === "" ? "devices whose operating system is not known" : `${name} devices`;
}

const neededDetail = (action: Choosable, fitting: readonly Route[]): string =>
  `${action.name.en} needs the parameter ${fitting.map(({ needs }) => needs).join(" or ")} for this device`;

function noRoute(action: Choosable, device: Routed, management: Management): Choice {
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
