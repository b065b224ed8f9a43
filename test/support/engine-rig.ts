/**
 * The fan-out engine with one kind of job, over Azurite, with queues that the test drains: what any kind gets for
 * free can be tried on it.
 */

import { changeJob } from "../../shared/fanout/care/control.ts";
import { sweep } from "../../shared/fanout/care/sweep.ts";
import { begin, workOnChunk } from "../../shared/fanout/engine/at-once.ts";
import { closeWaiting } from "../../shared/fanout/engine/change-rows.ts";
import { type Engine, idsOf, type Throttle } from "../../shared/fanout/engine/engine.ts";
import { plan } from "../../shared/fanout/engine/plan.ts";
import type { JobKind } from "../../shared/fanout/kind.ts";
import { ItemStore, RowSummaries } from "../../shared/fanout/state/item-store.ts";
import {
  ChunkMessage,
  FailureNotes,
  isOpen,
  type Job,
  JobMessage,
  JobStore,
  ReadBackMessage,
} from "../../shared/fanout/state/job.ts";
import { systemClock } from "../../shared/kernel/clock.ts";
import { fail } from "../../shared/kernel/failure.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { openStorage, type Storage } from "../../shared/storage/storage.ts";
import { storageConnectionString } from "./azurite.ts";
import { type FaultTap, Killed } from "./fault-tap.ts";
import { passTime } from "./passing-time.ts";
import { TestQueues, type Waiting } from "./test-queues.ts";

/** Nothing limits anybody. */
const unlimited = {
  rateOf: () => Promise.resolve(undefined),
  read: () => Promise.resolve({ shiftMs: 0, closedUntil: 0, nextFree: 0 }),
} as unknown as Throttle;

/** How soon a failed message comes back. */
const redeliverMs = 20;

type Kinded<J extends Job> = { readonly kind: JobKind<J>; readonly jobs: JobStore<J> };

/** Starts the engine for jobs of one kind; one that keeps more than rows is built over the rig's storage. */
export async function startEngineRig<J extends Job>(
  { tap, isDead, revive }: FaultTap,
  given: JobKind<J> | ((storage: Storage) => Kinded<J>),
) {
  const connection = { kind: "connectionString", value: storageConnectionString() } as const;
  const storage = await openStorage(connection, systemClock, tap);
  const queues = new TestQueues(tap);
  const { kind, jobs } =
    typeof given === "function"
      ? given(storage)
      : { kind: given, jobs: new JobStore<J>(storage, given) };
  const engine: Engine = {
    kinds: new Map([[kind.id, { kind: kind as JobKind, jobs: jobs as unknown as JobStore }]]),
    items: new ItemStore(storage.tables),
    summaries: new RowSummaries(storage.tables),
    failures: new FailureNotes(storage.tables),
    throttle: unlimited,
    queues,
    knows: () => Promise.resolve(true),
    rests: () => Promise.resolve(undefined),
    clock: systemClock,
    random: () => 0,
    wait: () => Promise.resolve(),
    times: { claimMs: 400, askMs: 300, readBackAfterMs: 40, overdueMs: 1000 },
    firstPass: { targets: -1, boxMs: 0, safetyMs: 0 },
  };

  /** Handles one message as its queue function would; a death leaves it in the queue. */
  async function handleOne({ isRedelivered, ...waiting }: Waiting): Promise<void> {
    const { v: _, ...message } = waiting.message;
    const again = (next: object, at: number) =>
      queues.put({ ...waiting, message: { v: 1, ...next }, visibleAt: at });
    try {
      if (waiting.queue === queueNames.fanoutPlan) {
        const outcome = await plan(engine, JobMessage.parse(message));
        if (outcome === "lost") again(message, Date.now() + redeliverMs);
        if (typeof outcome === "object") again(message, outcome.at);
      } else if (waiting.queue === queueNames.fanoutDispatch) {
        const first = { does: "dispatch", message: ChunkMessage.parse(message), at: 0 } as const;
        await workOnChunk(engine, first, { isRedelivered: isRedelivered === true });
      } else if (waiting.queue === queueNames.fanoutReadBack) {
        const first = { does: "readBack", message: ReadBackMessage.parse(message), at: 0 } as const;
        await workOnChunk(engine, first);
      } else await closeWaiting(engine, JobMessage.parse(message));
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      queues.put({ ...waiting, visibleAt: Date.now() + redeliverMs, isRedelivered: true });
    }
    if (isDead()) revive();
  }

  const handle = (waiting: Waiting): Promise<void> => queues.handling(() => handleOne(waiting));

  async function drain(until = () => false): Promise<void> {
    for (;;) {
      const next = until() ? undefined : await queues.take();
      if (next === undefined) return;
      await handle(next);
    }
  }

  return {
    engine,
    jobs,
    queues,
    handle,
    async start(job: J): Promise<void> {
      await jobs.insert(job);
      await begin(engine, job);
    },
    drain,
    /** What a sweeper does for one job, whenever its messages were lost. */
    async sweep(job: J): Promise<void> {
      const { tenantId, jobId } = job;
      for (let tries = 0; tries < 5; tries += 1) {
        const open = (await jobs.get(tenantId, jobId))?.job;
        if (open === undefined || !isOpen(open)) return;
        passTime(engine.times.overdueMs + 100);
        await sweep(engine, () => Promise.resolve());
        await drain();
      }
    },
    cancel: (job: J) =>
      changeJob(engine, jobs, idsOf(job), {
        change: "cancel",
        name: "The job",
        unknown: fail("conflict", "There is no such job."),
        stateOf: ({ state }) => state,
      }),
    async counts({ tenantId, jobId }: Pick<J, "tenantId" | "jobId">) {
      const stored = await jobs.get(tenantId, jobId);
      return { state: stored?.job.state, counts: await engine.items.counts(jobId) };
    },
  };
}
