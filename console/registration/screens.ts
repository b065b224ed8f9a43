/** Screens of customers and of registering their devices into Windows Autopilot. */
import {
  ClipboardTaskListLtrRegular,
  LaptopSettingsRegular,
  PeopleTeamRegular,
} from "@fluentui/react-icons";
import type { DeviceOutcome } from "../../shared/registration/contract.ts";
import { oneOf, screen, text } from "../page/screen.ts";

/** What can become of a device; the API names them. */
export const outcomes = [
  "waiting",
  "submitted",
  "registered",
  "alreadyRegistered",
  "deregistered",
  "assignedToOtherTenant",
  "notFound",
  "invalidHash",
  "tagMissing",
  "failed",
  "notSubmitted",
  "cancelled",
  "unknown",
] as const satisfies readonly DeviceOutcome[];

/** Ways of registering that a page offers; none: Muster takes the one that is open. */
export const partnerRoutes = ["graph", "partnerCenter", "file"] as const;

/** Customers, with what ties each to the partner; a window is open for `customer`, or signs the partner in. */
export const customersScreen = screen({
  path: "/customers",
  title: { en: "Customers", fr: "Clients" },
  permission: "relationships.read",
  nav: { section: "partner", icon: PeopleTeamRegular },
  search: { customer: text, window: oneOf("signIn") },
  load: () => import("./customers-page.tsx"),
});

/** A list of devices is judged and handed in; `tag` is that of rows without one. */
export const addDevicesScreen = screen({
  path: "/customers/$tenantId/devices/add",
  title: { en: "Add devices", fr: "Ajouter des appareils" },
  permission: "registration.submit",
  search: { tag: text, route: oneOf(...partnerRoutes) },
  load: () => import("./add-devices-page.tsx"),
});

/** What was registered for a tenant, list by list. */
export const registrationListScreen = screen({
  path: "/tenants/$tenantId/registrations",
  title: { en: "Registrations", fr: "Inscriptions" },
  permission: "registration.read",
  nav: { section: "tenant", icon: ClipboardTaskListLtrRegular },
  load: () => import("./registration-list.tsx"),
});

/** One of them, with what became of each device. */
export const registrationScreen = screen({
  path: "/tenants/$tenantId/registrations/$registrationId",
  title: { en: "Registration", fr: "Inscription" },
  permission: "registration.read",
  search: { outcome: oneOf(...outcomes) },
  load: () => import("./registration-page.tsx"),
});

/** What a tenant has in Autopilot; a window is open for `device`, or asks before devices are taken out. */
export const autopilotScreen = screen({
  path: "/tenants/$tenantId/autopilot-devices",
  title: { en: "Autopilot devices", fr: "Appareils Autopilot" },
  permission: "registration.read",
  nav: { section: "tenant", icon: LaptopSettingsRegular },
  search: { device: text, window: oneOf("deregister") },
  load: () => import("./autopilot-page.tsx"),
});
