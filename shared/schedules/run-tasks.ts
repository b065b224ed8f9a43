/**
 * Runs what is due. A timer reads the due index once a minute and names what it finds in messages of fifty; each task is
 * then decided on by itself. What was decided of an occurrence is written before anything is begun, and the job is begun
 * under an id that follows from it: a second message, host or timer decides nothing anew and begins nothing twice.
 */
import * as z from "zod";
import type { Limits, Standing } from "../access/roles/decide.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import type { Clock, Instant } from "../kernel/clock.ts";
import { inChunks, inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { idFor } from "../kernel/values.ts";
import type { Queues } from "../storage/queues.ts";
import { lost, updateRow } from "../storage/tables.ts";
import { type CalendarBook, calendarPlaces } from "./calendars.ts";
import { type MaintenanceBook, nextGo } from "./maintenance.ts";
import {
  calendarsOf,
  type Due,
  dated,
  decideDue,
  rescheduled,
  runIdOf,
  type Task,
  type TaskKind,
  type TaskRun,
  type TenantRun,
} from "./state/task.ts";
import type { DuePlace, Stored, TaskStore } from "./state/task-store.ts";
import type { Occurrence } from "./times/recurrence.ts";

/** When work may begin by a task's own word, and what has to fit. */
export type TaskWindows = Pick<Task, "windows" | "longestRunMs" | "cutoffMs">;

/** A task as its kind begins it; its windows without the days that calendars exclude at this moment. */
export type TaskToStart = Pick<Task, "taskId" | "what" | "owner"> & TaskWindows;

/** How a kind of task is begun and watched. Its room has it. */
export type TaskStarter = {
  /** Whether somebody may begin it now; how far they reach, or why not. Pure. */
  authorize(standing: Standing, tenantId: string, what: Task["what"]): Result<Limits>;
  /** Begins what a task says under the id `runId`, for its owner; with the same id again it stays one. */
  start(tenantId: string, runId: string, task: TaskToStart): Promise<Result<unknown>>;
  /** How far the job of a run is; `none`: it was never begun. */
  stateOf(tenantId: string, runId: string): Promise<"none" | "underWay" | "ended">;
  /** The collection that all of it is for: its windows hold besides the tenant's. Pure. */
  collectionOf?(what: Task["what"]): string | undefined;
  /** What has to fit into windows because of what is begun. Pure. */
  needsOf?(what: Task["what"]): Omit<TaskWindows, "windows">;
  /** What became of a run that it began, and of those that followed from it; undefined where that is not theirs to see. */
  resultOf?(tenantId: string, runId: string, standing: Standing): Promise<TaskResult | undefined>;
  /** What it would do if it began now, as its kind shows it. */
  preview?(
    tenantId: string,
    what: Task["what"],
    standing: Standing,
    /** `taskId`: of the task that would say this; none where it is not kept yet. */
    of: { readonly within: TaskWindows; readonly taskId: string | undefined },
  ): Promise<Result<object>>;
};

/** Where the targets of a task's latest run stand by now. */
export type TaskResult = {
  /** The run, and those that took targets of it over since. */
  readonly runs: readonly string[];
  readonly total: number;
  readonly buckets: Readonly<Record<string, number>>;
  /** Known once all are at an end. */
  readonly verdict?: {
    readonly id: string;
    readonly name: { readonly en: string; readonly fr: string };
  };
};

/** What running tasks works with. */
export type TaskParts = {
  readonly store: TaskStore;
  readonly queues: Pick<Queues, "send">;
  readonly clock: Clock;
  readonly starters: Readonly<Record<TaskKind, TaskStarter>>;
  readonly maintenance: Pick<MaintenanceBook, "get">;
  readonly calendars: CalendarBook;
  readonly knows: (tenantId: string) => Promise<boolean>;
  readonly standingOf: (owner: Caller) => Promise<Standing>;
  /** Every tenant that is registered. */
  readonly tenantIds: () => AsyncIterable<string>;
};

/** The message that names tasks whose time has come. */
export const DueMessage = z.object({
  places: z
    .array(z.object({ tenantId: z.string(), taskId: z.string(), dueAt: z.number() }))
    .min(1)
    .max(50),
});

const placesPerMessage = 50;
const placesPerRead = 1000;
/** Nobody should find a place so old: the timer did not run, or whoever it told did not. */
const overdueMs = 10 * 60_000;

/** Names everything that is due in messages, while `mayGoOn`; answers how many, and how many of them are overdue. */
export async function tellDue(
  { store, queues, clock }: TaskParts,
  mayGoOn: () => boolean,
): Promise<{ readonly due: number; readonly overdue: number }> {
  const now = clock.now();
  let [due, overdue] = [0, 0];
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<TaskStore["due"]>> = await store.due(now, placesPerRead, token);
    for (let from = 0; from < page.places.length; from += placesPerMessage) {
      const places = page.places.slice(from, from + placesPerMessage);
      await queues.send("tasks-due", { places });
      overdue += places.filter(({ dueAt }) => dueAt < now - overdueMs).length;
    }
    due += page.places.length;
    token = page.next;
  } while (token !== undefined && mayGoOn());
  return { due, overdue };
}

/** Longer than a function may run (host.json): a worker that was at it then is not at it any more. */
const inHandMs = 6 * 60_000;

/** A task at its place, with the run that somebody may have died over. */
type Looked = {
  readonly found: Stored<Task>;
  readonly place: DuePlace;
  readonly open: TaskRun | undefined;
};

/** Decides on one task whose time has come, and begins what is to be begun. */
export async function runDue(parts: TaskParts, place: DuePlace): Promise<"ran" | "waits" | "none"> {
  const { store, clock } = parts;
  const { tenantId, taskId, dueAt } = place;
  if (tenantId === calendarPlaces) return await askUsers(parts, place);
  const found = (await parts.knows(tenantId)) ? await store.get(tenantId, taskId) : undefined;
  if (found === undefined) {
    await store.leave(place);
    return "none";
  }
  const task = found.value;
  const open = await openRun(parts, task);
  if (open?.began === true) {
    if (task.tenants === undefined) await store.settle(task, { ...open.run, outcome: "started" });
    else await begin(parts, task, open.run);
    await moveOn(parts, place, open.run.occurrence.at, runOf(open.run));
    return "ran";
  }
  if (task.next?.dueAt !== dueAt) return await passBy(parts, task, place, open?.run);
  const now = clock.now();
  const decided = await decide(parts, task, task.next.occurrence, now);
  return await doAs(parts, { found, place, open: open?.run }, decided, now);
}

/** Does what was decided of a task whose place has come. */
async function doAs(
  parts: TaskParts,
  { found, place, open }: Looked,
  decided: Due,
  now: Instant,
): Promise<"ran" | "waits" | "none"> {
  const { store } = parts;
  const { value: task } = found;
  const { waitUntil } = decided;
  if (waitUntil !== undefined && task.next !== undefined) {
    await writeMissed(store, task, decided, now);
    // Whoever was faster has moved it too.
    await store.replace(found, { ...task, next: { ...task.next, dueAt: waitUntil } });
    await store.leave(place);
    return "waits";
  }
  const run =
    decided.run && ({ runId: runIdOf(task, decided.run), occurrence: decided.run } as const);
  if (open !== undefined && open.runId !== run?.runId) {
    const { missed } = decided;
    const why = missed.find((each) => runIdOf(task, each.occurrence) === open.runId) ?? later;
    if (!(await settleMissed(parts, task, open, why))) return "waits";
  }
  await writeMissed(store, task, decided, now);
  const began =
    run !== undefined &&
    (await begin(parts, task, { v: 1, ...run, outcome: "starting", decidedAt: now }));
  await moveOn(parts, place, now, began ? runOf(run) : undefined);
  return began ? "ran" : "none";
}

/** Decides, with the calendars, windows and runs of the moment. A calendar that is gone begins nothing at all. */
async function decide(parts: TaskParts, task: Task, next: Occurrence, now: Instant): Promise<Due> {
  const named = calendarsOf(task);
  const calendars = await parts.calendars.of(named);
  if (calendars.size < named.length)
    return { missed: [{ occurrence: next, ...withoutCalendar }], more: 0 };
  const seen = dated(task, calendars);
  return decideDue(seen, now, {
    runsStill: await runsStill(parts, task),
    opensAt: (await opening(parts, seen))(now),
  });
}

const withoutCalendar = {
  code: "unknown-calendar",
  reason: "A calendar that the task names is not there any more.",
} as const;
const later = { code: "superseded", reason: "Later times came before anything could begin." };
const changed = { code: "changed", reason: "The task was changed before it could begin." };

const runOf = ({ runId, occurrence: { at } }: Pick<TaskRun, "runId" | "occurrence">) => ({
  runId,
  at,
});

const runsStill = async (parts: TaskParts, task: Task) =>
  task.overlap !== "allow" &&
  task.last !== undefined &&
  (await stateOf(parts, task, task.last.runId)) === "underWay";

/** How far a run is; one in many tenants is under way while it is in one of them. */
async function stateOf({ store, starters }: TaskParts, task: Task, runId: string) {
  const starter = starters[task.kind];
  if (task.tenants === undefined) return starter.stateOf(task.tenantId, runId);
  const runs = await store.runsIn(task, runId);
  const begun = runs.filter(({ outcome }) => outcome === "started");
  const states = await inParallel(begun, atOnce, (run) => starter.stateOf(run.tenantId, run.runId));
  if (runs.length === 0) return "none";
  return states.includes("underWay") ? "underWay" : "ended";
}

/**
 * When windows let a task begin: its own, the tenant's, and those of the collection that it is for. `spareMs`: what has to
 * fit besides its longest run, where it has one.
 */
export async function opening(
  { maintenance, starters }: Pick<TaskParts, "maintenance" | "starters">,
  task: Pick<
    Task,
    "tenantId" | "tenants" | "kind" | "what" | "windows" | "longestRunMs" | "cutoffMs"
  >,
  spareMs = 0,
): Promise<(now: Instant) => Instant | undefined> {
  const least = wantedBy(starters, task);
  const spared = (ms: number): number => (ms === 0 ? 0 : ms + spareMs);
  const { longestRunMs, cutoffMs } = least;
  const wanted = { ...least, longestRunMs: spared(longestRunMs), cutoffMs: spared(cutoffMs) };
  // Each of many tenants has windows of its own, asked for when it is its turn.
  if (task.tenants !== undefined) return (now) => nextGo(nobodys, wanted, [], now);
  const collectionId = starters[task.kind].collectionOf?.(task.what);
  const { value } = await maintenance.get(task.tenantId);
  return (now) => nextGo(value, wanted, collectionId === undefined ? [] : [collectionId], now);
}

/** A task's windows with what has to fit into them, by its own word and by that of what it begins. */
function wantedBy(
  starters: TaskParts["starters"],
  { kind, what, ...own }: Pick<Task, "kind" | "what"> & TaskWindows,
): TaskWindows {
  const { longestRunMs, cutoffMs } = starters[kind].needsOf?.(what) ?? own;
  return {
    windows: own.windows,
    longestRunMs: Math.max(own.longestRunMs, longestRunMs),
    cutoffMs: Math.max(own.cutoffMs, cutoffMs),
  };
}

/** The run that somebody decided on and has not told the end of, and whether its job was begun: always the newest. */
async function openRun(parts: TaskParts, task: Task) {
  const [run] = (await parts.store.runs(task, 1)).items;
  if (run?.outcome !== "starting") return undefined;
  const state = await stateOf(parts, task, run.runId);
  return { run, began: state !== "none" };
}

/** A place that its task has left: what was being begun then is told before the place goes. */
async function passBy(
  parts: TaskParts,
  task: Task,
  place: DuePlace,
  open: TaskRun | undefined,
): Promise<"waits" | "none"> {
  const isOpen = open !== undefined && open.occurrence.at <= place.dueAt;
  if (isOpen && !(await settleMissed(parts, task, open, changed))) return "waits";
  if (calendarsOf(task).length > 0) await recheck(parts, place);
  await parts.store.leave(place);
  return "none";
}

/** Has everybody who names a calendar that has changed looked at, a minute from now. */
async function askUsers({ store, calendars, clock }: TaskParts, place: DuePlace): Promise<"none"> {
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<CalendarBook["users"]>> = await calendars.users(
      place.taskId,
      token,
    );
    for (const users of inChunks(page.users, 100)) await store.place(users, clock.now());
    token = page.next;
  } while (token !== undefined);
  await store.leave(place);
  return "none";
}

/** Works out anew when a task runs next, where that lies ahead and its calendars say something else by now. */
async function recheck({ store, calendars, clock }: TaskParts, { tenantId, taskId }: DuePlace) {
  await updateRow(`task ${taskId}`, async () => {
    const found = await store.get(tenantId, taskId);
    const now = clock.now();
    if (found?.value.schedule.kind !== "recurring") return undefined;
    const { value } = found;
    const old = value.next;
    const next = rescheduled(value, now, await calendars.of(calendarsOf(value)));
    const isSame = next.next?.occurrence.at === old?.occurrence.at;
    if (isSame || (old !== undefined && old.occurrence.at <= now)) return undefined;
    if ((await store.replace(found, next)) === undefined) return lost;
    if (old !== undefined) await store.leave({ tenantId, taskId, dueAt: old.dueAt });
  });
}

/** Writes that a run was not begun after all, unless a worker may be about to: then it is asked again. */
async function settleMissed(
  { store, clock }: TaskParts,
  task: Task,
  run: TaskRun,
  { code, reason }: { readonly code: string; readonly reason: string },
): Promise<boolean> {
  if (clock.now() - run.decidedAt < inHandMs) return false;
  await store.settle(task, { ...run, outcome: "missed", code, reason });
  return true;
}

async function writeMissed(store: TaskStore, task: Task, { missed, more }: Due, now: Instant) {
  for (const [index, { occurrence, code, reason }] of missed.entries()) {
    const runId = runIdOf(task, occurrence);
    const told = index === 0 && more > 0 ? { more } : {};
    const run: TaskRun = {
      v: 1,
      runId,
      occurrence,
      outcome: "missed",
      code,
      reason,
      ...told,
      decidedAt: now,
    };
    await store.decide(task, run);
  }
}

/** Begins a run that was decided on, unless it was decided otherwise before; answers whether it has one. */
async function begin(parts: TaskParts, task: Task, run: TaskRun): Promise<boolean> {
  const { store, starters } = parts;
  const stands = await store.decide(task, run);
  if (stands.outcome !== "starting") return stands.outcome === "started";
  // A job that cannot be begun now, and could be later, throws: the message comes back.
  const begun =
    task.tenants === undefined
      ? await starters[task.kind].start(task.tenantId, run.runId, await datedNow(parts, task))
      : await beginInMany(parts, await datedNow(parts, task), run);
  const outcome = begun.ok
    ? { outcome: "started" as const }
    : { outcome: "failed" as const, code: begun.failure.code, reason: begun.failure.detail };
  await store.settle(task, { ...stands, ...outcome });
  return begun.ok;
}

/** The task without the days that its calendars exclude now. */
const datedNow = async ({ calendars }: TaskParts, task: Task): Promise<Task> =>
  dated(task, await calendars.of(calendarsOf(task)));

const nobodys = { windows: [], exclusions: [] };
/** Tenants that a run is begun in side by side. */
const atOnce = 8;
/** Well inside the function's time; what is left goes on when the message comes back. */
const manyMs = 120_000;

/**
 * Begins a linked job in each of many tenants, under an id that follows from run and tenant, and writes down what became
 * of it there; those that stand already are left. It has begun where it has in one of them.
 */
async function beginInMany(parts: TaskParts, task: Task, run: TaskRun): Promise<Result<unknown>> {
  const { store, clock } = parts;
  const until = clock.now() + manyMs;
  const known = new Set((await store.runsIn(task, run.runId)).map(({ tenantId }) => tenantId));
  const left = (await tenantsOf(parts, task)).filter((tenantId) => !known.has(tenantId));
  await inParallel(left, atOnce, async (tenantId) => {
    if (clock.now() > until) throw new Error(`run ${run.runId} goes on later`);
    await store.settleIn(task, run, await beginIn(parts, task, run, tenantId));
  });
  const runs = await store.runsIn(task, run.runId);
  return runs.some(({ outcome }) => outcome === "started")
    ? succeed(runs)
    : fail("forbidden", "It has begun in no tenant: each says why.");
}

/** The tenants of a run: of all, those in which the owner may at this moment. */
async function tenantsOf(parts: TaskParts, { tenants = [], kind, what, owner }: Task) {
  if (tenants !== "all") return tenants;
  const standing = await parts.standingOf(owner);
  const all = await Array.fromAsync(parts.tenantIds());
  return all.filter((tenantId) => parts.starters[kind].authorize(standing, tenantId, what).ok);
}

async function beginIn(
  { knows, maintenance, starters, clock }: TaskParts,
  task: Task,
  run: TaskRun,
  tenantId: string,
): Promise<TenantRun> {
  const { at, name } = run.occurrence;
  const runId = idFor(at, task.taskId, name, tenantId);
  const of = { tenantId, runId };
  if (!(await knows(tenantId)))
    return { ...of, outcome: "failed", code: "unknown-tenant", reason: "It is not registered." };
  const now = clock.now();
  const { value } = await maintenance.get(tenantId);
  if (nextGo(value, wantedBy(starters, task), [], now) !== now)
    return {
      ...of,
      outcome: "missed",
      code: "outside-windows",
      reason: "No window of the tenant was open that it fits into.",
    };
  const begun = await starters[task.kind].start(tenantId, runId, task);
  if (begun.ok) return { ...of, outcome: "started" };
  return { ...of, outcome: "failed", code: begun.failure.code, reason: begun.failure.detail };
}

/** Moves the task on to its next time after one, unless somebody has, and leaves the place. */
async function moveOn(
  { store, calendars }: TaskParts,
  place: DuePlace,
  after: Instant,
  last: Task["last"],
): Promise<void> {
  const { tenantId, taskId, dueAt } = place;
  await updateRow(`task ${taskId}`, async () => {
    const found = await store.get(tenantId, taskId);
    if (found === undefined) return undefined;
    const { value } = found;
    const isOurs = value.next?.dueAt === dueAt;
    const isNewer = last !== undefined && (value.last?.at ?? 0) < last.at;
    if (!isOurs && !isNewer) return undefined;
    const { next: _, ...rest } = value;
    const once = value.schedule.kind === "now" || value.schedule.kind === "at";
    const next = once ? rest : rescheduled(value, after, await calendars.of(calendarsOf(value)));
    const moved = isOurs ? next : value;
    return (await store.replace(found, last === undefined ? moved : { ...moved, last })) ?? lost;
  });
  await store.leave(place);
}
