/**
 * Begins tasks whose time has come.
 *
 * Delivery: at least once. What was decided of an occurrence stands in its row, and its job begins under an id of its own.
 */
import { DueMessage, runDue, type TaskParts } from "../../shared/schedules/run-tasks.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type Tools } from "../define.ts";

export const runDueTasksFunction = onQueue({
  name: queueNames.tasksDue,
  message: DueMessage,
  async handle(
    { places },
    { services: { scheduling }, log }: Tools<{ readonly scheduling: TaskParts }>,
  ) {
    const failures: unknown[] = [];
    for (const place of places) {
      // One that fails keeps none of the others; all come again, and find themselves done.
      const outcome = await runDue(scheduling, place).catch((error: unknown) => {
        failures.push(error);
        return "failed";
      });
      const { tenantId, taskId } = place;
      if (outcome !== "none") log("tasks.run", { tenantId, taskId, outcome });
    }
    if (failures.length > 0) throw failures[0];
    return { kind: "ack" };
  },
});
