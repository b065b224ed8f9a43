/** Screens of the registry of tenants. */
import { BuildingMultipleRegular } from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** All tenants, with how each stands with its syncs. */
export const tenantsScreen = screen({
  path: "/tenants",
  title: { en: "Tenants", fr: "Tenants" },
  permission: "tenants.read",
  nav: { section: "home", icon: BuildingMultipleRegular },
  search: {
    status: text,
    window: oneOf("error", "sign-in", "approval", "partial", "consent"),
    tenant: text,
  },
  load: () => import("./tenants-page.tsx"),
});
