/**
 * Messages that the host has given up. Planning is tried again a few times, further and further apart, and then the
 * job fails; a chunk is tried again row by row, so that one that breaks its handlers does not take its neighbours
 * along, and a row that keeps failing comes to a true end. What it was is said in either case.
 */
import { type QueueName, queueNames } from "../../storage/names.ts";
import { changeRows, isUnreleased, itemsIn, touchAt } from "../engine/change-rows.ts";
import { closeIfDone } from "../engine/close.ts";
import { afterReport, isCarried } from "../engine/decide.ts";
import { releasedTo } from "../engine/dispatch.ts";
import { type Engine, type FoundJob, findJob, idsOf } from "../engine/engine.ts";
import type { Finding, JobKind } from "../kind.ts";
import { type Item, lifecycle, type Transition } from "../state/item.ts";
import { UnreadableRow } from "../state/item-store.ts";
import type { JobIds } from "../state/job.ts";
import { causeOf } from "../state/job-store.ts";
import type { ChunkIds } from "../state/messages.ts";
import type { RowSummary } from "../state/row-summaries.ts";
import { failPlanning, isBeingPlanned } from "./abandon.ts";

/** So many messages in a row may be given up before their work ends where people see it. */
export const maxFailures = 3;

const waitsSeconds = [60, 240];

/** Seconds before trying again, after the n-th message in a row. */
const waitAfter = (nth: number): number =>
  waitsSeconds[Math.min(nth, waitsSeconds.length) - 1] ?? 0;

/** A message that asked for planning: tries again, or fails the job. */
export async function poisonedPlan(
  engine: Engine,
  ids: JobIds,
): Promise<"again" | "failed" | "over"> {
  const found = await findJob(engine, ids);
  if (found === undefined || !isBeingPlanned(found.job)) return "over";
  const note = await engine.failures.get(ids);
  const atStep = (await engine.items.plan(ids.jobId))?.progress.steps ?? 0;
  // A step further than last time: somebody got through meanwhile.
  const plans = atStep > note.atStep ? 1 : note.plans + 1;
  if (plans < maxFailures) {
    await engine.failures.notePlans(ids, { plans, atStep });
    await engine.queues.send(queueNames.fanoutPlan, idsOf(ids), waitAfter(plans));
    return "again";
  }
  const detail = `its targets could not be planned: ${causeOf(note)}`;
  await failPlanning(engine, ids, { code: "planning-failed", detail });
  return "failed";
}

/** A message about a chunk: tries its rows again one by one, and ends those that failed too often. */
export async function poisonedChunk(
  engine: Engine,
  { from, to, ...ids }: ChunkIds,
): Promise<{ again: number; ended: number }> {
  const found = await findJob(engine, ids);
  let again = 0;
  let ended = 0;
  if (found === undefined) return { again, ended };
  for await (const page of engine.summaries.pages(ids.jobId, from, to))
    for (const row of page.filter(({ live }) => live > 0)) {
      const failures = row.failures + 1;
      const { lastTargetId } = row;
      const requeuedAt = engine.clock.now();
      await engine.summaries.note(ids.jobId, [row], { failures, requeuedAt });
      if (failures < maxFailures) {
        const single = { ...idsOf(ids), from: lastTargetId, to: lastTargetId };
        await engine.queues.send(queueFor(row), single, waitAfter(failures));
        again += 1;
      } else {
        await endRow(engine, found, lastTargetId, causeOf(await engine.failures.get(ids)));
        ended += 1;
      }
    }
  return { again, ended };
}

const queueFor = ({ waiting }: RowSummary): QueueName =>
  waiting > 0 ? queueNames.fanoutDispatch : queueNames.fanoutReadBack;

/**
 * Brings a row that no handler gets through to a true end: what never left has failed, what may have left is looked
 * for once more, and of what no trace can be seen nobody knows. What a carrier fetches is its own to report. The
 * readings are few, and inside what the throttle leaves free.
 */
async function endRow(
  engine: Engine,
  { kind, job }: FoundJob,
  lastTargetId: string,
  cause: string,
): Promise<void> {
  const rows = await readableRows(engine, job.jobId, lastTargetId);
  const now = engine.clock.now();
  const limit = { job, releasedTo: await releasedTo(engine, job) };
  const open = itemsIn(rows)
    .filter((item) => !isUnreleased(limit, item))
    .filter((item) => item.state === "waiting" || !isCarried(kind, job, item))
    // Under a mark that still holds, a call may be on its way: whoever comes next ends it.
    .filter((item) => item.state !== "claimed" || touchAt(item, engine.times.claimMs) <= now);
  const left = open.filter(({ state }) => state === "claimed" || state === "sent");
  // Reading may be the very thing that fails.
  const findings = await kind.readBack(job, left).catch(() => new Map<string, Finding>());
  const transitions = new Map(
    open.map((item) => [item.targetId, endStep(kind, item, findings.get(item.targetId), cause)]),
  );
  await changeRows(engine, { kind, job, rows }, { transitions, now: engine.clock.now() });
  await closeIfDone(engine, job);
}

/** The row, or nothing of one whose text cannot be read: that one ends here. */
async function readableRows({ items }: Pick<Engine, "items">, jobId: string, key: string) {
  try {
    return await items.range(jobId, key, key);
  } catch (error) {
    if (!(error instanceof UnreadableRow)) throw error;
    await items.endUnreadable(jobId, error);
    return [];
  }
}

/** How an item ends whose handlers fail, by what the far side shows of it. */
export function endStep(
  kind: Pick<JobKind, "reasons">,
  item: Item,
  finding: Finding | undefined,
  cause: string,
): Transition {
  const details = { code: "muster-failed", detail: `Muster could not handle it: ${cause}` };
  const lose: Transition = { event: "lose", details };
  // What was asked without a clear answer may have been done, however little can be seen of it.
  if (item.state === "waiting") return item.unclear ? lose : { event: "fail", details };
  if (finding?.kind !== "ended") return lose;
  const transition = afterReport(kind, finding, "early");
  return transition && lifecycle[item.state][transition.event] !== undefined ? transition : lose;
}
