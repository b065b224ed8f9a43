/**
 * Begins a job. A small one is planned, and sent for the first time, inside the request that asks for it: most are
 * for a single target, and two waits for a poll of a queue are longer than all of that work.
 *
 * Its message is sent before, visible a little later, and taken back at the end. So a worker that dies anywhere on
 * the way leaves what every planner leaves: rows, progress that names what has not been passed on, and a message.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import type { Receipt } from "../../storage/queues.ts";
import type { Job, JobIds } from "../state/job.ts";
import type { Chunk } from "../state/progress.ts";
import { dispatch, nextPass } from "./dispatch.ts";
import { type Engine, type FoundJob, idsOf } from "./engine.ts";
import { messageFor, plan } from "./plan.ts";

const concurrency = 4;

/** Begins a job whose row is written. Twice is once; its troubles are not those of the request. */
export async function begin(engine: Engine, job: Job): Promise<void> {
  const { targets, boxMs, safetyMs } = engine.firstPass;
  const ids = idsOf(job);
  const isSmall = (job.expected ?? Number.POSITIVE_INFINITY) <= targets;
  const delaySeconds = isSmall ? safetyMs / 1000 : 0;
  const receipt = await engine.queues.send(queueNames.fanoutPlan, ids, delaySeconds);
  if (!isSmall) return;
  const over = new AbortController();
  const work = firstPass(engine, ids, receipt)
    // The message goes on from here; whoever gives up in the end can say what it was.
    .catch((error: unknown) => engine.failures.noteError(ids, error, engine.clock.now()))
    .catch(() => undefined)
    .finally(() => over.abort());
  // The work goes on when the wait is over: to cut a request would leave it without an answer, and a message would
  // stand behind those of every large job.
  await Promise.race([work, sleep(boxMs, undefined, over).catch(() => undefined)]);
}

async function firstPass(engine: Engine, ids: JobIds, receipt: Receipt): Promise<void> {
  const { safetyMs } = engine.firstPass;
  const until = engine.clock.now() + safetyMs;
  const outcome = await plan(engine, ids, {
    forMs: safetyMs,
    takeChunks: async (found, chunks) => {
      await inParallel(chunks, concurrency, (chunk) => passChunk(engine, found, chunk, until));
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
  let { at } = chunk;
  let message = await messageFor(found, chunk);
  while (message !== undefined) {
    const now = engine.clock.now();
    if (at > now || now >= until) {
      await engine.queues.send(queueNames.fanoutDispatch, message, (at - now) / 1000);
      return;
    }
    const next = nextPass(message, await dispatch(engine, message));
    at = next?.at ?? at;
    message = next?.message;
  }
}
