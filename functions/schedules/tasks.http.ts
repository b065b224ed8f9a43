/** Scheduled tasks: notifications, syncs and provisioning runs that begin by themselves, in the folders that people know. */
import * as z from "zod";
import { decide } from "../../shared/access/roles/decide.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { CsvQuery, PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { created, noContent, ok, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { OwnId } from "../../shared/kernel/values.ts";
import { ScheduledNotification } from "../../shared/notifications/contract.ts";
import { ScheduledRun } from "../../shared/provisioning/scheduled.ts";
import {
  FolderQuery,
  OwnerQuery,
  ScheduleTask,
  TaskPath,
  TaskPreviewView,
  TaskRunPath,
  TaskRunView,
  TaskView,
  TenantRunsView,
  taskDraft,
  taskFields,
  taskPreviewView,
  taskRunsCsv,
  taskRunsLines,
  taskRunView,
  taskView,
  tenantRunsView,
} from "../../shared/schedules/contract.ts";
import type { TaskBook, TaskDraft, Viewer } from "../../shared/schedules/manage-tasks.ts";
import { typeOf } from "../../shared/sync/catalogue/catalogue.ts";
import { ScheduledSync } from "../../shared/sync/contract.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly tasks: TaskBook };

/** A sync of a type that nobody knows would leave it out, night after night, and say that all went well. */
const TaskSync = ScheduledSync.superRefine(({ types = [] }, context) => {
  for (const [at, type] of types.entries())
    if (typeOf(type) === undefined)
      context.addIssue({
        code: "custom",
        path: ["types", at],
        message: "is no type of configuration",
      });
});

/** A task, with what it begins in the words of its kind. */
const TaskBody = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("notification"),
    notification: ScheduledNotification,
    ...taskFields,
  }),
  z.strictObject({ kind: z.literal("sync"), sync: TaskSync.prefault({}), ...taskFields }),
  z.strictObject({ kind: z.literal("provisioning"), provisioning: ScheduledRun, ...taskFields }),
]);

function draftOf(body: z.output<typeof TaskBody>): TaskDraft {
  const { kind } = body;
  switch (kind) {
    case "notification": {
      const what = body.notification;
      return taskDraft(body, { kind, what, whole: what.target !== undefined });
    }
    case "sync":
      return taskDraft(body, { kind, what: body.sync, whole: true });
    case "provisioning": {
      const what = body.provisioning;
      return taskDraft(body, { kind, what, whole: what.targets !== undefined });
    }
  }
}

function viewerOf(tools: Tools, tenantId: string): Viewer {
  const { standing } = signedInOf(tools);
  const administers = decide(standing, "tasks.administer", { kind: "tenant", tenantId }).allowed;
  return { standing, administers };
}

const pathOf = ({ tenantId, taskId }: z.output<typeof TaskPath>): string =>
  `/api/v1/tenants/${tenantId}/tasks/${taskId}`;
const answered = { description: "The task as it is now", body: TaskView, headers: ["ETag"] };

export const listTasksFunction = onHttp(
  operation({
    name: "tasks-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/tasks",
    summary: "List scheduled tasks of a folder, newest first",
    tag: "Tasks",
    params: TenantPath,
    query: z.strictObject({ ...PageQuery, folder: FolderQuery, owner: OwnerQuery }),
    answers: { 200: { description: "A page of tasks", body: pageOf(TaskView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools: Tools<Needs>) => {
    const { folder, owner, top, pageToken } = query;
    const list = `tasks of ${tenantId} ${folder} ${owner ?? ""}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const viewer = viewerOf(tools, tenantId);
    const wanted = { folder, owner, top, token: position.value };
    const page = await tools.services.tasks.list(tenantId, wanted, viewer);
    if (!page.ok) return page;
    const items = page.value.items.map((task) => taskView(task));
    return succeed(ok(pageBody(url, list, { ...page.value, items })));
  },
);

export const addTaskFunction = onHttp(
  operation({
    name: "tasks-add",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/tasks",
    summary: "Make a task; without a target or a time it waits in the list",
    tag: "Tasks",
    idempotent: true,
    params: TenantPath,
    body: TaskBody,
    answers: { 201: { description: "Made", body: TaskView, headers: ["Location", "ETag"] } },
  }),
  async ({ params: { tenantId }, body, seed }, tools: Tools<Needs>) => {
    const ids = { tenantId, taskId: seed };
    const added = await tools.services.tasks.add(ids, draftOf(body), viewerOf(tools, tenantId));
    if (!added.ok) return added;
    const { value, etag } = added.value;
    signedInOf(tools).note({ object: `task/${seed}`, after: taskView(value) });
    return succeed(created(pathOf(ids), taskView(value), etag));
  },
);

export const previewTaskFunction = onHttp(
  operation({
    name: "tasks-preview",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/tasks/preview",
    summary: "Show when a task would run, and what it would do now, without keeping it",
    tag: "Tasks",
    params: TenantPath,
    query: z.strictObject({
      top: z.coerce.number().int().min(1).max(100).default(10),
      taskId: OwnId.optional().describe("The task that would say this: `only` goes by its runs"),
    }),
    body: TaskBody,
    answers: { 200: { description: "What it would do", body: TaskPreviewView } },
  }),
  async ({ params: { tenantId }, body, query }, tools: Tools<Needs>) => {
    const viewer = viewerOf(tools, tenantId);
    // A POST for the body's sake: it changes nothing.
    signedInOf(tools).note({ unchanged: true });
    const found = await tools.services.tasks.preview(tenantId, draftOf(body), viewer, query);
    return found.ok ? succeed(ok(taskPreviewView(body.kind, found.value))) : found;
  },
);

export const getTaskFunction = onHttp(
  operation({
    name: "tasks-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/tasks/{taskId}",
    summary: "Show a task, and what became of its last run",
    tag: "Tasks",
    params: TaskPath,
    answers: { 200: { ...answered, description: "The task" } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { tasks } = tools.services;
    const viewer = viewerOf(tools, params.tenantId);
    const found = await tasks.get(params, viewer);
    if (!found.ok) return found;
    const { value, etag } = found.value;
    return succeed(ok(taskView(value, await tasks.resultOf(value, viewer)), etag));
  },
);

export const replaceTaskFunction = onHttp(
  operation({
    name: "tasks-replace",
    method: "PUT",
    path: "api/v1/tenants/{tenantId}/tasks/{taskId}",
    summary: "Replace what a task says; its next time is worked out anew",
    tag: "Tasks",
    conditional: true,
    params: TaskPath,
    body: TaskBody,
    answers: { 200: answered },
  }),
  async ({ params, body, ifMatch }, tools: Tools<Needs>) => {
    const viewer = viewerOf(tools, params.tenantId);
    const changed = await tools.services.tasks.replace(params, draftOf(body), viewer, ifMatch);
    if (!changed.ok) return changed;
    const { value, etag, before } = changed.value;
    const noted = { before: taskView(before), after: taskView(value) };
    signedInOf(tools).note({ object: `task/${params.taskId}`, ...noted });
    return succeed(ok(taskView(value), etag));
  },
);

export const scheduleTaskFunction = onHttp(
  operation({
    name: "tasks-schedule",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/tasks/{taskId}/schedule",
    summary: "Give a task its time; whoever schedules a public task becomes its owner",
    tag: "Tasks",
    conditional: true,
    params: TaskPath,
    body: ScheduleTask,
    answers: { 200: answered },
  }),
  async ({ params, body, ifMatch }, tools: Tools<Needs>) => {
    const viewer = viewerOf(tools, params.tenantId);
    const changed = await tools.services.tasks.schedule(params, body.schedule, viewer, ifMatch);
    if (!changed.ok) return changed;
    const { value, etag, before } = changed.value;
    const noted = { before: taskView(before), after: taskView(value) };
    signedInOf(tools).note({ object: `task/${params.taskId}`, ...noted });
    return succeed(ok(taskView(value), etag));
  },
);

export const getTaskRunFunction = onHttp(
  operation({
    name: "tasks-run-tenants",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/tasks/{taskId}/runs/{runId}/tenants",
    summary: "Show what became of a run in each of many tenants, and in all of them",
    tag: "Tasks",
    params: TaskRunPath,
    answers: { 200: { description: "The run, tenant by tenant", body: TenantRunsView } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { tasks } = tools.services;
    const viewer = viewerOf(tools, params.tenantId);
    const found = await tasks.get(params, viewer);
    if (!found.ok) return found;
    const runs = await tasks.runsIn(found.value.value, params.runId);
    const sees = (tenantId: string) =>
      decide(viewer.standing, "tasks.read", { kind: "tenant", tenantId }).allowed;
    return succeed(ok(tenantRunsView(runs, sees)));
  },
);

export const removeTaskFunction = onHttp(
  operation({
    name: "tasks-remove",
    method: "DELETE",
    path: "api/v1/tenants/{tenantId}/tasks/{taskId}",
    summary: "Remove a task with the list of its runs; what it has begun goes on",
    tag: "Tasks",
    conditional: true,
    params: TaskPath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params, ifMatch }, tools: Tools<Needs>) => {
    const viewer = viewerOf(tools, params.tenantId);
    const removed = await tools.services.tasks.remove(params, viewer, ifMatch);
    if (!removed.ok) return removed;
    const noted = { before: taskView(removed.value), after: null };
    signedInOf(tools).note({ object: `task/${params.taskId}`, ...noted });
    return succeed(noContent());
  },
);

export const listTaskRunsFunction = onHttp(
  operation({
    name: "tasks-runs",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/tasks/{taskId}/runs",
    summary:
      "List what became of a task's times, newest first; with Accept: text/csv or application/x-ndjson all of them",
    tag: "Tasks",
    params: TaskPath,
    query: z.strictObject({ ...PageQuery, ...CsvQuery }),
    answers: {
      200: {
        description: "A page of runs",
        body: pageOf(TaskRunView),
        also: ["text/csv", "application/x-ndjson"],
      },
    },
  }),
  async ({ params, query, url, accept }, tools: Tools<Needs>) => {
    const found = await tools.services.tasks.get(params, viewerOf(tools, params.tenantId));
    if (!found.ok) return found;
    const all = tools.services.tasks.allRuns(found.value.value);
    if (accept.includes("text/csv"))
      return succeed(streamed("text/csv; charset=utf-8", taskRunsCsv(all, query.bom)));
    if (accept.includes("application/x-ndjson"))
      return succeed(streamed("application/x-ndjson; charset=utf-8", taskRunsLines(all)));
    const list = `runs of ${params.tenantId} ${params.taskId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await tools.services.tasks.runs(found.value.value, query.top, position.value);
    return succeed(ok(pageBody(url, list, { ...page, items: page.items.map(taskRunView) })));
  },
);
