/** What the API says about tasks. What a kind of task begins, its own room says. */
import * as z from "zod";
import { csvOf } from "../http/paging.ts";
import { durationMs, fromIso, toIso } from "../kernel/clock.ts";
import { Line } from "../kernel/outside-text.ts";
import { OwnId, TenantId } from "../kernel/values.ts";
import type { Maintenance } from "./maintenance.ts";
import type { TaskDraft, TaskPreview } from "./manage-tasks.ts";
import type { TaskResult } from "./run-tasks.ts";
import {
  runOutcomes,
  stateOf,
  type Task,
  type TaskRun,
  TenantRun,
  taskFolders,
  taskKinds,
  taskStates,
} from "./state/task.ts";

/** A task in the path. */
export const TaskPath = z.strictObject({ tenantId: TenantId, taskId: OwnId });

const instant = z.iso
  .datetime({ offset: true })
  .max(40)
  .transform((text, context) => fromIso(text) ?? (context.addIssue("is no moment"), z.NEVER));
const duration = (mostMs: number, most: string) =>
  z
    .string()
    .max(40)
    .transform((text, context) => {
      const ms = durationMs(text);
      if (ms !== undefined && ms <= mostMs) return ms;
      context.addIssue(`must be an ISO 8601 duration up to ${most}, such as PT1H`);
      return z.NEVER;
    })
    .meta({ type: "string", format: "duration" });

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const localDate = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/, "must be a local date or time, such as 2026-12-25")
  .max(16);

const RecurringBody = z.strictObject({
  kind: z.literal("recurring"),
  rule: Line.min(1).max(1000).describe("RFC 5545, such as FREQ=MONTHLY;BYDAY=2TU"),
  start: localDate.describe("The first time that may count, on the clock of the zone"),
  timeZone: Line.min(1).max(64).describe("IANA name, such as Europe/Paris"),
  excluded: z.array(localDate).max(366).optional().describe("Local dates or times without a run"),
  calendars: z
    .array(OwnId)
    .max(10)
    .optional()
    .describe("Shared calendars, whose dates on the clock of the zone are left out as well"),
});

/** A calendar in the path. */
export const CalendarPath = z.strictObject({ calendarId: OwnId });

/** Body of a calendar. */
export const CalendarBody = z.strictObject({
  displayName: Line.trim().min(1).max(200),
  dates: z
    .array(z.iso.date())
    .max(1000)
    .describe("Local dates, on the clock of whatever rule names the calendar"),
});

/** A calendar as the API shows it. */
export const CalendarView = z
  .object({
    calendarId: z.string(),
    displayName: z.string(),
    dates: z.array(z.string()),
    updatedAt: z.string(),
  })
  .meta({ id: "Calendar" });

const WindowBody = {
  opens: RecurringBody,
  minutes: z.int().min(1).max(10_080).describe("How long it stays open: elapsed time"),
};
const ofWhom = {
  displayName: Line.trim().min(1).max(200),
  collectionId: OwnId.optional().describe("Whose devices it is for; none: the whole tenant's"),
};
const cutoff = duration(dayMs, "PT24H")
  .default(0)
  .describe("Nothing begins so close to a window's end");

/** The maintenance windows of a tenant. */
export const MaintenanceBody = z.strictObject({
  windows: z
    .array(z.strictObject({ ...ofWhom, ...WindowBody, cutoff }))
    .max(100)
    .describe("Those of one collection add up, and so do those of the whole tenant"),
  exclusions: z
    .array(z.strictObject({ ...ofWhom, from: instant, to: instant }))
    .max(100)
    .default([])
    .describe("When nothing begins, whatever is open"),
});

/** The maintenance windows of a tenant as the API shows them. */
export const MaintenanceView = z
  .object({
    windows: z.array(z.record(z.string(), z.unknown())),
    exclusions: z.array(z.record(z.string(), z.unknown())),
  })
  .meta({ id: "MaintenanceWindows" });

/** What is kept of a body. */
export const maintenanceOf = ({
  windows,
  exclusions,
}: z.output<typeof MaintenanceBody>): Maintenance => ({
  windows: windows.map(({ cutoff: cutoffMs, ...window }) => ({ ...window, cutoffMs })),
  exclusions,
});

/** The view of what is kept. */
export const maintenanceView = ({ windows, exclusions }: Maintenance) => ({
  windows: windows.map(({ cutoffMs, ...window }) => ({
    ...window,
    cutoffSeconds: cutoffMs / 1000,
  })),
  exclusions: exclusions.map(({ from, to, ...each }) => ({
    ...each,
    from: toIso(from),
    to: toIso(to),
  })),
});

/** When a task runs. */
const ScheduleBody = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("now") }),
  z.strictObject({ kind: z.literal("at"), at: instant }),
  z.strictObject({
    kind: z.literal("everyMinutes"),
    minutes: z.int().min(5).max(527_040).describe("Elapsed time"),
    from: instant,
    until: instant.optional(),
  }),
  RecurringBody,
]);

/** What every task says, whatever it begins. */
export const taskFields = {
  displayName: Line.trim().min(1).max(200),
  tenants: z
    .union([z.literal("all"), z.array(TenantId).min(1).max(500)])
    .optional()
    .describe(
      "Where it does so: in these, or in all that its owner may at each run; none: in its own",
    ),
  schedule: ScheduleBody.default({ kind: "none" }),
  startLateUpTo: duration(31 * dayMs, "P31D")
    .default(hourMs)
    .describe("How late a run may begin; later it is missed, and said so"),
  overlap: z
    .enum(["forbid", "queue", "allow"])
    .default("forbid")
    .describe("While the run before is under way: none, one that waits, or one beside it"),
  windows: z
    .array(z.strictObject(WindowBody))
    .max(20)
    .default([])
    .describe("Maintenance windows; none: always"),
  longestRun: duration(7 * dayMs, "P7D")
    .default(0)
    .describe("Has to fit into the window"),
  cutoff,
  enabled: z.boolean().default(true),
  public: z.boolean().default(false).describe("Seen by everybody who may see tasks"),
};

/** What a body says of a task, with what it begins in the words of its kind. */
export const taskDraft = (
  body: z.output<z.ZodObject<typeof taskFields>>,
  begins: Pick<TaskDraft, "kind" | "what" | "whole">,
): TaskDraft => ({
  displayName: body.displayName,
  ...begins,
  ...(body.tenants === undefined
    ? {}
    : { tenants: body.tenants === "all" ? body.tenants : [...new Set(body.tenants)] }),
  schedule: body.schedule,
  startLateUpToMs: body.startLateUpTo,
  overlap: body.overlap,
  windows: body.windows,
  longestRunMs: body.longestRun,
  cutoffMs: body.cutoff,
  enabled: body.enabled,
  isPublic: body.public,
});

/** Body that schedules a task. */
export const ScheduleTask = z.strictObject({ schedule: ScheduleBody });

const named = z.object({ en: z.string(), fr: z.string() });

/** The folder that is asked for. */
export const FolderQuery = z
  .enum(Object.keys(taskFolders) as [keyof typeof taskFolders, ...(keyof typeof taskFolders)[]])
  .default("all")
  .describe("mine, public, all (mine and public), or users (everybody's: for administrators)");

/** Whose tasks. */
export const OwnerQuery = z
  .string()
  .min(1)
  .max(100)
  .toLowerCase()
  .optional()
  .describe("In the folder users: whose, by the `id` of an `owner`");

const OccurrenceView = z.object({
  at: z.string(),
  name: z.string().describe("What was meant, on the clock of its zone"),
  moved: z.boolean().describe("The clock jumps over the time that was meant"),
});

/** A task as the API shows it. */
export const TaskView = z
  .object({
    taskId: z.string(),
    tenantId: z.string(),
    displayName: z.string(),
    kind: z.enum(taskKinds),
    tenants: z.union([z.literal("all"), z.array(z.string())]).optional(),
    state: z.enum(
      Object.keys(taskStates) as [keyof typeof taskStates, ...(keyof typeof taskStates)[]],
    ),
    stateNames: named,
    waitsFor: z
      .array(z.enum(["target", "schedule"]))
      .describe("What it still needs before it runs"),
    notification: z.record(z.string(), z.unknown()).optional(),
    sync: z.record(z.string(), z.unknown()).optional(),
    provisioning: z.record(z.string(), z.unknown()).optional(),
    schedule: z.record(z.string(), z.unknown()),
    startLateUpToSeconds: z.number(),
    overlap: z.string(),
    windows: z.array(z.record(z.string(), z.unknown())),
    longestRunSeconds: z.number(),
    cutoffSeconds: z.number(),
    enabled: z.boolean(),
    public: z.boolean(),
    owner: z.object({ kind: z.string(), id: z.string(), name: z.string().optional() }),
    createdAt: z.string(),
    updatedAt: z.string(),
    next: z.object({ ...OccurrenceView.shape, lookedAtNext: z.string() }).optional(),
    lastRun: z.object({ runId: z.string(), at: z.string() }).optional(),
    result: z
      .object({
        verdict: z.object({ id: z.string(), name: named }).optional(),
        total: z.int(),
        buckets: z.record(z.string(), z.int()),
        runs: z.array(z.string()),
      })
      .optional()
      .describe(
        "Of one provisioning task: how the devices of its last run stand by now, each by its latest restart",
      ),
  })
  .meta({ id: "Task" });

/** A run as the API shows it. */
export const TaskRunView = z
  .object({
    runId: z
      .string()
      .describe("Also the id of what it began: a notification, a sync or a provisioning run"),
    occurrence: OccurrenceView,
    outcome: z.enum(runOutcomes),
    code: z.string().optional(),
    reason: z.string().optional(),
    notToldSingly: z.int().optional().describe("Earlier occurrences that were missed as well"),
    decidedAt: z.string(),
  })
  .meta({ id: "TaskRun" });

/** What a task would do. */
export const TaskPreviewView = z
  .object({
    value: z
      .array(
        z.object({
          ...OccurrenceView.shape,
          beginsAt: z.string().optional().describe("When its windows let it begin"),
          missed: z.literal("outside-windows").optional().describe("No window opens in time"),
        }),
      )
      .describe("Its next times"),
    notification: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("What a notification would do now: how many devices, by which routes"),
    provisioning: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("What a run would do now: devices, windows, requests, refusals, how long"),
  })
  .meta({ id: "TaskPreview" });

/** The view of what a task would do. */
export const taskPreviewView = (
  kind: Task["kind"],
  { times, wouldDo }: TaskPreview,
): z.output<typeof TaskPreviewView> => ({
  value: times.map(({ occurrence, beginsAt }) => ({
    ...shown(occurrence),
    ...(beginsAt === undefined
      ? { missed: "outside-windows" as const }
      : { beginsAt: toIso(beginsAt) }),
  })),
  ...(wouldDo && { [kind]: wouldDo }),
});

const shown = <T extends { readonly at: number }>(occurrence: T) => ({
  ...occurrence,
  at: toIso(occurrence.at),
});

/** Moments of a schedule as texts. */
const scheduleView = (schedule: Task["schedule"]): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(schedule).map(([name, value]) => [
      name,
      typeof value === "number" && name !== "minutes" ? toIso(value) : value,
    ]),
  );

/** The view of a task. */
export function taskView(task: Task, result?: TaskResult): z.output<typeof TaskView> {
  const { owner, next, last, kind, schedule } = task;
  const state = stateOf(task);
  return {
    taskId: task.taskId,
    tenantId: task.tenantId,
    displayName: task.displayName,
    kind,
    ...(task.tenants === undefined ? {} : { tenants: task.tenants }),
    state,
    stateNames: taskStates[state],
    waitsFor: [
      ...(task.whole ? [] : ["target" as const]),
      ...(schedule.kind === "none" ? ["schedule" as const] : []),
    ],
    [kind]: task.what,
    schedule: scheduleView(schedule),
    startLateUpToSeconds: task.startLateUpToMs / 1000,
    overlap: task.overlap,
    windows: task.windows,
    longestRunSeconds: task.longestRunMs / 1000,
    cutoffSeconds: task.cutoffMs / 1000,
    enabled: task.enabled,
    public: task.isPublic,
    owner: {
      kind: owner.kind,
      id: owner.oid,
      ...(owner.name === undefined ? {} : { name: owner.name }),
    },
    createdAt: toIso(task.createdAt),
    updatedAt: toIso(task.updatedAt),
    ...(next && { next: { ...shown(next.occurrence), lookedAtNext: toIso(next.dueAt) } }),
    ...(last && { lastRun: { runId: last.runId, at: toIso(last.at) } }),
    ...(result && {
      result: { ...result, buckets: { ...result.buckets }, runs: [...result.runs] },
    }),
  };
}

/** The view of a run. */
export function taskRunView(stored: TaskRun): z.output<typeof TaskRunView> {
  const { v: _, more, decidedAt, ...run } = stored;
  return {
    ...run,
    occurrence: shown(run.occurrence),
    ...(more ? { notToldSingly: more } : {}),
    decidedAt: toIso(decidedAt),
  };
}

/** A run in the path. */
export const TaskRunPath = TaskPath.extend({ runId: OwnId });

const tenants = z.int().describe("Tenants");
/** A run in many tenants: what became of it in each, and in all. */
export const TenantRunsView = z
  .object({
    counts: z
      .object({ total: tenants, started: tenants, missed: tenants, failed: tenants })
      .describe("Of the tenants that you see tasks of: adds up"),
    hidden: z.int().optional().describe("Tenants outside your scope"),
    value: z.array(
      z.object({
        ...TenantRun.shape,
        runId: z.string().describe("Also the id of the tenant's notification, sync or run"),
      }),
    ),
  })
  .meta({ id: "TenantRuns" });

/** The view of a run in many tenants, of those that somebody sees. */
export function tenantRunsView(
  runs: readonly TenantRun[],
  sees: (tenantId: string) => boolean,
): z.output<typeof TenantRunsView> {
  const value = runs.filter(({ tenantId }) => sees(tenantId));
  const counts = { total: value.length, started: 0, missed: 0, failed: 0 };
  for (const { outcome } of value) counts[outcome] += 1;
  const hidden = runs.length - value.length;
  return { counts, ...(hidden === 0 ? {} : { hidden }), value };
}

const runColumns = [
  "runId",
  "at",
  "name",
  "moved",
  "outcome",
  "code",
  "reason",
  "notToldSingly",
  "decidedAt",
];

/** All runs as one CSV document. */
export const taskRunsCsv = (runs: AsyncIterable<TaskRun>, bom: string | undefined) =>
  csvOf(runColumns, flatRuns(runs), bom);

async function* flatRuns(runs: AsyncIterable<TaskRun>) {
  for await (const run of runs) {
    const { occurrence, ...view } = taskRunView(run);
    yield { ...view, ...occurrence };
  }
}

/** All runs as lines of JSON. */
export async function* taskRunsLines(runs: AsyncIterable<TaskRun>) {
  for await (const run of runs) yield `${JSON.stringify(taskRunView(run))}\n`;
}
