/** A task as pages work with it: what it says, in the shape that the API takes back, and what whoever looks may do with it. */
import type { BodyOf, CallInput } from "../../../clients/api.ts";
import { useMay, useMe } from "../../api/me.ts";
import { useRead } from "../../api/read.ts";

/** A task as the API shows it. */
export type Task = BodyOf<"GET /api/v1/tenants/{tenantId}/tasks/{taskId}">;
/** A task as the API takes it. */
export type TaskBody = CallInput<"PUT /api/v1/tenants/{tenantId}/tasks/{taskId}">["body"];
export type Schedule = NonNullable<TaskBody["schedule"]>;
export type Recurring = Extract<Schedule, { readonly kind: "recurring" }>;

/** Reads one. */
export const useTask = (tenantId: string, taskId: string) =>
  useRead(
    "GET /api/v1/tenants/{tenantId}/tasks/{taskId}",
    { params: { tenantId, taskId } },
    { every: () => 10, enabled: taskId !== "" },
  );

const duration = (seconds: number): string => `PT${seconds}S`;

/** All that a task says, with what is changed. */
export function bodyOf(task: Task, change: Readonly<Record<string, unknown>> = {}): TaskBody {
  const { kind, displayName, tenants, schedule, overlap, windows, enabled } = task;
  const all = {
    kind,
    displayName,
    ...(tenants === undefined ? {} : { tenants }),
    [kind]: task[kind],
    schedule,
    overlap,
    windows,
    enabled,
    public: task.public,
    startLateUpTo: duration(task.startLateUpToSeconds),
    longestRun: duration(task.longestRunSeconds),
    cutoff: duration(task.cutoffSeconds),
    ...change,
  };
  // The view and the body of a task have the same members; their types do not know of each other.
  return all as unknown as TaskBody;
}

/** Which of its targets a task is for at each time, by what its runs have left undone. */
export const choices = ["all", "notSucceeded", "failed", "notAttempted"] as const;
export type Choice = (typeof choices)[number];

/** What a provisioning task says of that. */
export const choiceOf = ({ provisioning }: Task): Choice =>
  choices.find((each) => each === provisioning?.["only"]) ?? "all";

/** Whom a run is for, by any of these ways together. */
export type Targets = {
  readonly deviceIds: readonly string[];
  readonly collectionIds: readonly string[];
  readonly rules: readonly unknown[];
};

/** The targets of a provisioning task. */
export function targetsOf({ provisioning }: Task): Targets {
  const targets = (provisioning?.["targets"] ?? {}) as Partial<Targets>;
  const { deviceIds = [], collectionIds = [], rules = [] } = targets;
  return { deviceIds, collectionIds, rules };
}

const count = ({ deviceIds, collectionIds, rules }: Targets): number =>
  deviceIds.length + collectionIds.length + rules.length;

/** The task with these targets. What has run once does not begin again because of them: it waits for a new time. */
export function withTargets(task: Task, targets: Targets): TaskBody {
  const { targets: _, ...rest } = task.provisioning ?? {};
  const isOver = task.state === "done" && task.schedule["kind"] !== "recurring";
  return bodyOf(task, {
    provisioning: { ...rest, ...(count(targets) > 0 && { targets }) },
    ...(isOver && { schedule: { kind: "none" } }),
  });
}

/** Targets together, each once. */
export function joined(targets: Targets, more: Partial<Targets>): Targets {
  const both = (name: "deviceIds" | "collectionIds") => [
    ...new Set([...targets[name], ...(more[name] ?? [])]),
  ];
  const rules = [...targets.rules, ...(more.rules ?? [])].map((rule) => JSON.stringify(rule));
  return {
    deviceIds: both("deviceIds"),
    collectionIds: both("collectionIds"),
    rules: [...new Set(rules)].map((rule): unknown => JSON.parse(rule)),
  };
}

/** Says of a task whether it is one's own, and what one may do with it. */
export function useRights(tenantId: string) {
  const may = useMay();
  const { body: me } = useMe();
  const mayMake = may("tasks.manage", tenantId);
  const administers = may("tasks.administer", tenantId);
  return ({ owner, public: isPublic }: Task) => {
    const isMine = owner.id === me?.objectId;
    return {
      isMine,
      /** Change and remove it; who schedules a public one may do no more than that. */
      mayChange: mayMake && (isMine || administers),
      maySchedule: mayMake && (isMine || administers || isPublic),
    };
  };
}
