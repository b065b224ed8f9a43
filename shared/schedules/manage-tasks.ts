/**
 * What people do with tasks: make, show, change, schedule and remove them. Whoever schedules or changes one becomes
 * its owner, since it runs with what its owner may do; a public one stays public, and shows among their own as well.
 */

import { setImmediate } from "node:timers/promises";
import type { Standing } from "../access/roles/decide.ts";
import { principalOf } from "../access/sign-in/caller.ts";
import { invalidRequest } from "../http/body.ts";
import type { Clock, Instant } from "../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { opening, type TaskParts } from "./run-tasks.ts";
import {
  calendarsOf,
  type DatesByCalendar,
  dated,
  inFolder,
  isOwner,
  rescheduled,
  sees,
  type Task,
  type TaskFolder,
  type TaskRun,
  timesOf,
} from "./state/task.ts";
import { maxTaskChars, type Stored, type TaskStore } from "./state/task-store.ts";
import { faultsOfSchedules, type Occurrence, type PlacedSchedule } from "./times/recurrence.ts";

/** Who asks: what they may, and whether everybody's tasks are theirs to see and change. */
export type Viewer = { readonly standing: Standing; readonly administers: boolean };

/** What a body says of a task, as its schema has read it. */
export type TaskDraft = Pick<
  Task,
  | "displayName"
  | "kind"
  | "what"
  | "whole"
  | "schedule"
  | "overlap"
  | "windows"
  | "enabled"
  | "isPublic"
  | "tenants"
> &
  Pick<Task, "startLateUpToMs" | "longestRunMs" | "cutoffMs">;

/** A change: the task as it is now with its etag, and as it was. */
export type ChangedTask = Stored<Task> & { readonly before: Task };

type Parts = Pick<
  TaskParts,
  "store" | "clock" | "starters" | "maintenance" | "calendars" | "knows"
>;

/** Which tasks: of a folder, and of everybody's those that one person or app owns. */
type TasksQuery = {
  readonly folder: TaskFolder;
  readonly owner?: string | undefined;
  readonly top: number;
  readonly token?: string | undefined;
};

/** What a task would do. */
export type TaskPreview = {
  /** Its next times; without `beginsAt`: no window opens in time. */
  readonly times: readonly { readonly occurrence: Occurrence; readonly beginsAt?: Instant }[];
  readonly wouldDo?: object;
};

/** How long a preview looks for further times: windows that hardly ever fit take long. */
const previewMs = 2_000;
/** How long a removal may take in its request; runs that are left go with their tenant. */
const removalMs = 5_000;

/** Tasks over their rows. */
export class TaskBook {
  readonly #store: TaskStore;
  readonly #clock: Clock;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#parts = parts;
  }

  /** Makes a task under an id; with the same id again it stays one. */
  async add(
    ids: Pick<Task, "tenantId" | "taskId">,
    draft: TaskDraft,
    viewer: Viewer,
  ): Promise<Result<Stored<Task>>> {
    const now = this.#clock.now();
    const { caller } = viewer.standing;
    const judged = await this.#judged(ids.tenantId, draft, viewer);
    if (!judged.ok) return judged;
    const made: Task = {
      v: 1,
      ...ids,
      ...draft,
      owner: caller,
      createdBy: principalOf(caller),
      createdAt: now,
      updatedAt: now,
    };
    await this.#parts.calendars.use(calendarsOf(made), made);
    await this.#store.insert(rescheduled(made, now, judged.value));
    const stored = await this.#store.get(ids.tenantId, ids.taskId);
    return stored === undefined ? unknownTask(ids.taskId) : succeed(stored);
  }

  /** The task, if it is there for the viewer. One that they may not see looks like none at all. */
  async get(
    { tenantId, taskId }: Pick<Task, "tenantId" | "taskId">,
    viewer: Viewer,
  ): Promise<Result<Stored<Task>>> {
    const stored = await this.#store.get(tenantId, taskId);
    return stored !== undefined && sees(stored.value, meOf(viewer), viewer.administers)
      ? succeed(stored)
      : unknownTask(taskId);
  }

  /** A page of a folder, newest first; a page may be short, and its link goes on. */
  async list(tenantId: string, { folder, owner, top, token }: TasksQuery, viewer: Viewer) {
    if (folder === "users" && !viewer.administers)
      return fail("forbidden", "User tasks are for administrators: it takes tasks.administer.");
    if (folder !== "users" && owner !== undefined)
      return invalidRequest([{ pointer: "/query/owner", detail: "goes with the folder users" }]);
    const page = await this.#store.page(tenantId, top, token);
    const items = page.items.filter(
      (task) =>
        inFolder(task, folder, meOf(viewer)) && (owner === undefined || task.owner.oid === owner),
    );
    return succeed(page.next === undefined ? { items } : { items, next: page.next });
  }

  /** Replaces what a task says, as its owner or an administrator, who becomes its owner. */
  replace(
    ids: Pick<Task, "tenantId" | "taskId">,
    draft: TaskDraft,
    viewer: Viewer,
    ifMatch: string | undefined,
  ) {
    return this.#change(ids, viewer, ifMatch, (task) => {
      if (draft.kind !== task.kind)
        return invalidRequest([{ pointer: "/kind", detail: `is ${task.kind}, and stays so` }]);
      if (!mayChange(task, viewer)) return notYours(task.taskId);
      // It runs with what its owner may do: nobody changes what somebody else's rights are used for.
      return succeed({ ...task, ...draft, owner: viewer.standing.caller });
    });
  }

  /** Gives a task its time. */
  schedule(
    ids: Pick<Task, "tenantId" | "taskId">,
    schedule: Task["schedule"],
    viewer: Viewer,
    ifMatch: string | undefined,
  ) {
    return this.#change(ids, viewer, ifMatch, (task) =>
      mayChange(task, viewer) || task.isPublic
        ? succeed({ ...task, schedule, enabled: true, owner: viewer.standing.caller })
        : notYours(task.taskId),
    );
  }

  async remove(
    ids: Pick<Task, "tenantId" | "taskId">,
    viewer: Viewer,
    ifMatch: string | undefined,
  ): Promise<Result<Task>> {
    const found = await this.#unchanged(ids, viewer, ifMatch);
    if (!found.ok) return found;
    if (!mayChange(found.value.value, viewer)) return notYours(ids.taskId);
    const until = this.#clock.now() + removalMs;
    const removed = await this.#store.remove(found.value, () => this.#clock.now() < until);
    return removed === "lost" ? changedMeanwhile(ids.taskId) : succeed(found.value.value);
  }

  /** What became of the latest run, as far as its kind tells; of one in many tenants each of them says so. */
  resultOf({ tenantId, tenants, kind, last }: Task, { standing }: Viewer) {
    return last === undefined || tenants !== undefined
      ? undefined
      : this.#parts.starters[kind].resultOf?.(tenantId, last.runId, standing);
  }

  runs(task: Task, top: number, token?: string) {
    return this.#store.runs(task, top, token);
  }

  /** What became of a run in each of the tenants that it is for. */
  runsIn(task: Task, runId: string) {
    return this.#store.runsIn(task, runId);
  }

  /** All of a task's runs, newest first. */
  async *allRuns(task: Task): AsyncGenerator<TaskRun> {
    let token: string | undefined;
    do {
      const page: Awaited<ReturnType<TaskStore["runs"]>> = await this.runs(task, 1000, token);
      yield* page.items;
      token = page.next;
    } while (token !== undefined);
  }

  /** What a task would do, without keeping it: when it runs next, and what it would do now. */
  async preview(
    tenantId: string,
    draft: TaskDraft,
    viewer: Viewer,
    { top, taskId }: { readonly top: number; readonly taskId?: string | undefined },
  ): Promise<Result<TaskPreview>> {
    if (taskId !== undefined) {
      const kept = await this.get({ tenantId, taskId }, viewer);
      if (!kept.ok) return kept;
    }
    const now = this.#clock.now();
    const judged = await this.#judged(tenantId, draft, viewer);
    if (!judged.ok) return judged;
    const seen = dated(draft, judged.value);
    const opensAt = await opening(this.#parts, { ...seen, tenantId });
    const times: TaskPreview["times"][number][] = [];
    for (const occurrence of timesOf(seen, now)) {
      const beginsAt = opensAt(occurrence.at);
      const isInTime = beginsAt !== undefined && beginsAt <= occurrence.at + draft.startLateUpToMs;
      times.push(isInTime ? { occurrence, beginsAt } : { occurrence });
      if (times.length === top || this.#clock.now() > now + previewMs) break;
      await setImmediate();
    }
    const starter = this.#parts.starters[draft.kind];
    if (!draft.whole || starter.preview === undefined) return succeed({ times });
    const would = await starter.preview(tenantId, draft.what, viewer.standing, {
      within: seen,
      taskId,
    });
    return would.ok ? succeed({ times, wouldDo: would.value }) : would;
  }

  async #change(
    ids: Pick<Task, "tenantId" | "taskId">,
    viewer: Viewer,
    ifMatch: string | undefined,
    changeOf: (task: Task) => Result<Task>,
  ): Promise<Result<ChangedTask>> {
    const found = await this.#unchanged(ids, viewer, ifMatch);
    if (!found.ok) return found;
    const before = found.value.value;
    const changed = changeOf(before);
    if (!changed.ok) return changed;
    const judged = await this.#judged(ids.tenantId, changed.value, viewer);
    if (!judged.ok) return judged;
    const now = this.#clock.now();
    const value = { ...rescheduled(changed.value, now, judged.value), updatedAt: now };
    await this.#parts.calendars.use(calendarsOf(value), ids);
    const etag = await this.#store.replace(found.value, value);
    if (etag === undefined) return changedMeanwhile(ids.taskId);
    const old = before.next?.dueAt ?? now;
    if (old > now && old !== value.next?.dueAt) await this.#store.leave({ ...ids, dueAt: old });
    return succeed({ value, etag, before });
  }

  async #unchanged(
    ids: Pick<Task, "tenantId" | "taskId">,
    viewer: Viewer,
    ifMatch: string | undefined,
  ) {
    const found = await this.get(ids, viewer);
    return found.ok && ifMatch !== undefined && ifMatch !== found.value.etag
      ? fail("precondition-failed", `The task ${ids.taskId} changed since you read it.`)
      : found;
  }

  /**
   * The calendars of a task as the viewer wants it, or why it cannot be so: every fault at once, and whether they might
   * do by hand what it does.
   */
  async #judged(
    tenantId: string,
    asked: TaskDraft,
    { standing }: Viewer,
  ): Promise<Result<DatesByCalendar>> {
    const now = this.#clock.now();
    const named = calendarsOf(asked);
    const calendars = await this.#parts.calendars.of(named);
    const draft = dated(asked, calendars);
    const windows = draft.windows.map(({ opens }, at) => ({
      schedule: opens,
      pointer: `/windows/${at}/opens`,
    }));
    const schedules = [{ schedule: draft.schedule, pointer: "/schedule" }, ...windows];
    const faults = faultsOfSchedules(schedules as readonly PlacedSchedule[], now);
    if (calendars.size < named.length)
      faults.push({ pointer: "/schedule/calendars", detail: "name a calendar that is none" });
    faults.push(...faultsOfMany(asked));
    if (JSON.stringify(asked).length > maxTaskChars)
      faults.push({ pointer: "", detail: `is over ${maxTaskChars} characters long` });
    if (faults.length > 0) return invalidRequest(faults);
    for (const each of Array.isArray(asked.tenants) ? asked.tenants : []) {
      if (!(await this.#parts.knows(each))) return unknownTenant(each);
      const mayThere = this.#parts.starters[draft.kind].authorize(standing, each, draft.what);
      if (!mayThere.ok) return unknownTenant(each);
    }
    const may = this.#parts.starters[draft.kind].authorize(standing, tenantId, draft.what);
    if (!may.ok) return may;
    const opensAt = await opening(this.#parts, { ...draft, tenantId }, lookedAtMs);
    return opensAt(now) === undefined ? invalidRequest([neverOpen]) : succeed(calendars);
  }
}

/** Tasks are looked at once a minute: what fits to the second would never begin. */
const lookedAtMs = 2 * 60_000;

const neverOpen: Fault = {
  pointer: "/windows",
  detail:
    "are never open long enough for longestRun and cutoff, with those of tenant and collection",
};

/** A list of devices or a collection is of one tenant. */
function faultsOfMany({ tenants, kind, what }: TaskDraft): Fault[] {
  if (tenants === undefined) return [];
  const target = what["target"] as { readonly kind?: string } | undefined;
  if (target !== undefined && target.kind !== "tenant")
    return [
      { pointer: `/${kind}/target`, detail: "must be the whole tenant, where a task names many" },
    ];
  const targets = (what["targets"] ?? {}) as Readonly<Record<string, readonly unknown[]>>;
  return ["deviceIds", "collectionIds"]
    .filter((list) => (targets[list] ?? []).length > 0)
    .map((list) => ({
      pointer: `/${kind}/targets/${list}`,
      detail: "must be none, where a task names many tenants: rules find devices in each",
    }));
}

const unknownTenant = (tenantId: string) =>
  fail("unknown-tenant", `There is no tenant ${tenantId} here for you.`);

const meOf = ({ standing: { caller } }: Viewer) => principalOf(caller);

const mayChange = (task: Task, viewer: Viewer): boolean =>
  viewer.administers || isOwner(task, meOf(viewer));

const notYours = (taskId: string) =>
  fail(
    "forbidden",
    `The task ${taskId} is public, but not yours: schedule it, and it becomes yours.`,
  );

/** Says that there is no such task. */
const unknownTask = (taskId: string) =>
  fail("unknown-task", `There is no task ${taskId} here for you.`);

const changedMeanwhile = (taskId: string) =>
  fail("precondition-failed", `The task ${taskId} changed meanwhile. Read it again.`);
