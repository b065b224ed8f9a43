/** The registry of tenants. */
import { BuildingMultipleRegular } from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** How a tenant can stand with its syncs. */
export const statuses = [
  "notRun",
  "idle",
  "starting",
  "inProgress",
  "newError",
  "pendingAuthentication",
  "pendingApproval",
  "partiallySucceeded",
  "pendingAdminConsent",
] as const;

/** All tenants, with how each stands with its syncs; `window` is open for `tenant`, or for those that are chosen. */
export const tenantsScreen = screen({
  path: "/tenants",
  title: { en: "Tenants", fr: "Tenants" },
  permission: "tenants.read",
  nav: { section: "home", icon: BuildingMultipleRegular },
  search: {
    status: oneOf(...statuses),
    window: oneOf(
      "error",
      "authentication",
      "approve",
      "reject",
      "reset",
      "partial",
      "consent",
      "statuses",
      "start",
      "pause",
    ),
    tenant: text,
  },
  command: () => "tenants",
  load: () => import("./tenants-page.tsx"),
});
