/**
 * Names the tasks whose time has come, every minute.
 *
 * Delivery: one at a time; naming a task twice begins it once.
 */
import { type TaskParts, tellDue } from "../../shared/schedules/run-tasks.ts";
import { onTimer, type Tools } from "../define.ts";

/** Well inside the function's time. */
const runMs = 120_000;

export const tellDueTasksFunction = onTimer({
  name: "tasks-timer",
  schedule: "2 * * * * *",
  async handle({ services: { scheduling }, log }: Tools<{ readonly scheduling: TaskParts }>) {
    const until = scheduling.clock.now() + runMs;
    const told = await tellDue(scheduling, () => scheduling.clock.now() < until);
    if (told.due > 0) log("tasks.due", told);
    // What should have begun and did not: an alert watches for this line.
    if (told.overdue > 0) log("tasks.overdue", { tasks: told.overdue });
  },
});
