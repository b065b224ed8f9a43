/**
 * Restarts in two steps. An offer starts nothing: it says what would run, and is kept with a token. The token starts it,
 * once, and only while everything is as it was: whatever has changed since is said, and nothing is started. What is
 * started is a run of its own, linked to the one before, which stays as it is to the last byte.
 */
import * as z from "zod";
import type { Caller } from "../../access/sign-in/caller.ts";
import { startOrWait } from "../../fanout/care/approval-gate.ts";
import type { Item } from "../../fanout/state/item.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { digest, idFor } from "../../kernel/values.ts";
import { NewRun, type Offer, type RunView } from "../contract.ts";
import { busyElsewhere } from "../holding/holds.ts";
import { runView, verdictOver } from "../read-runs.ts";
import {
  actionsIn,
  buckets as bucketNames,
  bucketOf,
  familyPath,
  offerPath,
  type Run,
} from "../run.ts";
import { draftRun, type FoundVersion, type RunParts } from "../start-run.ts";
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
  const token = digest(run.jobId, JSON.stringify([choice, facts]), String(at));
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
  // Follows from the token, so that it starts one run, however often it comes.
  const runId = idFor(offer.at, run.jobId, token);
  if ((await parts.jobs.get(run.tenantId, runId)) !== undefined)
    return fail("restart-not-offered", `The offer was used: it started run ${runId}.`);
  const found = await findRestart(parts, run, choice, caller);
  if (!found.ok) return found;
  const { devices, facts, taken } = found.value;
  const changes = changedSince(offer.facts, facts);
  if (changes.length > 0)
    return fail(
      "restart-changed",
      `Nothing was started, because of what has changed since the offer: ${changes.slice(0, maxChanges).join("; ")}.`,
    );
  return startAgain(parts, run, { runId, devices, taken, cause: choice.mode }, caller);
}

const maxChanges = 5;

async function findRestart(
  parts: RunParts,
  run: Run,
  choice: RestartChoice,
  caller: Caller,
): Promise<Result<Found>> {
  const version = await parts.versionOf(run.templateId, undefined, caller);
  if (!version.ok) return version;
  const items = await itemsOf(parts, run);
  const now = actionsOf(version.value.content);
  const plan = planRestart(choice, {
    actions: actionsIn(run),
    actionsNow: now,
    items,
    busy: await busyDevices(parts, run, items),
  });
  if (plan.kind === "refused") {
    const { code, detail, faults } = plan;
    return fail(code, detail, faults === undefined ? {} : { faults });
  }
  const { devices } = plan;
  const byId = new Map(items.map((item) => [item.targetId, item]));
  const facts: OfferFacts = {
    templateHash: version.value.hash,
    devices: devices.map(({ deviceId, step }) => {
      const { state = "", attempts = 0 } = byId.get(deviceId) ?? {};
      return [deviceId, step, state, attempts];
    }),
  };
  const taken = { failed: 0, notAttempted: 0 };
  for (const { deviceId } of devices) {
    const item = byId.get(deviceId);
    if (item !== undefined) taken[bucketOf(item) === "failed" ? "failed" : "notAttempted"] += 1;
  }
  return succeed({ version: version.value, devices, facts, taken });
}

const rowsPerRead = 200;

async function itemsOf({ engine }: RunParts, { jobId }: Run): Promise<Item[]> {
  const items: Item[] = [];
  let token: string | undefined;
  do {
    const page = await engine.items.scan(jobId, { top: rowsPerRead }, token);
    items.push(...page.rows.flatMap((row) => row.items));
    token = page.next;
  } while (token !== undefined);
  return items;
}

/** Devices that a later restart of this run, or another run, has. */
async function busyDevices(
  parts: RunParts,
  run: Run,
  items: readonly Item[],
): Promise<ReadonlyMap<string, string>> {
  const ids = items.map(({ targetId }) => targetId);
  const { locks, jobs, engine } = parts;
  const busy = new Map(await busyElsewhere({ locks, jobs, items: engine.items }, run, ids));
  for (const child of await familyOf(parts, run.rootRunId ?? run.jobId))
    if (child.parentRunId === run.jobId)
      for (const id of await parts.jobs.targets(child.runId)) busy.set(id, child.runId);
  return busy;
}

const milliseconds = (ms: number): string => `PT${Math.round(ms / 1000)}S`;

/** The run of the restart: the template as it is now, devices of the old one, each from its own action on. */
async function startAgain(
  parts: RunParts,
  run: Run,
  {
    runId,
    devices,
    taken,
    cause,
  }: Pick<Found, "devices" | "taken"> & { readonly runId: string; readonly cause: Run["cause"] },
  caller: Caller,
): Promise<Result<Run>> {
  const { templateId, offline, windows, createdAt, expiresAt, rollout, note } = run;
  const body = NewRun.parse({
    templateId,
    targets: { deviceIds: devices.map(({ deviceId }) => deviceId) },
    offline: {
      mode: offline.mode,
      after: milliseconds(offline.afterMs),
      expiresAfter: milliseconds(offline.until - createdAt),
    },
    windows: {
      longestRun: milliseconds(windows.longestRunMs),
      cutoff: milliseconds(windows.cutoffMs),
      ignored: windows.ignored,
    },
    expiresAfter: milliseconds(expiresAt - createdAt),
    rollout,
    note,
  });
  const drafted = await draftRun(parts, run.tenantId, runId, body, { caller, cause });
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
  const firstSteps = Object.fromEntries(devices.map(({ deviceId, step }) => [deviceId, step]));
  await parts.jobs.putContent(runId, { ...content, firstSteps });
  await parts.jobs.putTargets(runId, deviceIds);
  await joinFamily(parts, rootRunId, { runId, parentRunId: run.jobId });
  return succeed(
    await startOrWait(parts, { ...again, content: { ...content, firstSteps } }, caller),
  );
}

// The family of a run: the restarts that go back to it.

const Family = z.array(z.object({ runId: z.string(), parentRunId: z.string() }));
type Relative = z.output<typeof Family>[number];

/** The restarts of a run, and theirs; some may never have come to be. */
async function familyOf(
  { blobs }: Pick<RunParts, "blobs">,
  rootRunId: string,
): Promise<readonly Relative[]> {
  const blob = await blobs.get(familyPath(rootRunId));
  return blob === undefined ? [] : Family.parse(JSON.parse(blob.toString()));
}

/** Joined before the run is written: one that is not there counts for nothing, one that nobody knows of would. */
async function joinFamily({ blobs }: RunParts, rootRunId: string, one: Relative): Promise<void> {
  const path = familyPath(rootRunId);
  for (;;) {
    const found = await blobs.getWithEtag(path);
    const family = found === undefined ? [] : Family.parse(JSON.parse(found.content.toString()));
    if (family.some(({ runId }) => runId === one.runId)) return;
    const text = JSON.stringify([...family, one]);
    if (await blobs.putIf(path, text, { etag: found?.etag, leaseId: undefined })) return;
  }
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
  for (const { runId } of await familyOf(parts, run.jobId)) {
    const stored = await parts.jobs.get(run.tenantId, runId);
    if (stored === undefined) continue;
    const view = await runView(parts, stored.job);
    const { failed = 0, notAttempted = 0 } = stored.job.taken ?? {};
    for (const bucket of bucketNames) buckets[bucket] += view.buckets[bucket];
    buckets.failed -= failed;
    buckets.notAttempted -= notAttempted;
    runs.push(runId);
  }
  if (runs.length === 0) return undefined;
  return { runs, buckets, ...verdictOver(buckets, total) };
}
