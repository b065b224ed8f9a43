/** Reads runs: how far one is, where each of its devices is and why it waits, and the history of all that was tried. */
import { personView } from "../access/approvals/approval.ts";
import { type Attempt, readHistory } from "../fanout/state/history.ts";
import { type Item, shownState } from "../fanout/state/item.ts";
import { isOpen, isStopping, sumOf, wordFor } from "../fanout/state/job.ts";
import { csvOf, type Page } from "../http/paging.ts";
import { type Instant, toIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { findActionType } from "./actions/catalogue.ts";
import { type AttemptView, actionRef, type DeviceRunView, type RunView } from "./contract.ts";
import { deviceRunIn, unpackDeviceRun } from "./device-run.ts";
import { skippedByCondition } from "./outcomes.ts";
import {
  actionsIn,
  type Bucket,
  bucketOf,
  bucketsFor,
  contentOf,
  type Run,
  type Verdict,
  verdicts,
} from "./run.ts";
import type { RunParts } from "./start-run.ts";

type Ids = { readonly tenantId: string; readonly runId: string };

/** Says that a run is not there. */
export const unknownRun = (runId: string) =>
  fail("unknown-run", `The tenant has no provisioning run ${runId}.`);

/** One run, as its row is. */
export async function findRun(
  { jobs }: Pick<RunParts, "jobs">,
  { tenantId, runId }: Ids,
): Promise<Result<{ readonly run: Run; readonly etag: string }>> {
  const stored = await jobs.get(tenantId, runId);
  return stored === undefined ? unknownRun(runId) : succeed({ run: stored.job, etag: stored.etag });
}

/** Without what is absent. */
const given = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** A run with its devices by bucket: its row was read, and one more read does for 1,000 rows of a hundred devices. */
export async function runView({ engine }: RunParts, run: Run): Promise<RunView> {
  const standing = run.counts
    ? { counts: run.counts, begun: 0 }
    : await engine.items.standing(run.jobId);
  const planned = sumOf(standing.counts);
  const isGrowing = isOpen(run) && !isStopping(run);
  const unplanned = isGrowing ? Math.max(0, (run.expected ?? 0) - planned) : 0;
  const buckets = bucketsFor(standing, unplanned);
  const total = planned + unplanned;
  const { jobId, tenantId, templateId, version, hash, actions, cause, hidden, named } = run;
  const { createdAt, expiresAt, finishedAt, failure, requestedBy, note, parentRunId, taskId } = run;
  return {
    runId: jobId,
    tenantId,
    state: wordFor(run, standing.counts),
    final: !isOpen(run),
    template: { templateId, name: run.templateName, version, hash },
    actions,
    cause,
    targets: { ...named },
    hidden,
    createdAt: toIso(createdAt),
    expiresAt: toIso(expiresAt),
    total,
    buckets,
    ...given({ parentRunId, taskId, note, failure, says: saysOf(run, total) }),
    ...given({
      verdict: verdictOf(run, total, buckets.successful),
      requestedBy: requestedBy && personView(requestedBy),
      finishedAt: finishedAt === undefined ? undefined : toIso(finishedAt),
      rollout: run.rollout && { ...run.rollout },
    }),
  };
}

/** Known once it has ended, and of none that has no devices. */
function verdictOf(run: Run, total: number, successful: number) {
  if (isOpen(run) || total === 0) return undefined;
  return verdictView(successful === total ? "success" : "failed");
}

/** The verdict of devices that are at an end, wherever that was. */
export const verdictOver = (
  { pending, active, successful }: RunView["buckets"],
  total: number,
): { readonly verdict?: ReturnType<typeof verdictView> } =>
  pending + active > 0 || total === 0
    ? {}
    : { verdict: verdictView(successful === total ? "success" : "failed") };

const verdictView = (id: Verdict) => ({ id, name: verdicts[id] });

function saysOf(run: Run, total: number): string | undefined {
  if (run.state === "pendingApproval") return "waits for a second person's approval";
  if (run.state === "paused") return "paused: nothing new begins until it is resumed";
  if (total === 0 && !isOpen(run)) return "matches no device";
  return run.failure?.detail;
}

/** Runs of a page that are counted at once. */
const concurrency = 4;

/** Which runs: of one template or one task, where these are named. */
type RunsQuery = {
  readonly top: number;
  readonly token?: string | undefined;
  readonly templateId?: string | undefined;
  readonly taskId?: string | undefined;
};

/** A page of a tenant's runs, newest first. */
export async function listRuns(
  parts: RunParts,
  tenantId: string,
  { top, token, templateId, taskId }: RunsQuery,
): Promise<Page<RunView>> {
  const { jobs, ...next } = await parts.jobs.list(tenantId, top, token);
  const wanted = jobs.filter(
    (run) =>
      (templateId === undefined || run.templateId === templateId) &&
      (taskId === undefined || run.taskId === taskId),
  );
  return { items: await inParallel(wanted, concurrency, (run) => runView(parts, run)), ...next };
}

// Devices of a run.

/** Where a device is, in words that change between actions only. Pure. */
export function deviceRunView(
  run: Run,
  item: Item,
  releasedTo: string | undefined,
  now: Instant,
): DeviceRunView {
  const { targetId: deviceId, name: deviceName, state, step = 0, at, code, detail } = item;
  const bucket = bucketOf(item);
  const done = state === "done" ? run.actions : step;
  const placed = state === "done" ? undefined : actionsIn(run)[step];
  const waits = waitOf(run, item, releasedTo, now);
  const ended = bucket === "successful" ? "success" : bucket === "failed" ? "failed" : undefined;
  const next = placed === undefined ? "" : `, next: ${placed.action.name}`;
  return {
    deviceId,
    deviceName,
    bucket,
    state: shownState(state),
    ...(ended === undefined ? {} : { verdict: verdictView(ended) }),
    done,
    of: run.actions,
    progress: `${done} of ${run.actions}${next}`,
    ...(placed === undefined ? {} : { current: actionRef(placed) }),
    warnings: deviceRunIn(item).warnings,
    at: toIso(at),
    ...(waits === undefined ? {} : { waits }),
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** Why a device does not go on right now: asked of any that waits, and always answered. */
function waitOf(
  run: Run,
  { state, targetId, code, detail, notBefore = 0 }: Item,
  releasedTo: string | undefined,
  now: Instant,
): DeviceRunView["waits"] {
  if (state !== "waiting") return undefined;
  if (run.state === "paused")
    return { why: "paused", detail: "the run is paused, and goes on when it is resumed" };
  if (releasedTo !== undefined && targetId > releasedTo)
    return { why: "concurrency", detail: "waits until others are done, as the rollout says" };
  if (notBefore <= now) return { why: "turn", detail: "goes as soon as it is its turn" };
  const until = toIso(notBefore);
  return { why: code ?? "turn", detail: detail ?? "waits for its time", until };
}

/** Columns of counts that can hold a bucket's items. */
const columnsOf: Readonly<Record<Bucket, readonly string[]>> = {
  pending: ["waiting"],
  active: ["waiting", "sent"],
  successful: ["done"],
  failed: ["failed", "offline", "expired", "unknown"],
  notAttempted: ["notSupported", "cancelled"],
};
const rowsPerPage = 20;

/** Rows that hold items of some buckets, as a query. */
export const whereAny = (some: readonly Bucket[]): string =>
  some.flatMap((bucket) => columnsOf[bucket].map((column) => `${column} gt 0`)).join(" or ");

/** Up to which device a run with rollout rules is let out. */
const releasedOf = async ({ engine }: RunParts, { jobId, rollout }: Run) =>
  rollout === undefined
    ? undefined
    : ((await engine.items.plan(jobId))?.progress.released?.to ?? "");

/** A page of a run's devices in the order of their ids; `token`: the device after which it goes on. */
export async function listDeviceRuns(
  parts: RunParts,
  run: Run,
  {
    bucket,
    top,
    token = "",
  }: { bucket?: Bucket | undefined; top: number; token?: string | undefined },
): Promise<Page<DeviceRunView>> {
  const releasedTo = await releasedOf(parts, run);
  const now = parts.engine.clock.now();
  const where = bucket && whereAny([bucket]);
  const rows = await parts.engine.items.page(run.jobId, { from: token, where, top: rowsPerPage });
  const wanted = rows
    .flatMap(({ items }) => items)
    .filter(({ targetId }) => targetId > token)
    .filter((item) => bucket === undefined || bucketOf(item) === bucket);
  const items = wanted.slice(0, top).map((item) => deviceRunView(run, item, releasedTo, now));
  const next =
    wanted.length > top
      ? wanted[top - 1]?.targetId
      : rows.length === rowsPerPage
        ? rows.at(-1)?.lastTargetId
        : undefined;
  return next === undefined ? { items } : { items, next };
}

/** A device's place in a run, with everything that was tried there; undefined: the run has no such device. */
export async function readDeviceRun(parts: RunParts, run: Run, deviceId: string) {
  const row = await parts.engine.items.rowOf(run.jobId, deviceId);
  const item = row?.items.find(({ targetId }) => targetId === deviceId);
  if (row === undefined || item === undefined)
    return fail("unknown-device", `The run has no device ${deviceId}.`);
  const attempts: AttemptView[] = await inheritedBy(parts, run, deviceId);
  for await (const attempt of attemptsOf(parts, run.jobId, row.lastTargetId))
    if (attempt.targetId === deviceId) attempts.push(attemptView(run, attempt));
  const releasedTo = await releasedOf(parts, run);
  const view = deviceRunView(run, item, releasedTo, parts.engine.clock.now());
  const actions = actionsIn(run).map((placed) => ({
    ...actionRef(placed),
    required: placed.action.required,
  }));
  return succeed({ ...view, actions, attempts });
}

/** All that an action of a device said, where the history has only the beginning of it. */
export async function readOutput(
  { jobs }: Pick<RunParts, "jobs">,
  { jobId }: Run,
  { deviceId, outputId }: { readonly deviceId: string; readonly outputId: string },
) {
  const output = await jobs.output(jobId, outputId, deviceId);
  return output === undefined
    ? fail("unknown-output", `The run has kept no output ${outputId} of device ${deviceId}.`)
    : succeed({ deviceId, outputId, output });
}

/** What stands of the runs that a restart goes back to, for a device that went on behind it. */
async function inheritedBy(parts: RunParts, run: Run, deviceId: string): Promise<AttemptView[]> {
  const first = contentOf(run).firstSteps[deviceId] ?? 0;
  const before =
    first === 0 || run.parentRunId === undefined
      ? undefined
      : (await parts.jobs.get(run.tenantId, run.parentRunId))?.job;
  const row = before && (await parts.engine.items.rowOf(before.jobId, deviceId));
  if (before === undefined || row === undefined) return [];
  const attempts = await inheritedBy(parts, before, deviceId);
  for await (const attempt of attemptsOf(parts, before.jobId, row.lastTargetId))
    if (attempt.targetId === deviceId && attempt.step < first)
      attempts.push({ ...attemptView(before, attempt), inherited: true });
  return attempts;
}

/** What a device went through, run by run, newest first. */
export async function deviceRuns(parts: RunParts, tenantId: string, deviceId: string, top: number) {
  const runIds = await parts.locks.runsOf(tenantId, deviceId);
  const found = await inParallel(runIds.slice(0, top), concurrency, async (runId) => {
    const stored = await parts.jobs.get(tenantId, runId);
    if (stored === undefined) return [];
    const read = await readDeviceRun(parts, stored.job, deviceId);
    const { templateId, templateName: name, version } = stored.job;
    return read.ok ? [{ runId, template: { templateId, name, version }, ...read.value }] : [];
  });
  return found.flat();
}

// History.

const rowsPerRead = 200;

async function* attemptsOf(
  { tables }: Pick<RunParts, "tables">,
  runId: string,
  row?: string,
): AsyncGenerator<Attempt> {
  let token: string | undefined;
  do {
    const wanted = { top: rowsPerRead, ...(row === undefined ? {} : { row }) };
    const page = await readHistory(
      tables,
      runId,
      token === undefined ? wanted : { ...wanted, token },
    );
    yield* page.attempts;
    token = page.next;
  } while (token !== undefined);
}

/** A page of what was tried; its place is the row that it is in, and how many of that row were shown. */
export async function historyPage(
  { tables }: Pick<RunParts, "tables">,
  run: Run,
  top: number,
  position = "",
): Promise<Page<AttemptView>> {
  const [shown = "0", token = ""] = position.split("|");
  const page = await readHistory(tables, run.jobId, { top: 1, ...(token && { token }) });
  const from = Number(shown);
  const items = page.attempts.slice(from, from + top).map((attempt) => attemptView(run, attempt));
  if (from + top < page.attempts.length) return { items, next: `${from + top}|${token}` };
  return page.next === undefined ? { items } : { items, next: `0|${page.next}` };
}

/** Everything that was tried in a run: by rows of devices, and of each in the order in which it ended. */
export async function* history(parts: RunParts, run: Run): AsyncGenerator<AttemptView> {
  for await (const attempt of attemptsOf(parts, run.jobId)) yield attemptView(run, attempt);
}

/** An attempt in words. Pure. */
function attemptView(run: Run, attempt: Attempt): AttemptView {
  const { targetId: deviceId, step, startedAt, endedAt, code, detail, kept } = attempt;
  const placed = actionsIn(run)[step];
  const type = placed?.action.type ?? "";
  const { output, outputId, requestId } = unpackDeviceRun(kept === "" ? undefined : kept);
  const result = resultOf(attempt);
  const verdict = verdictsOf[result];
  return {
    runId: run.jobId,
    deviceId,
    section: placed?.section ?? "",
    actionId: placed?.action.id ?? "",
    action: placed?.action.name ?? "",
    type,
    attempt: attempt.attempt,
    ...(startedAt === undefined ? {} : { startedAt: toIso(startedAt) }),
    endedAt: toIso(endedAt),
    ...(verdict === undefined ? {} : { verdict: verdictView(verdict) }),
    result,
    ...(code === "" ? {} : { code }),
    ...(detail === "" ? {} : { detail }),
    ...(output === undefined ? {} : { output }),
    ...(outputId === undefined ? {} : { outputId }),
    route: findActionType(type)?.route ?? "",
    ...(requestId === undefined ? {} : { graphRequestId: requestId }),
  };
}

/** In the page's words; none of what was neither done nor failed. */
const verdictsOf: Readonly<Record<AttemptView["result"], Verdict | undefined>> = {
  succeeded: "success",
  skipped: undefined,
  cancelled: undefined,
  failed: "failed",
  failedOptional: "failed",
  again: "failed",
  expired: "failed",
  unknown: "failed",
};

function resultOf({ event, code }: Attempt): AttemptView["result"] {
  switch (event) {
    case "finish":
    case "advance":
      if (code === skippedByCondition.code) return "skipped";
      return code === "" ? "succeeded" : "failedOptional";
    case "postpone":
    case "repeat":
      return "again";
    case "cancel":
    case "decline":
      return "cancelled";
    case "expire":
      return "expired";
    case "lose":
    case "silence":
      return "unknown";
    default:
      return "failed";
  }
}

const columns = [
  "runId",
  "deviceId",
  "section",
  "actionId",
  "action",
  "type",
  "attempt",
  "startedAt",
  "endedAt",
  "result",
  "code",
  "detail",
  "output",
  "route",
  "graphRequestId",
  "outputId",
] as const satisfies readonly (keyof AttemptView)[];

/** The history as one CSV document. */
export const historyCsv = (parts: RunParts, run: Run, bom: string | undefined) =>
  csvOf(columns, history(parts, run), bom);

/** The history as lines of JSON. */
export async function* historyLines(parts: RunParts, run: Run): AsyncGenerator<string> {
  for await (const attempt of history(parts, run)) yield `${JSON.stringify(attempt)}\n`;
}
