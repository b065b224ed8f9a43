/**
 * Restarts in two steps. An offer starts nothing: it says what would run, and is kept with a token. The token starts it,
 * once, and only while everything is as it was: whatever has changed since is said, and nothing is started. What is
 * started is a run of its own, linked to the one before, which stays as it is to the last byte.
 */
import * as z from "zod";
import type { Caller } from "../../access/sign-in/caller.ts";
import type { Item } from "../../fanout/state/item.ts";
import type { StoredItemRow } from "../../fanout/state/item-store.ts";
import { isOpen, sumOf } from "../../fanout/state/job.ts";
import type { Instant } from "../../kernel/clock.ts";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { digest, idFor } from "../../kernel/values.ts";
import type { NewRun, Offer, RunView } from "../contract.ts";
import { busyElsewhere } from "../holding/holds.ts";
import { runView, verdictOver, whereAny } from "../read-runs.ts";
import {
  actionsIn,
  type Bucket,
  buckets as bucketNames,
  bucketOf,
  contentOf,
  familyPath,
  offerPath,
  type Run,
} from "../run.ts";
import { beginDraft, draftRun, type FoundVersion, mayDo, type RunParts } from "../start-run.ts";
import { actionsOf } from "../templates/template.ts";
import {
  changedSince,
  type OfferFacts,
  planRestart,
  type RestartChoice,
  type Restarted,
} from "./plan-restart.ts";

/** An offer as it is kept; a run has one at most, and a newer one takes its place. */
const StoredOffer = z.object({
  v: z.literal(1),
  token: z.string(),
  at: z.number(),
  facts: z.object({
    templateHash: z.string(),
    variables: z.string().default(""),
    devices: z.array(z.tuple([z.string(), z.number(), z.string(), z.number()])),
  }),
});

/** How long an offer stands: somebody reads it, and decides. */
const offerMs = 30 * 60_000;

type Found = {
  readonly version: FoundVersion;
  readonly devices: readonly Restarted[];
  readonly facts: OfferFacts;
  readonly taken: Run["taken"];
  readonly family: Family;
};

/** Says what a restart would do, and keeps the offer. */
export async function offerRestart(
  parts: RunParts,
  run: Run,
  choice: RestartChoice,
  caller: Caller,
): Promise<Result<Offer>> {
  const found = await findRestart(parts, run, choice, caller);
  if (!found.ok) return found;
  const { version, devices, facts } = found.value;
  const at = parts.engine.clock.now();
  const token = tokenOf(run, choice, facts, at);
  const stored: z.output<typeof StoredOffer> = {
    v: 1,
    token,
    at,
    facts: { ...facts, devices: facts.devices.map((each) => [...each]) },
  };
  await parts.blobs.put(offerPath(run.jobId), JSON.stringify(stored));
  const expiresAt = at + offerMs;
  return succeed({ token, expiresAt, version, devices, actions: actionsIn(run) });
}

/** Follows from all that an offer says: another body has another token. */
const tokenOf = ({ jobId }: Run, choice: RestartChoice, facts: OfferFacts, at: Instant): string => {
  const { templateHash, variables, devices } = facts;
  return digest(jobId, JSON.stringify([choice, templateHash, variables, devices]), String(at));
};

/** Starts what was offered, unless anything has changed since. */
export async function confirmRestart(
  parts: RunParts,
  run: Run,
  choice: RestartChoice,
  token: string,
  caller: Caller,
): Promise<Result<Run>> {
  const blob = await parts.blobs.get(offerPath(run.jobId));
  const offer = blob && StoredOffer.parse(JSON.parse(blob.toString()));
  const now = parts.engine.clock.now();
  if (offer?.token !== token || now > offer.at + offerMs)
    return fail(
      "restart-not-offered",
      "This is not the run's latest offer, or it is older than half an hour. Ask for another one.",
    );
  if (token !== tokenOf(run, choice, offer.facts, offer.at))
    return fail(
      "restart-not-offered",
      "The token is of an offer with another body. Send the same body again, or ask for another offer.",
    );
  // Follows from the token, so that it starts one run, however often it comes.
  const runId = idFor(offer.at, run.jobId, token);
  if ((await parts.jobs.get(run.tenantId, runId)) !== undefined)
    return fail("restart-not-offered", `The offer was used: it started run ${runId}.`);
  // Whoever died over the same confirmation has left it in the family: it does not stand in its own way.
  const found = await findRestart(parts, run, choice, caller, runId);
  if (!found.ok) return found;
  const changes = changedSince(offer.facts, found.value.facts);
  if (changes.length > 0)
    return fail(
      "restart-changed",
      `Nothing was started, because of what has changed since the offer: ${changes.slice(0, maxChanges).join("; ")}.`,
    );
  return startAgain(parts, run, { ...found.value, runId, cause: choice.mode }, caller);
}

const maxChanges = 5;

async function findRestart(
  parts: RunParts,
  run: Run,
  choice: RestartChoice,
  caller: Caller,
  own?: string,
): Promise<Result<Found>> {
  const version = await parts.versionOf(run.templateId, undefined, caller);
  if (!version.ok) return version;
  const now = actionsOf(version.value.content);
  const types = now.map(({ action }) => action.type);
  const reach = await mayDo(parts, run.tenantId, types, caller);
  if (!reach.ok) return reach;
  const items = await itemsOf(parts, run, choice);
  const ended = items.filter((item) => endedBadly.has(bucketOf(item)));
  const ids = ended.map(({ targetId }) => targetId);
  const known = await parts.directory.getMany(run.tenantId, ids);
  const isTheirs = (id: string): boolean => {
    const device = known.get(id);
    return device !== undefined && (reach.value === undefined || reach.value.holds(device));
  };
  const family = await familyOf(parts, run.rootRunId ?? run.jobId);
  const others = family.relatives.filter(({ runId }) => runId !== own);
  const plan = planRestart(choice, {
    actions: actionsIn(run),
    actionsNow: now,
    items,
    busy: await busyDevices(parts, run, { ids, others }),
    gone: new Set(ids.filter((id) => !isTheirs(id))),
  });
  if (plan.kind === "refused") {
    const { code, detail, faults } = plan;
    return fail(code, detail, faults === undefined ? {} : { faults });
  }
  const { devices } = plan;
  const byId = new Map(items.map((item) => [item.targetId, item]));
  const inTheirState = devices.map((each) => ({ ...byId.get(each.deviceId), ...each }));
  const facts = await factsOf(parts, run, version.value, inTheirState);
  const taken = { failed: 0, notAttempted: 0 };
  for (const { deviceId } of devices) {
    const item = byId.get(deviceId);
    if (item !== undefined) taken[bucketOf(item) === "failed" ? "failed" : "notAttempted"] += 1;
  }
  return succeed({ version: version.value, devices, facts, taken, family });
}

/** All that an offer is made for: while it is so, the offer holds. */
async function factsOf(
  { variablesOf }: RunParts,
  { tenantId }: Run,
  { hash }: FoundVersion,
  restarted: readonly (Restarted & {
    readonly state?: string | undefined;
    readonly attempts?: number | undefined;
  })[],
): Promise<OfferFacts> {
  const { values, devices } = await variablesOf(tenantId);
  const own = restarted.map(({ deviceId }) => devices[deviceId] ?? {});
  return {
    templateHash: hash,
    variables: digest(JSON.stringify([values, own])),
    devices: restarted.map(({ deviceId, step, state = "", attempts = 0 }) => [
      deviceId,
      step,
      state,
      attempts,
    ]),
  };
}

/** What can be restarted at all. */
const endedBadly: ReadonlySet<Bucket> = new Set(["failed", "notAttempted"]);

const rowsPerRead = 200;

/** The items that a choice is about, of a run that may have a thousand times as many: of the others nothing is kept. */
async function itemsOf(
  { engine }: RunParts,
  { jobId }: Run,
  { deviceIds, include }: RestartChoice,
): Promise<Item[]> {
  const named = deviceIds && new Set(deviceIds);
  const wanted = new Set<Bucket>(include);
  const isAsked = (item: Item): boolean =>
    named === undefined ? wanted.has(bucketOf(item)) : named.has(item.targetId);
  const items: Item[] = [];
  if (named !== undefined) {
    const sorted = [...named].toSorted();
    const parts = inChunks(sorted, Math.ceil(sorted.length / concurrency));
    const rows = await inParallel(parts, concurrency, (ids) => rowsWith(engine, jobId, ids));
    const byKey = new Map(rows.flat().map((row) => [row.lastTargetId, row]));
    return [...byKey.values()].flatMap((row) => row.items.filter(isAsked));
  }
  const where = whereAny(include);
  let token: string | undefined;
  do {
    const page = await engine.items.scan(jobId, { where, top: rowsPerRead }, token);
    for (const row of page.rows) items.push(...row.items.filter(isAsked));
    token = page.next;
  } while (token !== undefined);
  return items;
}

const concurrency = 8;
/** Rows from a named device on, that are read at once: the next one may be in one of them. */
const mostAtOnce = 20;

/** The rows of some targets, in the order of their ids: no more of the others' than lie between them. */
async function rowsWith({ items }: RunParts["engine"], jobId: string, sorted: readonly string[]) {
  const found: StoredItemRow[] = [];
  let left = sorted;
  while (left.length > 0) {
    const top = Math.min(left.length, mostAtOnce);
    const rows = await items.page(jobId, { from: left[0], top });
    found.push(...rows);
    const reached = rows.length < top ? undefined : rows.at(-1)?.lastTargetId;
    left = reached === undefined ? [] : left.filter((id) => id > reached);
  }
  return found;
}

/** Devices that a later restart of this run, or another run, has. */
async function busyDevices(
  parts: RunParts,
  run: Run,
  { ids, others }: { readonly ids: readonly string[]; readonly others: readonly Relative[] },
): Promise<ReadonlyMap<string, string>> {
  const { locks, jobs, engine } = parts;
  const busy = new Map(await busyElsewhere({ locks, jobs, items: engine.items }, run, ids));
  for (const child of others)
    if (child.parentRunId === run.jobId && (await tookOver(parts, run, child)))
      for (const id of await jobs.targets(child.runId)) busy.set(id, child.runId);
  return busy;
}

/** Longer than a request may take: whoever was about to write a restart's run down by then never will. */
const inHandMs = 10 * 60_000;

/** Whether a restart has its devices: one that never came to be, or that a second person refused, has none. */
async function tookOver(
  { jobs, engine }: RunParts,
  { tenantId }: Run,
  { runId, at }: Relative,
): Promise<boolean> {
  const stored = await jobs.get(tenantId, runId);
  if (stored === undefined) return engine.clock.now() < at + inHandMs;
  const { counts } = stored.job;
  return isOpen(stored.job) || counts === undefined || sumOf(counts) > 0;
}

const milliseconds = (ms: number): string => `PT${Math.round(ms / 1000)}S`;

/** What the run of a restart is asked for: as the old one was, of the version that was offered. What was noted was noted of that one. */
function bodyOf(run: Run, { version, devices }: Pick<Found, "version" | "devices">): NewRun {
  const { templateId, offline, windows, lastsMs, rollout } = run;
  const deviceIds = devices.map(({ deviceId }) => deviceId);
  return {
    templateId,
    version: version.version,
    targets: { deviceIds, collectionIds: [], rules: [] },
    offline: {
      mode: offline.mode,
      after: milliseconds(offline.afterMs),
      expiresAfter: milliseconds(offline.waitMs),
    },
    windows: {
      longestRun: milliseconds(windows.longestRunMs),
      cutoff: milliseconds(windows.cutoffMs),
      ignored: windows.ignored,
    },
    expiresAfter: milliseconds(lastsMs),
    rollout,
  };
}

/** The run of the restart: the template as it is now, devices of the old one, each from its own action on. */
async function startAgain(
  parts: RunParts,
  run: Run,
  found: Found & { readonly runId: string; readonly cause: Run["cause"] },
  caller: Caller,
): Promise<Result<Run>> {
  const { runId, devices, taken, cause, family } = found;
  const within = { ...run.windows, windows: contentOf(run).windows ?? [] };
  const begin = { caller, cause, within };
  const drafted = await draftRun(parts, run.tenantId, runId, bodyOf(run, found), begin);
  if (!drafted.ok) return drafted;
  const { content, deviceIds } = drafted.value;
  const rootRunId = run.rootRunId ?? run.jobId;
  const again: Run = {
    ...drafted.value.run,
    named: run.named,
    parentRunId: run.jobId,
    rootRunId,
    taken,
    ...(run.taskId === undefined ? {} : { taskId: run.taskId }),
  };
  const at = parts.engine.clock.now();
  if (!(await joinFamily(parts, rootRunId, family, { runId, parentRunId: run.jobId, at })))
    return fail("restart-changed", "Nothing was started: another restart began meanwhile.");
  const firstSteps = Object.fromEntries(devices.map(({ deviceId, step }) => [deviceId, step]));
  const doubtful = Object.fromEntries(
    devices.flatMap(({ deviceId, step, doubtful: all = [] }) => {
      const behind = all.filter((place) => place < step);
      return behind.length === 0 ? [] : [[deviceId, behind] as const];
    }),
  );
  const isClear = Object.keys(doubtful).length === 0;
  const whole = { ...content, firstSteps, ...(isClear ? {} : { doubtful }) };
  const draft = { run: again, content: whole, deviceIds };
  return succeed(await beginDraft(parts, draft, caller));
}

// The family of a run: the restarts that go back to it.

const Relatives = z.array(
  z.object({
    runId: z.string(),
    parentRunId: z.string(),
    /** When its run was about to be written down. */
    at: z.number().default(0),
  }),
);
type Relative = z.output<typeof Relatives>[number];
type Family = { readonly relatives: readonly Relative[]; readonly etag: string | undefined };

/** The restarts of a run, and theirs, each behind the one that it restarts; some may never have come to be. */
async function familyOf({ blobs }: Pick<RunParts, "blobs">, rootRunId: string): Promise<Family> {
  const found = await blobs.getWithEtag(familyPath(rootRunId));
  const relatives =
    found === undefined ? [] : Relatives.parse(JSON.parse(found.content.toString()));
  return { relatives, etag: found?.etag };
}

/**
 * Joined before the run is written: one that is not there counts for nothing, one that nobody knows of would. False when
 * somebody else has joined since the family was read: what was decided by it may not hold any more.
 */
function joinFamily(
  { blobs }: RunParts,
  rootRunId: string,
  { relatives, etag }: Family,
  one: Relative,
): Promise<boolean> {
  const others = relatives.filter(({ runId }) => runId !== one.runId);
  const conditions = { etag, leaseId: undefined };
  return blobs.putIf(familyPath(rootRunId), JSON.stringify([...others, one]), conditions);
}

/**
 * How the devices of a run stand by now, each by its latest run: a device that a restart has taken over counts where it
 * is there. Undefined where nothing was restarted.
 */
export async function latestOf(
  parts: RunParts,
  run: Run,
  { buckets: own, total }: Pick<RunView, "buckets" | "total">,
): Promise<RunView["latest"]> {
  const buckets = { ...own };
  const runs: string[] = [];
  const below = new Set([run.jobId]);
  const { relatives } = await familyOf(parts, run.rootRunId ?? run.jobId);
  for (const { runId, parentRunId } of relatives) {
    if (!below.has(parentRunId)) continue;
    below.add(runId);
    const stored = await parts.jobs.get(run.tenantId, runId);
    const view = stored && (await runView(parts, stored.job));
    // One without devices was refused by a second person: they are where they were.
    if (view === undefined || view.total === 0) continue;
    const { failed = 0, notAttempted = 0 } = stored?.job.taken ?? {};
    for (const bucket of bucketNames) buckets[bucket] += view.buckets[bucket];
    buckets.failed -= failed;
    buckets.notAttempted -= notAttempted;
    runs.push(runId);
  }
  if (runs.length === 0) return undefined;
  return { runs, buckets, ...verdictOver(buckets, total) };
}
