/**
 * Begins runs: finds the template's version and the devices, freezes both with the variables, and writes the run down.
 * What is named and is not there is an error, and nothing wider takes its place.
 */
import { personOf } from "../access/approvals/approval.ts";
import { evaluate, type Limits, limitsOf, type Standing } from "../access/roles/decide.ts";
import { toDo } from "../access/roles/requirements.ts";
import type { Permission } from "../access/roles/roles.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { memberTest } from "../devices/collections/collection.ts";
import type { CollectionStore } from "../devices/collections/collection-store.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import type { Device } from "../devices/directory/device.ts";
import type { DirectoryStore } from "../devices/directory/directory.ts";
import { type GateParts, startOrWait } from "../fanout/care/approval-gate.ts";
import type { Call, Gate, JobKind, Outcome } from "../fanout/kind.ts";
import { soakMs } from "../fanout/state/rollout.ts";
import { invalidRequest } from "../http/body.ts";
import { durationMs } from "../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { nextGo } from "../schedules/maintenance.ts";
import type { TaskWindows } from "../schedules/run-tasks.ts";
import type { Blobs } from "../storage/blobs.ts";
import type { Tables } from "../storage/tables.ts";
import { findActionType } from "./actions/catalogue.ts";
import type { NewRun } from "./contract.ts";
import type { DeviceLocks } from "./holding/device-lock.ts";
import type { HoldParts } from "./holding/holds.ts";
import type { Run, RunContent, RunJobs } from "./run.ts";
import { type Choice, chosenOf } from "./task-choice.ts";
import { actionsOf, type TemplateContent, type Variables } from "./templates/template.ts";

/** A version of a template as a run needs it. */
export type FoundVersion = {
  readonly templateId: string;
  readonly name: string;
  readonly version: number;
  readonly hash: string;
  readonly content: TemplateContent;
};

/** A call of an action, or what is settled without one. */
type SettledCall = Call & { readonly settled?: ReadonlyMap<string, Outcome> };

/** What starting and reading runs works with. */
export type RunParts = GateParts & {
  readonly kind: JobKind<Run, SettledCall> & { readonly gate: Gate<Run> };
  readonly jobs: RunJobs;
  readonly directory: DirectoryStore;
  readonly collections: CollectionStore;
  readonly locks: DeviceLocks;
  readonly tables: Tables;
  readonly blobs: Blobs;
  readonly maintenance: HoldParts["maintenance"];
  /** A version, if it is there for whoever asks; without a number the newest. */
  readonly versionOf: (
    templateId: string,
    version: number | undefined,
    caller: Caller | undefined,
  ) => Promise<Result<FoundVersion>>;
  readonly variablesOf: (
    tenantId: string,
  ) => Promise<{ readonly values: Variables; readonly devices: RunContent["devices"] }>;
  readonly standingOf: (caller: Caller) => Promise<Standing>;
};

/** Who begins a run, and how it came about. */
export type Beginning = {
  readonly caller?: Caller | undefined;
  readonly cause: Run["cause"];
  readonly taskId?: string | undefined;
  /** Of the task: which of its targets. */
  readonly only?: Choice;
  /** Windows that its devices begin within, besides those of tenant and collections. */
  readonly within?: TaskWindows | undefined;
};

/** A run that could begin: as it would be written down, with its devices. */
export type Draft = {
  readonly run: Run;
  readonly content: RunContent;
  readonly deviceIds: readonly string[];
};

/** Begins a run under the id `runId`; with the same id again it stays one. */
export async function startRun(
  parts: RunParts,
  tenantId: string,
  runId: string,
  body: NewRun,
  beginning: Beginning,
): Promise<Result<Run>> {
  // The same request again, whose first answer was lost: what it made stands, whatever has changed since.
  const before = await parts.jobs.get(tenantId, runId);
  if (before !== undefined) return succeed(before.job);
  const drafted = await draftRun(parts, tenantId, runId, body, beginning);
  if (!drafted.ok) return drafted;
  return succeed(await beginDraft(parts, drafted.value, beginning.caller));
}

/** Writes a draft down, and begins it unless a rule wants a second person for it. */
export async function beginDraft(
  parts: RunParts,
  { run, content, deviceIds }: Draft,
  caller: Caller | undefined,
): Promise<Run> {
  await parts.jobs.putContent(run.jobId, content);
  await parts.jobs.putTargets(run.jobId, deviceIds);
  const gated = await gatedType(parts, run);
  // What may be done twice without harm waits for nobody.
  const asker = gated === undefined ? undefined : caller;
  const whole = { ...run, content, ...(gated === undefined ? {} : { gated }) };
  return startOrWait(parts, whole, asker);
}

/** The first of its guarded actions that a rule is about. */
async function gatedType({ approvals }: RunParts, { guarded, tenantId }: Run) {
  for (const action of guarded) {
    const rules = await approvals.rulesAbout({ kind: "provisioning", action, tenantId });
    if (rules.length > 0) return action;
  }
  return undefined;
}

/** Finds everything that a run needs, and says what is not there. */
export async function draftRun(
  parts: RunParts,
  tenantId: string,
  runId: string,
  body: NewRun,
  beginning: Beginning,
): Promise<Result<Draft>> {
  const { caller, cause, taskId, within = nowhere } = beginning;
  const made = await parts.versionOf(body.templateId, body.version, caller);
  if (!made.ok) return made;
  const version = made.value;
  const types = actionsOf(version.content).map(({ action }) => action.type);
  if (types.length === 0)
    return invalidRequest([{ pointer: "/templateId", detail: "its version has no actions" }]);
  if (soakMs(body.rollout) >= msOf(body.expiresAfter))
    return invalidRequest([{ pointer: "/rollout/waves", detail: "last longer than the run" }]);
  const may = await mayDo(parts, tenantId, types, caller);
  if (!may.ok) return may;
  const found = await resolveTargets(parts, tenantId, body.targets, may.value);
  if (!found.ok) return found;
  const resolved = await chosenFrom(parts, tenantId, beginning, found.value);
  const { deviceIds } = resolved;
  const variables = await parts.variablesOf(tenantId);
  const content = contentFor(version, variables, deviceIds, within);
  const now = parts.engine.clock.now();
  const asked = requestedOf(body, version, resolved);
  const windows = await windowsOf(parts, tenantId, asked.windows, within);
  if (!windows.ok) return windows;
  const run: Run = {
    kind: parts.kind.id,
    jobId: runId,
    tenantId,
    state: "planning",
    createdAt: now,
    expiresAt: now + asked.lastsMs,
    ...asked,
    windows: windows.value,
    cause,
    ...(taskId === undefined ? {} : { taskId }),
    ...(caller === undefined ? {} : { requestedBy: personOf(caller) }),
  };
  return succeed({ run, content, deviceIds });
}

/** What it does, with the variables of its own devices alone. */
function contentFor(
  version: FoundVersion,
  { values, devices }: Awaited<ReturnType<RunParts["variablesOf"]>>,
  deviceIds: readonly string[],
  { windows }: TaskWindows,
): RunContent {
  const ids = new Set(deviceIds);
  return {
    template: version.content,
    variables: values,
    devices: Object.fromEntries(Object.entries(devices).filter(([id]) => ids.has(id))),
    firstSteps: {},
    ...(windows.length === 0 ? {} : { windows }),
  };
}

/** Of what a task names, what it is for this time. */
async function chosenFrom(
  parts: RunParts,
  tenantId: string,
  { taskId, only = "all" }: Beginning,
  found: Resolved,
): Promise<Resolved> {
  const { jobs, engine } = parts;
  const from = { jobs, items: engine.items };
  const deviceIds = await chosenOf(from, { tenantId, taskId }, only, found.deviceIds);
  return { ...found, deviceIds };
}

/** What was asked for, as a run's row keeps it. */
function requestedOf(
  { targets, offline, windows, expiresAfter, rollout, note }: NewRun,
  { templateId, name, version, hash, content }: FoundVersion,
  { deviceIds, hidden }: Resolved,
) {
  const types = actionsOf(content).map(({ action }) => action.type);
  return {
    expected: deviceIds.length,
    frozen: true as const,
    templateId,
    templateName: name,
    version,
    hash,
    actions: types.length,
    guarded: [...new Set(types.filter((type) => findActionType(type)?.guarded))],
    named: targets,
    hidden,
    offline: {
      mode: offline.mode,
      afterMs: msOf(offline.after),
      waitMs: msOf(offline.expiresAfter),
    },
    lastsMs: msOf(expiresAfter),
    windows: {
      longestRunMs: msOf(windows.longestRun),
      cutoffMs: msOf(windows.cutoff),
      ignored: windows.ignored,
    },
    ...(rollout ? { rollout } : {}),
    ...(note ? { note } : {}),
  };
}

/** What has to fit into windows, by the run's own word and by its task's; refused where nothing of the tenant's ever does. */
async function windowsOf(
  { maintenance, engine }: RunParts,
  tenantId: string,
  { ignored, ...own }: Run["windows"],
  within: TaskWindows,
): Promise<Result<Run["windows"]>> {
  const longestRunMs = Math.max(own.longestRunMs, within.longestRunMs);
  const cutoffMs = Math.max(own.cutoffMs, within.cutoffMs);
  const wanted = { windows: within.windows, longestRunMs, cutoffMs };
  const { value } = await maintenance.get(tenantId);
  return !ignored && nextGo(value, wanted, [], engine.clock.now()) === undefined
    ? invalidRequest([fitsNowhere])
    : succeed({ longestRunMs, cutoffMs, ignored });
}

const nowhere: TaskWindows = { windows: [], longestRunMs: 0, cutoffMs: 0 };

const fitsNowhere: Fault = {
  pointer: "/windows/longestRun",
  detail: "fits, with the cut-off, into no maintenance window of the tenant within two years",
};

/** Milliseconds of a duration that its schema has let through. */
function msOf(duration: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) throw new Error(`"${duration}" is not a duration`);
  return ms;
}

// Who may: besides starting runs, everything that the actions take, for the devices that they are for.

/** The permissions that types of actions take besides. */
const permissionsOf = (types: readonly string[]): readonly Permission[] => [
  ...new Set(types.flatMap((type) => findActionType(type)?.permissions ?? [])),
];

/** How far somebody reaches in a tenant with what types of actions take, or which permission is missing. Pure. */
export const limitsWith = (
  standing: Standing,
  tenantId: string,
  types: readonly string[],
): Result<Limits> =>
  limitsOf(evaluate(standing, toDo, { tenantId, typePermissions: permissionsOf(types) }));

/** How far somebody reaches with what types of actions take; nobody is the app itself, which reaches all. */
export async function mayDo(
  { standingOf, collections }: RunParts,
  tenantId: string,
  types: readonly string[],
  caller: Caller | undefined,
): Promise<Result<Reach | undefined>> {
  if (caller === undefined) return succeed(undefined);
  const limits = limitsWith(await standingOf(caller), tenantId, types);
  return limits.ok ? succeed(await collections.reachOf(tenantId, limits.value)) : limits;
}

// Which devices. Whoever is out of reach is not theirs: named one by one it is unknown, and otherwise hidden.

type Resolved = { readonly deviceIds: readonly string[]; readonly hidden: number };

const devicesPerRead = 10_000;
const maxNamedFaults = 100;

type Test = (device: Device) => boolean;

/** Whatever is named and not there is told at once. */
async function resolveTargets(
  parts: RunParts,
  tenantId: string,
  { deviceIds, collectionIds, rules }: NewRun["targets"],
  reach: Reach | undefined,
): Promise<Result<Resolved>> {
  const isTheirs = (device: Device): boolean => reach === undefined || reach.holds(device);
  const named = await namedDevices(parts, tenantId, deviceIds, isTheirs);
  if (!named.ok) return named;
  const collections = await namedCollections(parts, tenantId, collectionIds);
  if (!collections.ok) return collections;
  const { listed, tests } = collections.value;
  const now = parts.engine.clock.now();
  const every: readonly Test[] = [...tests, ...rules.map((rule) => memberTest(rule, now))];
  const found = new Set(named.value);
  const members = await parts.directory.getMany(tenantId, listed);
  for (const device of members.values()) if (isTheirs(device)) found.add(device.deviceId);
  const isWide = collectionIds.length + rules.length > 0;
  if (every.length === 0 && (reach === undefined || !isWide))
    return succeed({ deviceIds: [...found].toSorted(), hidden: 0 });
  let hidden = 0;
  // All that are out of reach count, whatever is looked for: how many of them a rule finds would tell what they are like.
  for await (const device of everyDevice(parts, tenantId))
    if (!isTheirs(device)) hidden += 1;
    else if (every.some((test) => test(device))) found.add(device.deviceId);
  return succeed({ deviceIds: [...found].toSorted(), hidden });
}

async function namedDevices(
  { directory }: RunParts,
  tenantId: string,
  deviceIds: readonly string[],
  isTheirs: Test,
): Promise<Result<readonly string[]>> {
  const known = await directory.getMany(tenantId, [...new Set(deviceIds)]);
  const faults = deviceIds.flatMap((id, index): Fault[] => {
    const device = known.get(id);
    if (device !== undefined && isTheirs(device)) return [];
    return [{ pointer: `/targets/deviceIds/${index}`, detail: "unknown device" }];
  });
  return faults.length === 0
    ? succeed(deviceIds)
    : fail("unknown-device", `The tenant has ${faults.length} of these devices not.`, {
        faults: faults.slice(0, maxNamedFaults),
      });
}

/** Members of static collections, and how members of others are known. */
async function namedCollections(
  { collections, engine }: RunParts,
  tenantId: string,
  collectionIds: readonly string[],
): Promise<Result<{ readonly listed: readonly string[]; readonly tests: readonly Test[] }>> {
  const tests: Test[] = [];
  const listed = new Set<string>();
  const faults: Fault[] = [];
  for (const [index, id] of collectionIds.entries()) {
    const collection = (await collections.get(tenantId, id))?.collection;
    if (collection === undefined)
      faults.push({ pointer: `/targets/collectionIds/${index}`, detail: "unknown collection" });
    else if (collection.kind === "rule")
      tests.push(memberTest(collection.rule, engine.clock.now()));
    else for (const deviceId of collection.deviceIds) listed.add(deviceId);
  }
  return faults.length === 0
    ? succeed({ listed: [...listed], tests })
    : fail("unknown-collection", "The tenant has no such collection.", { faults });
}

async function* everyDevice({ directory }: Pick<RunParts, "directory">, tenantId: string) {
  let cursor: string | undefined;
  do {
    const step = await directory.walk(tenantId, cursor, devicesPerRead);
    yield* step.devices;
    cursor = step.next;
  } while (cursor !== undefined);
}
