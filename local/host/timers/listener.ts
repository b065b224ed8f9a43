/** Fires one timer function on its schedule, one run at a time, on one host at a time. */
import { hostname } from "node:os";
import type { BlobLeaseClient, BlockBlobClient, ContainerClient } from "@azure/storage-blob";
import { type Run, type TimerFunction } from "../app/functions.ts";
import type { TypedData } from "../app/protocol.ts";
import { storageStatus } from "../app/storage-accounts.ts";
import { createWakeUp, type Listener } from "../runs/drain.ts";
import { type HostLog, messageOf } from "../runs/log.ts";
import {
  longestWaitMs,
  planStart,
  type StatusText,
  statusAfter,
  statusText,
  type TimerMonitor,
  type TimerStatus,
} from "./plan.ts";

// A lock on a blob lease: one holder among all hosts of the same storage account and host id.
//
// A lease outlives a host that was killed. The holder therefore leaves its process id, and a host on the
// same machine that finds the process gone breaks the lease instead of waiting it out.

/** Seconds of the lease; a development host takes the shortest there is. */
const leaseSeconds = 15;
const retryMs = 2_000;

export class SingletonLock {
  readonly #container: ContainerClient;
  readonly #blob: BlockBlobClient;
  readonly #lease: BlobLeaseClient;
  readonly #onLost: () => void;
  readonly #pause = createWakeUp();
  #released = false;
  #held = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onLost Called when another host has the lock although we never gave it up. */
  constructor(container: ContainerClient, name: string, onLost: () => void) {
    this.#container = container;
    this.#blob = container.getBlockBlobClient(`locks/${name}`);
    this.#lease = this.#blob.getBlobLeaseClient();
    this.#onLost = onLost;
  }

  /** Waits until the lock is ours; false when `release` came first. */
  async acquire(): Promise<boolean> {
    while (!this.#released) {
      this.#held = await this.#tryAcquire().catch(() => false);
      if (this.#held) {
        this.#renewLater();
        return true;
      }
      await this.#pause.wait(retryMs);
    }
    return false;
  }

  async release(): Promise<void> {
    this.#released = true;
    this.#pause.wake();
    clearTimeout(this.#timer);
    if (this.#held) await this.#lease.releaseLease().catch(() => undefined);
    this.#held = false;
  }

  async #tryAcquire(): Promise<boolean> {
    try {
      await this.#lease.acquireLease(leaseSeconds);
      const conditions = { leaseId: this.#lease.leaseId };
      await this.#blob.setMetadata({ owner: `${hostname()}:${process.pid}` }, { conditions });
      return true;
    } catch (error) {
      if (storageStatus(error) === 404) {
        await this.#container.createIfNotExists();
        await this.#blob.upload("", 0);
        return this.#tryAcquire();
      }
      if (storageStatus(error) !== 409) throw error;
      const { metadata } = await this.#blob.getProperties();
      if (!isOrphaned(metadata?.["owner"])) return false;
      await this.#lease.breakLease(0);
      return this.#tryAcquire();
    }
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => void this.#renew(), leaseSeconds * 500);
  }

  async #renew(): Promise<void> {
    try {
      await this.#lease.renewLease();
    } catch (error) {
      const taken = [404, 409, 412].includes(storageStatus(error) ?? 0);
      if (taken && this.#held) {
        this.#held = false;
        return this.#onLost();
      }
    }
    if (this.#held) this.#renewLater();
  }
}

/** Whether the holder was a process of this machine that has ended. */
function isOrphaned(owner: string | undefined): boolean {
  const [host, pid] = owner?.split(":") ?? [];
  if (host !== hostname() || !pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

// Fires the timer while the lock is ours.

type TimerListenerOptions = {
  readonly fn: TimerFunction;
  readonly monitor: TimerMonitor;
  readonly lock: (onLost: () => void) => SingletonLock;
  readonly run: Run;
  /** Resolves when a worker can take invocations; false when that takes too long. */
  readonly workerReady: () => Promise<boolean>;
  readonly log: HostLog;
};

/** Pause after storage could not be asked for a timer's status, in ms. */
const beginAnewMs = 5_000;

/** Starts a session, and another one when the lock was lost to a host that may lose it again. */
export function timerListener(options: TimerListenerOptions): Listener {
  let session: TimerSession | undefined;
  const start = (): void => {
    const current = new TimerSession(options, () => {
      options.log("warning", "Another host took the timer's lock.", options.fn.name);
      void current.stop().then(() => session === current && start());
    });
    session = current;
  };
  return {
    start,
    async stop() {
      const current = session;
      session = undefined;
      await current?.stop();
    },
  };
}

/** One holding of the timer's lock, from waiting for it to giving it back. */
class TimerSession {
  readonly #pause = createWakeUp();
  readonly #lock: SingletonLock;
  readonly #done: Promise<void>;
  #acquired = false;
  #stopped = false;

  constructor(options: TimerListenerOptions, onLost: () => void) {
    this.#lock = options.lock(onLost);
    this.#done = this.#work(options);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pause.wake();
    // A lock that is not ours yet must not be waited for; one that is, is kept till the run ends.
    if (!this.#acquired) void this.#lock.release();
    await this.#done;
  }

  async #work(options: TimerListenerOptions): Promise<void> {
    this.#acquired = await this.#lock.acquire();
    while (this.#acquired && !this.#stopped) {
      try {
        await fire(options, () => this.#stopped, this.#pause.wait);
      } catch (error) {
        options.log("error", `The timer begins anew: ${messageOf(error)}`, options.fn.name);
        await this.#pause.wait(beginAnewMs);
      }
    }
    await this.#lock.release();
  }
}

/** Runs what is past due, then what comes, until stopped. */
async function fire(
  { fn, monitor, run, workerReady, log }: TimerListenerOptions,
  stopped: () => boolean,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  const { schedule } = fn;
  const monitored = hasMonitor(fn);
  const plan = planStart(schedule, monitored ? await monitor.read() : undefined, Date.now());
  let { status } = plan;

  async function keep(kept: TimerStatus): Promise<void> {
    if (!monitored) return;
    await monitor.write(statusText(kept, schedule)).catch((error: unknown) => {
      log("warning", `The timer's status was not kept: ${messageOf(error)}`, fn.name);
    });
  }

  async function runOnce(due: number, isPastDue: boolean): Promise<void> {
    while (!(await workerReady())) if (stopped()) return;
    const fired = Date.now();
    await run(fn, { data: timerData(monitored ? statusText(status, schedule) : null, isPastDue) });
    status = statusAfter(schedule, due, fired);
    await keep(status);
  }

  if (plan.stored) await keep(plan.stored);
  if (plan.pastDue) await runOnce(status.next, true);
  else if (fn.runOnStartup) await runOnce(0, false);
  while (!stopped()) {
    const left = status.next - Date.now();
    if (left > 0) await wait(Math.min(left, longestWaitMs));
    else await runOnce(status.next, false);
  }
}

const hasMonitor = ({ useMonitor, schedule }: TimerFunction): boolean =>
  useMonitor && !schedule.isSubMinute;

/** What a function that is run by hand gets: the status that is kept of it, and nothing is past due. */
export async function timerByHand(fn: TimerFunction, monitor: TimerMonitor): Promise<TypedData> {
  const status = hasMonitor(fn) ? await monitor.read() : undefined;
  return timerData(status === undefined ? null : statusText(status, fn.schedule), false);
}

/** The timer value a function gets. Without a monitor there is no status, whatever the typings say. */
function timerData(status: StatusText | null, isPastDue: boolean): TypedData {
  return {
    json: JSON.stringify({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: status,
      IsPastDue: isPastDue,
    }),
  };
}
