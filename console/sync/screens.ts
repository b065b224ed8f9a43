/** Screens of a tenant's syncs: what they found, what they ask of people, what they did, and the way back. */
import { DocumentMultipleRegular, HistoryRegular } from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** Every sync of a tenant, newest first. */
export const syncListScreen = screen({
  path: "/tenants/$tenantId/syncs",
  title: { en: "Syncs", fr: "Synchronisations" },
  permission: "sync.read",
  nav: { section: "tenant", icon: HistoryRegular },
  search: { window: oneOf("release", "start") },
  command: ({ tenantId }) => `sync --tenant ${tenantId}`,
  load: () => import("./sync-list.tsx"),
});

/** One of them, with its report. */
export const syncScreen = screen({
  path: "/tenants/$tenantId/syncs/$syncId",
  title: { en: "Sync", fr: "Synchronisation" },
  permission: "sync.read",
  search: { window: oneOf("undo", "error") },
  load: () => import("./sync-page.tsx"),
});

/** What a sync would change, to be looked at before anything touches the tenant. */
export const planScreen = screen({
  path: "/tenants/$tenantId/syncs/$syncId/plan",
  title: { en: "Pending approval", fr: "Approbation en attente" },
  permission: "sync.read",
  search: { window: oneOf("approve", "reject", "reset", "confirm", "release") },
  command: ({ tenantId }) => `sync plan --tenant ${tenantId}`,
  load: () => import("./plan/plan-page.tsx"),
});

/** The tenant as two syncs left it, side by side; without them, the last two. */
export const compareScreen = screen({
  path: "/tenants/$tenantId/compare",
  title: { en: "Compare", fr: "Comparer" },
  permission: "sync.read",
  search: { before: text, after: text },
  load: () => import("./compare-page.tsx"),
});

/** How an item of the configuration stands. */
export const itemStates = ["same", "differs", "missing", "unmanaged"] as const;

/** What is wanted of a tenant and what it has: types, or the items of one. */
export const configurationScreen = screen({
  path: "/tenants/$tenantId/configuration",
  title: { en: "Configuration", fr: "Configuration" },
  permission: "sync.read",
  nav: { section: "tenant", icon: DocumentMultipleRegular },
  search: {
    type: text,
    search: text,
    state: oneOf(...itemStates),
    window: oneOf("new", "import", "settings"),
  },
  load: () => import("./configuration/configuration-page.tsx"),
});

/** One item with its rules and its history. Keys hold what a path cannot. */
export const itemScreen = screen({
  path: "/tenants/$tenantId/configuration/item",
  title: { en: "Configuration item", fr: "Élément de configuration" },
  permission: "sync.read",
  search: { type: text, key: text, window: oneOf("edit", "rules", "unwant") },
  load: () => import("./configuration/item-page.tsx"),
});

/** What many tenants are to have. */
export const baselineListScreen = screen({
  path: "/baselines",
  title: { en: "Baselines", fr: "Bases de référence" },
  permission: "baselines.read",
  nav: { section: "home", icon: DocumentMultipleRegular },
  search: { window: oneOf("new") },
  load: () => import("./baselines/baseline-list.tsx"),
});

/** One of them, with its versions and tenants; `version` is open. */
export const baselineScreen = screen({
  path: "/baselines/$baselineId",
  title: { en: "Baseline", fr: "Base de référence" },
  permission: "baselines.read",
  search: {
    window: oneOf("publish", "edit", "remove", "tailor", "preview", "leave"),
    version: text,
    tenant: text,
  },
  load: () => import("./baselines/baseline-page.tsx"),
});
