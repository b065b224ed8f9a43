/**
 * Work that is not left to a message, which would cost requests, and up to a second of waiting. A chunk goes on in the same
 * invocation as long as something of it is due; a small job is planned, and sent for the first time, inside of the request that
 * asks for it. Whoever dies on the way leaves a message, and in the rows how far it came.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import type { Receipt } from "../../storage/queues.ts";
import type { Job, JobIds } from "../state/job.ts";
import type { Chunk } from "../state/rollout.ts";
import { isUnsaved, itemsIn } from "./change-rows.ts";
import { type Coming, dispatch } from "./dispatch.ts";
import { type Continuation, type Engine, type FoundJob, idsOf } from "./engine.ts";
import { messageFor, plan } from "./plan.ts";
import { readBack } from "./read-back.ts";

// A chunk goes on.

/** So long a chunk is left alone of which a pass has changed nothing. */
const afterNothingMs = 1_000;
/** Nothing more is begun later than this: others wait for the worker, too. */
const workMs = 5_000;

/**
 * Works on a chunk as long as something of it is due, and there is time; what comes after that goes by message. Inside of a
 * request nothing is read back. Whoever dies on the way leaves the message that it came with, which finds in the rows how far
 * it got.
 */
export async function workOnChunk(
  engine: Engine,
  first: Continuation,
  { until = engine.clock.now() + workMs, ...coming }: Coming & { readonly until?: Instant } = {},
): Promise<"done" | "gone" | "onward"> {
  const { clock } = engine;
  let [next, came] = [first, coming];
  for (;;) {
    const now = clock.now();
    if (next.at > now || now >= until || (came.isInRequest && next.does === "readBack")) {
      await leave(engine, next, came.rows);
      return "onward";
    }
    const outcome =
      next.does === "dispatch"
        ? await dispatch(engine, next.message, came)
        : await readBack(engine, next.message, came.rows);
    if (outcome.kind !== "goesOn") return outcome.kind;
    const { rows } = outcome;
    next = outcome.next;
    // Where nothing of it has changed, nothing will by asking at once.
    const before = new Set(itemsIn(came.rows ?? []));
    const isIdle = itemsIn(rows).every((item) => before.has(item));
    if (isIdle && next.does === "dispatch")
      next = { ...next, at: Math.max(next.at, clock.now() + afterNothingMs) };
    came = { ...came, isRedelivered: false, rows };
  }
}

/** Leaves the rest to a message, with everything written down. */
async function leave(
  { items, queues, clock }: Engine,
  { does, message, at }: Continuation,
  rows: Coming["rows"] = [],
): Promise<void> {
  const unsaved = rows.filter(isUnsaved);
  // Where somebody was faster it stays as it was read: whoever comes reads it back once more.
  if (unsaved.length > 0) await items.replace(message.jobId, unsaved);
  await queues.send(queueOf[does], message, (at - clock.now()) / 1000);
}

const queueOf = { dispatch: queueNames.fanoutDispatch, readBack: queueNames.fanoutReadBack };

// A job begins. A small one is planned, and sent for the first time, inside the request that asks for it: most are
// for a single target, and two waits for a poll of a queue are longer than all of that work.
//
// Its message is sent before, visible a little later, and taken back at the end. So a worker that dies anywhere on
// the way leaves what every planner leaves: rows, progress that names what has not been passed on, and a message.

const passesAtOnce = 4;

/** Begins a job whose row is written. Twice is once; where it fails, the request does not. */
export async function begin(engine: Engine, job: Job): Promise<void> {
  const { targets, boxMs, safetyMs } = engine.firstPass;
  const ids = idsOf(job);
  const isSmall = (job.expected ?? Number.POSITIVE_INFINITY) <= targets;
  const delaySeconds = isSmall ? safetyMs / 1000 : 0;
  const receipt = await engine.queues.send(queueNames.fanoutPlan, ids, delaySeconds);
  if (!isSmall) return;
  const ended = new AbortController();
  const work = firstPass(engine, ids, receipt)
    // The message goes on from here; whoever gives up in the end can say what it was.
    .catch((error: unknown) => engine.failures.noteError(ids, error, engine.clock.now()))
    .catch(() => undefined)
    .finally(() => ended.abort());
  // The work goes on when the wait is over: to cut a request would leave it without an answer, and a message would
  // stand behind those of every large job.
  await Promise.race([work, sleep(boxMs, undefined, ended).catch(() => undefined)]);
}

async function firstPass(engine: Engine, ids: JobIds, receipt: Receipt): Promise<void> {
  const { safetyMs } = engine.firstPass;
  const until = engine.clock.now() + safetyMs;
  const outcome = await plan(engine, ids, {
    forMs: safetyMs,
    takeChunks: async (found, chunks) => {
      await inParallel(chunks, passesAtOnce, (chunk) => passChunk(engine, found, chunk, until));
    },
  });
  // Somebody else plans it, and may die.
  if (outcome === "lost" || typeof outcome === "object") return;
  if (outcome === "unfinished") await engine.queues.send(queueNames.fanoutPlan, ids);
  await engine.queues.withdraw(queueNames.fanoutPlan, receipt);
}

/** Passes over a chunk while its time has come and there is time; what is left of it goes by message. */
async function passChunk(
  engine: Engine,
  found: FoundJob,
  chunk: Chunk,
  until: Instant,
): Promise<void> {
  const message = await messageFor(found, chunk);
  if (message === undefined) return;
  const first = { does: "dispatch", message, at: chunk.at } as const;
  await workOnChunk(engine, first, { isInRequest: true, until });
}
