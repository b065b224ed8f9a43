/** Screens of provisioning: scheduled tasks, and what was begun by them and by hand. */
import {
  CalendarClockRegular,
  DocumentBulletListRegular,
  RocketRegular,
} from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** Templates in their folders; `template`: the one that is selected. */
export const templateListScreen = screen({
  path: "/templates",
  title: { en: "Provisioning templates", fr: "Modèles de provisioning" },
  permission: "templates.read",
  nav: { section: "distribution", icon: DocumentBulletListRegular },
  search: { folder: oneOf("mine", "public"), template: text, window: oneOf("new") },
  load: () => import("./templates/template-list.tsx"),
});

/** One of them: its five sections in one of its versions, maybe beside another. */
export const templateScreen = screen({
  path: "/templates/$templateId",
  title: { en: "Provisioning template", fr: "Modèle de provisioning" },
  permission: "templates.read",
  search: { version: text, compare: text, window: oneOf("edit", "remove") },
  load: () => import("./templates/template-page.tsx"),
});

/** Folders of tasks, in the order of the page. */
export const taskFolders = ["mine", "public", "all", "users"] as const;

/** Scheduled tasks in their folders. `owner`: whose user tasks; `task`: the one that is open; `window`: what is being done with it. */
export const taskListScreen = screen({
  path: "/tenants/$tenantId/tasks",
  title: { en: "Scheduled tasks", fr: "Tâches planifiées" },
  permission: "tasks.read",
  nav: { section: "distribution", icon: CalendarClockRegular },
  search: {
    folder: oneOf(...taskFolders),
    owner: text,
    task: text,
    window: oneOf("properties", "targets", "remove"),
  },
  command: ({ tenantId, folder = "all" }) => `task --tenant ${tenantId} --folder ${folder}`,
  load: () => import("./tasks/task-list.tsx"),
});

/** Where devices of a run stand, in the order in which a bar shows them. */
export const buckets = ["successful", "failed", "notAttempted", "active", "pending"] as const;
export type Bucket = (typeof buckets)[number];

/** What was begun in a tenant, newest first; of one template where the address names it. */
export const runListScreen = screen({
  path: "/tenants/$tenantId/runs",
  title: { en: "Provisioning runs", fr: "Exécutions de provisioning" },
  permission: "provisioning.read",
  nav: { section: "distribution", icon: RocketRegular },
  search: { template: text },
  load: () => import("./runs/run-list.tsx"),
});

/** One run, with its devices. */
export const runScreen = screen({
  path: "/tenants/$tenantId/runs/$runId",
  title: { en: "Provisioning run", fr: "Exécution de provisioning" },
  permission: "provisioning.read",
  search: { bucket: oneOf(...buckets), window: oneOf("cancel") },
  load: () => import("./runs/run-page.tsx"),
});

/** What a device went through in a run, action by action. `output`: what is shown of it whole. */
export const historyScreen = screen({
  path: "/tenants/$tenantId/runs/$runId/devices/$deviceId",
  title: { en: "Provisioning history", fr: "Historique de provisioning" },
  permission: "provisioning.read",
  search: { output: text },
  load: () => import("./runs/history-page.tsx"),
});
