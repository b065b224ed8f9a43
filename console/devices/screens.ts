/** Screens of devices and of collections of them. */
import { CollectionsRegular, LaptopRegular } from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** Who manages a device, as the list can be filtered by it. */
export const managedBy = ["intune", "coManaged", "configMgrOnly", "discovered"] as const;
/** When a device was last seen: within so many days, or before. */
export const seenTimes = ["since1", "since7", "before7", "before30", "before90"] as const;

/** What the address says of which devices are shown. */
const filters = {
  search: text,
  os: text,
  compliance: text,
  managed: oneOf(...managedBy),
  tag: text,
  seen: oneOf(...seenTimes),
};

/** The devices of a tenant. `send`: the panel is open, with this action; `to`: for all that match, not for the chosen ones. */
export const deviceListScreen = screen({
  path: "/tenants/$tenantId/devices",
  title: { en: "Devices", fr: "Appareils" },
  permission: "devices.read",
  nav: { section: "tenant", icon: LaptopRegular },
  search: { ...filters, to: oneOf("match"), send: text, window: oneOf("collection", "task") },
  command: ({ tenantId, os }) =>
    `devices --tenant ${tenantId}${os === undefined ? "" : ` --os "${os}"`}`,
  load: () => import("./device-list.tsx"),
});

/** One of them. */
export const deviceScreen = screen({
  path: "/tenants/$tenantId/devices/$deviceId",
  title: { en: "Device", fr: "Appareil" },
  permission: "devices.read",
  search: { send: text },
  load: () => import("./device-page.tsx"),
});

/** Collections: devices named one by one, or found by a rule. */
export const collectionListScreen = screen({
  path: "/tenants/$tenantId/collections",
  title: { en: "Collections", fr: "Regroupements" },
  permission: "collections.read",
  nav: { section: "tenant", icon: CollectionsRegular },
  search: { window: oneOf("new") },
  load: () => import("./collections/collection-list.tsx"),
});

/** One of them, with its members. */
export const collectionScreen = screen({
  path: "/tenants/$tenantId/collections/$collectionId",
  title: { en: "Collection", fr: "Regroupement" },
  permission: "collections.read",
  search: { send: text, window: oneOf("edit", "remove") },
  load: () => import("./collections/collection-page.tsx"),
});
