/** Runs of templates: begins them, shows how far they are and what was tried, stops them and lets them go on. */
import * as z from "zod";
import type { Caller } from "../../shared/access/sign-in/caller.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { changeJob } from "../../shared/fanout/care/control.ts";
import { operation } from "../../shared/http/operation.ts";
import { CsvQuery, PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { accepted, ok, ongoing, streamed } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { DeviceId, OwnId, TenantId } from "../../shared/kernel/values.ts";
import {
  AttemptView,
  DeviceRunDetail,
  DeviceRunPath,
  DeviceRunView,
  NewRun,
  OutputPath,
  OutputView,
  RunPath,
  RunPreview,
  RunView,
} from "../../shared/provisioning/contract.ts";
import { previewRun } from "../../shared/provisioning/preview-run.ts";
import {
  deviceRuns,
  findRun,
  historyCsv,
  historyLines,
  historyPage,
  listDeviceRuns,
  listRuns,
  readDeviceRun,
  readOutput,
  runView,
  unknownRun,
} from "../../shared/provisioning/read-runs.ts";
import { latestOf } from "../../shared/provisioning/restart/offer.ts";
import { buckets, type Run } from "../../shared/provisioning/run.ts";
import { type RunParts, startRun } from "../../shared/provisioning/start-run.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly provision: RunParts };

const tag = "Provisioning";
const begun = {
  description: "Taken; watch it at Location",
  body: RunView,
  headers: ["Location", "Retry-After"],
};
const pathOf = ({ tenantId, jobId }: Pick<Run, "tenantId" | "jobId">): string =>
  `/api/v1/tenants/${tenantId}/provisioning-runs/${jobId}`;

const callerOf = (tools: Tools): Caller => signedInOf(tools).caller;

export const startRunFunction = onHttp(
  operation({
    name: "provisioning-runs-start",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/provisioning-runs",
    summary: "Run a template on devices, or with dryRun=true say what would happen",
    tag,
    idempotent: true,
    params: TenantPath,
    query: z.strictObject({
      dryRun: z
        .enum(["true", "false"])
        .default("false")
        .transform((text) => text === "true")
        .describe("Only say what would happen"),
    }),
    body: NewRun,
    answers: { 200: { description: "What would happen (dry run)", body: RunPreview }, 202: begun },
  }),
  async ({ params: { tenantId }, query, body, seed }, tools: Tools<Needs>) => {
    const { provision } = tools.services;
    const { note } = signedInOf(tools);
    const caller = callerOf(tools);
    if (query.dryRun) {
      note({ unchanged: true });
      const would = await previewRun(provision, tenantId, body, { caller });
      return would.ok ? succeed(ok(would.value)) : would;
    }
    const begin = { caller, cause: "manual" as const };
    const started = await startRun(provision, tenantId, seed, body, begin);
    if (!started.ok) return started;
    const view = await runView(provision, started.value);
    const { total, template, actions } = view;
    note({ object: `run/${seed}`, after: { ...body, template, actions, total } });
    tools.log("provisioning.start", { tenantId, runId: seed, templateId: body.templateId });
    return succeed(accepted(pathOf(started.value), view));
  },
);

/** Each unfinished one costs reads of its own, so that a page of them stays small. */
const maxTop = 50;
const runsQuery = { ...PageQuery, top: z.coerce.number().int().min(1).max(maxTop).default(20) };

export const listRunsFunction = onHttp(
  operation({
    name: "provisioning-runs-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/provisioning-runs",
    summary: "List a tenant's runs, newest first, also of one template or one task",
    tag,
    params: TenantPath,
    query: z.strictObject({
      ...runsQuery,
      templateId: OwnId.optional(),
      taskId: OwnId.optional().describe("With the restarts of its runs"),
    }),
    answers: { 200: { description: "A page of runs", body: pageOf(RunView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools: Tools<Needs>) => {
    const { top, pageToken, templateId, taskId } = query;
    const list = `provisioning runs ${tenantId} ${templateId ?? ""} ${taskId ?? ""}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const wanted = { top, token: position.value, templateId, taskId };
    const page = await listRuns(tools.services.provision, tenantId, wanted);
    return succeed(ok(pageBody(url, list, page)));
  },
);

export const getRunFunction = onHttp(
  operation({
    name: "provisioning-runs-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/provisioning-runs/{runId}",
    summary: "Show a run: state, devices by bucket",
    tag,
    params: RunPath,
    answers: { 200: { description: "The run", body: RunView, headers: ["Retry-After"] } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { provision } = tools.services;
    const found = await findRun(provision, params);
    if (!found.ok) return found;
    const { run } = found.value;
    const view = await runView(provision, run);
    const latest = await latestOf(provision, run, view);
    const shown = latest === undefined ? view : { ...view, latest };
    return succeed(ongoing(shown, view.final ? "ended" : "slow"));
  },
);

/** An operation that changes a run and answers with it as it is then. */
const changing = (change: "cancel" | "pause" | "resume", summary: string) =>
  onHttp(
    operation({
      name: `provisioning-runs-${change}`,
      method: "POST",
      path: `api/v1/tenants/{tenantId}/provisioning-runs/{runId}/${change}`,
      summary,
      tag,
      idempotent: true,
      params: RunPath,
      answers: { 202: begun },
    }),
    async ({ params: { tenantId, runId } }, tools: Tools<Needs>) => {
      const { provision } = tools.services;
      const ids = { tenantId, jobId: runId };
      const changed = await changeJob(provision.engine, provision.jobs, ids, {
        change,
        name: `Run ${runId}`,
        unknown: unknownRun(runId),
        stateOf: ({ state }) => state,
      });
      if (!changed.ok) return changed;
      const { job, before } = changed.value;
      const after = { state: job.state };
      signedInOf(tools).note({ object: `run/${runId}`, before: { state: before }, after });
      tools.log(`provisioning.${change}`, { tenantId, runId });
      return succeed(accepted(pathOf(job), await runView(provision, job)));
    },
  );

export const cancelRunFunction = changing(
  "cancel",
  "Cancel what waits; an action that is under way is followed to its end",
);
export const pauseRunFunction = changing("pause", "Begin no further action until it is resumed");
export const resumeRunFunction = changing(
  "resume",
  "Go on where it was paused, or with the next wave",
);

export const listRunDevicesFunction = onHttp(
  operation({
    name: "provisioning-runs-devices",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/provisioning-runs/{runId}/devices",
    summary: "List a run's devices: where each is, and why it waits",
    tag,
    params: RunPath,
    query: z.strictObject({ ...PageQuery, bucket: z.enum(buckets).optional() }),
    answers: { 200: { description: "A page of devices", body: pageOf(DeviceRunView) } },
  }),
  async ({ params, query, url }, tools: Tools<Needs>) => {
    const { provision } = tools.services;
    const { bucket, top, pageToken } = query;
    const found = await findRun(provision, params);
    if (!found.ok) return found;
    const list = `provisioning run ${params.tenantId} ${params.runId} ${bucket ?? ""}`;
    const position = positionOf(list, pageToken);
    if (!position.ok) return position;
    const wanted = { bucket, top, token: position.value };
    const page = await listDeviceRuns(provision, found.value.run, wanted);
    return succeed(ok(pageBody(url, list, page)));
  },
);

export const getRunDeviceFunction = onHttp(
  operation({
    name: "provisioning-runs-device",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/provisioning-runs/{runId}/devices/{deviceId}",
    summary: "Show where a device is in a run, with every attempt of every action",
    tag,
    params: DeviceRunPath,
    answers: { 200: { description: "The device", body: DeviceRunDetail } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { provision } = tools.services;
    const found = await findRun(provision, params);
    if (!found.ok) return found;
    const read = await readDeviceRun(provision, found.value.run, params.deviceId);
    return read.ok ? succeed(ok(read.value)) : read;
  },
);

export const getOutputFunction = onHttp(
  operation({
    name: "provisioning-runs-output",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/provisioning-runs/{runId}/devices/{deviceId}/outputs/{outputId}",
    summary: "Show all that an action said on a device, where the history has only its beginning",
    tag,
    params: OutputPath,
    answers: { 200: { description: "The output", body: OutputView } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const { provision } = tools.services;
    const found = await findRun(provision, params);
    if (!found.ok) return found;
    const read = await readOutput(provision, found.value.run, params);
    return read.ok ? succeed(ok(read.value)) : read;
  },
);

const ndjson = "application/x-ndjson";

export const runHistoryFunction = onHttp(
  operation({
    name: "provisioning-runs-history",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/provisioning-runs/{runId}/history",
    summary:
      "List every attempt of every action; with Accept: text/csv or application/x-ndjson all of them",
    tag,
    params: RunPath,
    query: z.strictObject({ ...PageQuery, ...CsvQuery }),
    answers: {
      200: {
        description: "A page of attempts",
        body: pageOf(AttemptView),
        also: ["text/csv", ndjson],
      },
    },
  }),
  async ({ params, query, url, accept }, tools: Tools<Needs>) => {
    const { provision } = tools.services;
    const found = await findRun(provision, params);
    if (!found.ok) return found;
    const { run } = found.value;
    if (accept.includes("text/csv"))
      return succeed(streamed("text/csv; charset=utf-8", historyCsv(provision, run, query.bom)));
    if (accept.includes(ndjson))
      return succeed(streamed(`${ndjson}; charset=utf-8`, historyLines(provision, run)));
    const list = `provisioning history ${params.tenantId} ${params.runId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await historyPage(provision, run, query.top, position.value);
    return succeed(ok(pageBody(url, list, page)));
  },
);

export const deviceRunsFunction = onHttp(
  operation({
    name: "devices-provisioning-runs",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/devices/{deviceId}/provisioning-runs",
    summary: "Show what a device went through, run by run, newest first",
    tag,
    params: z.strictObject({ tenantId: TenantId, deviceId: DeviceId }),
    query: z.strictObject({ top: z.coerce.number().int().min(1).max(maxTop).default(20) }),
    answers: {
      200: {
        description: "The latest runs",
        body: z.object({
          value: z.array(
            DeviceRunDetail.extend({
              runId: z.string(),
              template: z.object({
                templateId: z.string(),
                name: z.string(),
                version: z.int(),
              }),
            }),
          ),
        }),
      },
    },
  }),
  async ({ params: { tenantId, deviceId }, query }, tools: Tools<Needs>) => {
    const value = await deviceRuns(tools.services.provision, tenantId, deviceId, query.top);
    return succeed(ok({ value }));
  },
);
