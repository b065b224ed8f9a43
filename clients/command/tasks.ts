/** Scheduled tasks: listed by folder, and begun now. */
import type { CallInput } from "../api.ts";
import { type Command, exitCodes, heard, Stop } from "./asked.ts";
import { firstOf, goesOn } from "./fleet.ts";
import { show, table } from "./print.ts";

const list = "GET /api/v1/tenants/{tenantId}/tasks";
const schedule = "POST /api/v1/tenants/{tenantId}/tasks/{taskId}/schedule";

export const taskCommand: Command = {
  is: "List tasks; run ID begins one now, stop ID takes its schedule away",
  words: [0, 2, "[run|stop ID]"],
  takes: ["tenant", "folder", "top"],
  async run(asked) {
    const {
      api,
      options,
      words: [verb, taskId = ""],
    } = asked;
    const tenantId = await asked.tenantId();
    if (verb === undefined) {
      // What is no folder is refused by the API, which names those that are.
      const query = { folder: options.folder } as CallInput<typeof list>["query"];
      const { value, more } = await firstOf(
        api.pages(list, { params: { tenantId }, ...(query && { query }) }),
        options.top,
      );
      const rows = value.map((task) => ({
        task: task.displayName,
        id: task.taskId,
        state: task.stateNames.en,
        "waits for": task.waitsFor.join(", "),
        next: task.next?.at ?? "",
      }));
      show(asked, value, () => table(rows, "No task is in this folder.") + goesOn(more));
      return exitCodes.done;
    }
    if (verb !== "run" && verb !== "stop")
      throw new Stop(`task knows run and stop, not "${verb}".`);
    const body = { schedule: { kind: verb === "run" ? "now" : "none" } } as const;
    const task = heard(await api.call(schedule, { params: { tenantId, taskId }, body })).body;
    show(asked, task, () => `${task.displayName}: ${task.stateNames.en}`);
    return exitCodes.done;
  },
};
