/** Screens of provisioning: scheduled tasks, and what they began. */
import { CalendarClockRegular } from "@fluentui/react-icons";
import { oneOf, screen, text } from "../page/screen.ts";

/** Folders of tasks, in the order of the page. */
export const taskFolders = ["mine", "public", "all", "users"] as const;

/** Scheduled tasks in their folders. `task`: the one that is open; `window`: what is being done with it. */
export const taskListScreen = screen({
  path: "/tenants/$tenantId/tasks",
  title: { en: "Scheduled tasks", fr: "Tâches planifiées" },
  permission: "tasks.read",
  nav: { section: "distribution", icon: CalendarClockRegular },
  search: {
    folder: oneOf(...taskFolders),
    task: text,
    window: oneOf("properties", "targets", "remove"),
  },
  load: () => import("./tasks/task-list.tsx"),
});
