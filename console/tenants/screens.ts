/** The registry of tenants. */
import { BuildingMultipleRegular } from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** All tenants, with how each stands with its syncs; `window` is open for `tenant`. */
export const tenantsScreen = screen({
  path: "/tenants",
  title: { en: "Tenants", fr: "Tenants" },
  permission: "tenants.read",
  nav: { section: "home", icon: BuildingMultipleRegular },
  search: {
    status: oneOf(
      "notRun",
      "idle",
      "starting",
      "inProgress",
      "newError",
      "pendingAuthentication",
      "pendingApproval",
      "partiallySucceeded",
      "pendingAdminConsent",
    ),
    window: oneOf("error", "authentication", "approve", "reject", "reset", "partial", "consent"),
    tenant: text,
  },
  command: () => "tenants",
  load: () => import("./tenants-page.tsx"),
});
