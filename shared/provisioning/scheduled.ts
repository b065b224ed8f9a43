/** Runs that a task begins: of the very version that it names, with what its owner may do at that moment. */
import * as z from "zod";
import { decide, evaluate, type Limits, limitsOf, type Standing } from "../access/roles/decide.ts";
import { toBegin } from "../access/roles/requirements.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { invalidRequest } from "../http/body.ts";
import { durationMs } from "../kernel/clock.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import type { TaskResult, TaskStarter, TaskToStart, TaskWindows } from "../schedules/run-tasks.ts";
import { NewRun } from "./contract.ts";
import { choices } from "./task-choice.ts";

/** A run as a task begins it; without targets the task waits for them. A task names its version: nothing newer takes its place. */
export const ScheduledRun = NewRun.extend({
  version: z.int().min(1),
  only: z
    .enum(choices)
    .default("all")
    .describe(
      "Of its targets those that its runs so far have not brought to success, that failed, or that were never tried",
    ),
  targets: NewRun.shape.targets.optional(),
});
export type ScheduledRun = z.output<typeof ScheduledRun>;

/** What begins runs, and looks at them. */
type Runs = {
  readonly begin: (
    tenantId: string,
    runId: string,
    run: ScheduledRun,
    by: Omit<TaskToStart, "what">,
  ) => Promise<Result<unknown>>;
  readonly stateOf: TaskStarter["stateOf"];
  readonly resultOf: (tenantId: string, runId: string) => Promise<TaskResult | undefined>;
  /** What it would do if it began now. */
  readonly preview: (
    tenantId: string,
    run: ScheduledRun,
    by: {
      readonly caller: Caller;
      readonly within: TaskWindows;
      readonly taskId: string | undefined;
    },
  ) => Promise<Result<object>>;
};

const isSeen = (standing: Standing, tenantId: string): boolean =>
  decide(standing, "provisioning.read", { kind: "tenant", tenantId }).allowed;

const authorize = (standing: Standing, tenantId: string): Result<Limits> =>
  limitsOf(evaluate(standing, toBegin.provisioning, { tenantId }));

function readable(what: TaskToStart["what"]): Result<ScheduledRun> {
  const run = ScheduledRun.safeParse(what);
  return run.success
    ? succeed(run.data)
    : invalidRequest([{ pointer: "/provisioning", detail: "cannot be read any more" }]);
}

/** What has to fit into windows of a run that a task begins. */
function needsOf(what: TaskToStart["what"]): ReturnType<NonNullable<TaskStarter["needsOf"]>> {
  const run = readable(what);
  if (!run.ok || run.value.windows.ignored) return { longestRunMs: 0, cutoffMs: 0 };
  const { longestRun, cutoff } = run.value.windows;
  return { longestRunMs: durationMs(longestRun) ?? 0, cutoffMs: durationMs(cutoff) ?? 0 };
}

/** How tasks begin runs. */
export const runStarter = (
  { begin, stateOf, resultOf, preview }: Runs,
  { standingOf }: { readonly standingOf: (caller: Caller) => Promise<Standing> },
): TaskStarter => ({
  authorize,
  needsOf,
  async start(tenantId, runId, { what, ...by }) {
    const run = readable(what);
    if (!run.ok) return run;
    const may = authorize(await standingOf(by.owner), tenantId);
    return may.ok ? begin(tenantId, runId, run.value, by) : may;
  },
  async preview(tenantId, what, standing, { within, taskId }) {
    const run = readable(what);
    if (!run.ok) return run;
    const may = authorize(standing, tenantId);
    return may.ok ? preview(tenantId, run.value, { caller: standing.caller, within, taskId }) : may;
  },
  stateOf,
  resultOf: async (tenantId, runId, standing) =>
    isSeen(standing, tenantId) ? resultOf(tenantId, runId) : undefined,
});
