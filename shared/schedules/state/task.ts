/**
 * Tasks: what is to be done, to what, and when, kept until somebody deletes it. A task without a target or without a time
 * waits in the list. What one does is a job of another room, which hands in how it is begun (`TaskStarter`).
 *
 * A task's row says when it runs next; the due index beside it is partitioned by the minute, so that a timer reads what is
 * due and nothing else. A run has an id that follows from task and occurrence, and a row that is written before anything
 * is begun: whoever comes second finds it, and begins the same job under the same id, which is once.
 */
import * as z from "zod";
import type { Caller, Principal } from "../../access/sign-in/caller.ts";
import { principalOf, samePrincipal } from "../../access/sign-in/caller.ts";
import type { Instant } from "../../kernel/clock.ts";
import { idFor } from "../../kernel/values.ts";
import { type Occurrence, occurrencesAfter, type Schedule } from "../times/recurrence.ts";

/** What a task begins. */
export const taskKinds = ["notification", "sync", "provisioning"] as const;
export type TaskKind = (typeof taskKinds)[number];

const moment = z.number();
const texts = z.array(z.string()).optional();
/** A rule as it is kept. */
export const recurring = z.object({
  kind: z.literal("recurring"),
  rule: z.string(),
  start: z.string(),
  timeZone: z.string(),
  excluded: texts,
  calendars: texts,
});
const schedule = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  z.object({ kind: z.literal("now") }),
  z.object({ kind: z.literal("at"), at: moment }),
  z.object({
    kind: z.literal("everyMinutes"),
    minutes: z.number(),
    from: moment,
    until: moment.optional(),
  }),
  recurring,
]);
const principal = z.object({ kind: z.string(), homeTenantId: z.string(), id: z.string() });
const occurrence = z.object({ at: moment, name: z.string(), moved: z.boolean() });

/** A task as it is kept. */
export const Task = z.object({
  v: z.literal(1),
  taskId: z.string(),
  tenantId: z.string(),
  displayName: z.string(),
  kind: z.enum(taskKinds),
  /** Where it does so; absent: in its own tenant. `all`: wherever its owner may at the moment of a run. */
  tenants: z.union([z.literal("all"), z.array(z.string())]).optional(),
  /** What is begun, in the words of its kind; a target may be missing. */
  what: z.record(z.string(), z.unknown()),
  /** Whether nothing is missing in `what`. */
  whole: z.boolean(),
  schedule,
  /** How late a run may begin; later it is missed. */
  startLateUpToMs: z.number(),
  /** What becomes of a run while the one before is under way. */
  overlap: z.enum(["forbid", "queue", "allow"]),
  windows: z.array(z.object({ opens: recurring, minutes: z.number() })),
  longestRunMs: z.number(),
  cutoffMs: z.number(),
  enabled: z.boolean(),
  isPublic: z.boolean(),
  /** Whoever scheduled it, as they were signed in: what they may do is decided again for each run. */
  owner: z.custom<Caller>((value) => typeof value === "object" && value !== null),
  createdBy: principal,
  createdAt: moment,
  updatedAt: moment,
  /** When it runs next, and when that is looked at: later than its time while it waits. */
  next: z.object({ occurrence, dueAt: moment }).optional(),
  last: z.object({ runId: z.string(), at: moment }).optional(),
});
export type Task = z.output<typeof Task>;

// Shared calendars: a rule names them, and leaves their dates out.

/** Dates of calendars, by their ids. */
export type DatesByCalendar = ReadonlyMap<string, readonly string[]>;
type Rule = z.output<typeof recurring>;
type Ruled = Pick<Task, "windows"> & Partial<Pick<Task, "schedule">>;

/** The calendars that a task or windows name. */
export const calendarsOf = ({ schedule: own, windows }: Ruled): string[] => [
  ...new Set(
    [...(own?.kind === "recurring" ? [own] : []), ...windows.map(({ opens }) => opens)].flatMap(
      ({ calendars = [] }) => calendars,
    ),
  ),
];

/** The same, with the dates of its calendars left out. */
export function dated<T extends Ruled>(all: T, calendars: DatesByCalendar): T {
  const datedRule = (rule: Rule): Rule => ({
    ...rule,
    excluded: [
      ...(rule.excluded ?? []),
      ...(rule.calendars ?? []).flatMap((id) => calendars.get(id) ?? []),
    ],
  });
  const windows = all.windows.map((window) => ({ ...window, opens: datedRule(window.opens) }));
  const { schedule: own } = all;
  return { ...all, windows, ...(own?.kind === "recurring" && { schedule: datedRule(own) }) };
}

/** What became of an occurrence. */
export const runOutcomes = ["starting", "started", "missed", "failed"] as const;

/** A run, or an occurrence that had none. */
export const TaskRun = z.object({
  v: z.literal(1),
  runId: z.string(),
  occurrence,
  outcome: z.enum(runOutcomes),
  /** Why there was none. */
  code: z.string().optional(),
  reason: z.string().optional(),
  /** Earlier occurrences that are not told one by one. */
  more: z.number().optional(),
  decidedAt: moment,
});
export type TaskRun = z.output<typeof TaskRun>;

/** Where a task stands, in words for people. */
export const taskStates = {
  waiting: { en: "Not scheduled", fr: "Non planifiée" },
  disabled: { en: "Disabled", fr: "Désactivée" },
  scheduled: { en: "Scheduled", fr: "Planifiée" },
  done: { en: "Done", fr: "Terminée" },
} as const;
export type TaskState = keyof typeof taskStates;

/** Where a task stands. Pure, as everything here. */
export function stateOf({ whole, schedule: { kind }, enabled, next }: Task): TaskState {
  if (!whole || kind === "none") return "waiting";
  if (!enabled) return "disabled";
  return next === undefined ? "done" : "scheduled";
}

/** The times of a task after a moment, in order; maybe without end. */
export function* timesOf(
  { schedule: own }: Pick<Task, "schedule">,
  after: Instant,
): Generator<Occurrence> {
  if (own.kind === "now") yield { at: after, name: new Date(after).toISOString(), moved: false };
  else yield* occurrencesAfter(own as Schedule, after);
}

/** The task with its next time after a moment, as its schedule says it now. */
export function rescheduled(from: Task, after: Instant, calendars: DatesByCalendar): Task {
  const { next: _, ...task } = from;
  if (!task.whole || !task.enabled) return task;
  const next: Occurrence | undefined =
    timesOf(dated(task, calendars), after).next().value ?? undefined;
  return next === undefined ? task : { ...task, next: { occurrence: next, dueAt: next.at } };
}

/** The id of an occurrence's run, and of the job that it begins: newest first, and the same for whoever works it out. */
export const runIdOf = ({ taskId }: Task, { at, name }: Occurrence): string =>
  idFor(at, taskId, name);

/** What became of a run in one of many tenants. */
export const TenantRun = z.object({
  tenantId: z.string(),
  /** Of the tenant's job. */
  runId: z.string(),
  outcome: z.enum(["started", "missed", "failed"]),
  code: z.string().optional(),
  reason: z.string().optional(),
});
export type TenantRun = z.output<typeof TenantRun>;

// Folders, as the page has them.

/** What the list shows. */
export const taskFolders = {
  mine: { en: "My tasks", fr: "Mes tâches" },
  public: { en: "Public tasks", fr: "Tâches publiques" },
  all: { en: "All tasks", fr: "Toutes les tâches" },
  users: { en: "User tasks", fr: "Tâches utilisateur" },
} as const;
export type TaskFolder = keyof typeof taskFolders;

export const isOwner = ({ owner }: Task, viewer: Principal): boolean =>
  samePrincipal(principalOf(owner), viewer);

/** Whether a viewer may see a task at all; `administers`: everybody's. */
export const sees = (task: Task, viewer: Principal, administers: boolean): boolean =>
  task.isPublic || administers || isOwner(task, viewer);

/** Whether a task lies in a folder of the viewer. */
export function inFolder(task: Task, folder: TaskFolder, viewer: Principal): boolean {
  switch (folder) {
    case "mine":
      return isOwner(task, viewer);
    case "public":
      return task.isPublic;
    case "all":
      return task.isPublic || isOwner(task, viewer);
    case "users":
      return true;
  }
}

// What becomes of a task whose time has come.

/** An occurrence that has no run, and why. */
export type Missed = {
  readonly occurrence: Occurrence;
  readonly code:
    | "superseded"
    | "too-late"
    | "outside-windows"
    | "overlap"
    | "excluded"
    | "unknown-calendar";
  readonly reason: string;
};

/** The decision: at most one run, however many were missed. */
export type Due = {
  readonly missed: readonly Missed[];
  /** Earlier ones that are only counted. */
  readonly more: number;
  readonly run?: Occurrence;
  /** Nothing yet: the same is asked again then. */
  readonly waitUntil?: Instant;
};

/** What else a decision takes. */
export type Known = {
  /** The run before has not ended. */
  readonly runsStill: boolean;
  /** When windows let it begin: now, later, or never. */
  readonly opensAt: Instant | undefined;
};

/** Most that are told one by one. */
const maxTold = 50;
/** How often it is asked whether the run before has ended. */
const overlapMs = 60_000;

/**
 * Decides on the occurrences of a task up to `now`: the latest one runs, where it is not too late for it, a window is
 * open (or opens in time), and the one before has ended or need not have.
 */
export function decideDue(task: Task, now: Instant, known: Known): Due {
  if (task.next === undefined) return { missed: [], more: 0 };
  const earlier: Occurrence[] = [];
  let latest = task.next.occurrence;
  let more = 0;
  for (const later of occurrencesAfter(task.schedule as Schedule, latest.at)) {
    if (later.at > now) break;
    earlier.push(latest);
    if (earlier.length > maxTold) {
      earlier.shift();
      more += 1;
    }
    latest = later;
  }
  const superseded = earlier.map((each) => missed(each, "superseded", supersededBy(latest)));
  const decided = decideLatest(task, latest, now, known);
  return "code" in decided
    ? { missed: [...superseded, decided], more }
    : { missed: superseded, more, ...decided };
}

function decideLatest(
  task: Task,
  latest: Occurrence,
  now: Instant,
  { runsStill, opensAt }: Known,
): Missed | { readonly run: Occurrence } | { readonly waitUntil: Instant } {
  if (isExcluded(task, latest))
    return missed(latest, "excluded", "A calendar that the task names has excluded its day since.");
  const lastStart = latest.at + task.startLateUpToMs;
  if (now > lastStart)
    return missed(
      latest,
      "too-late",
      `It was looked at ${minutesOf(now - latest.at)} late, and may begin at most ${minutesOf(task.startLateUpToMs)} late.`,
    );
  if (opensAt === undefined || opensAt > lastStart)
    return missed(
      latest,
      "outside-windows",
      `No maintenance window that it fits into opens within ${minutesOf(task.startLateUpToMs)} of its time.`,
    );
  if (opensAt > now) return { waitUntil: opensAt };
  if (!runsStill || task.overlap === "allow") return { run: latest };
  if (task.overlap === "forbid")
    return missed(latest, "overlap", "The run before was still under way.");
  return now + overlapMs > lastStart
    ? missed(latest, "overlap", "The run before was still under way when it could have begun last.")
    : { waitUntil: now + overlapMs };
}

const isExcluded = ({ schedule: own }: Task, { name }: Occurrence): boolean =>
  own.kind === "recurring" && own.excluded?.includes(name.slice(0, 10)) === true;

const missed = (each: Occurrence, code: Missed["code"], reason: string): Missed => ({
  occurrence: each,
  code,
  reason,
});

const supersededBy = ({ name }: Occurrence): string =>
  `Nothing ran from its time until ${name}, which stands for it.`;

const minutesOf = (ms: number): string => `${Math.round(ms / 60_000)} minutes`;
