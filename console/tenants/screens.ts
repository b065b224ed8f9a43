/** Screens of the registry of tenants, and of what a sync asks of people. */
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
  load: () => import("./tenants-page.tsx"),
});

/** What a sync would change, to be looked at before anything touches the tenant. */
export const planScreen = screen({
  path: "/tenants/$tenantId/syncs/$syncId/plan",
  title: { en: "Pending approval", fr: "Approbation en attente" },
  permission: "sync.read",
  search: { window: oneOf("approve", "reject", "reset") },
  load: () => import("./plan-page.tsx"),
});
