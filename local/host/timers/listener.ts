/** Fires one timer function on its schedule, one run at a time, on one host at a time. */
import type { TimerFunction } from "../app/functions.ts";
import type { TypedData } from "../app/protocol.ts";
import type { Listener } from "../runs/drain.ts";
import { type HostLog, messageOf } from "../runs/log.ts";
import type { Run } from "../runs/runner.ts";
import { createWakeUp } from "../runs/wake-up.ts";
import { type StatusText, statusText, type TimerMonitor } from "./monitor.ts";
import { longestWaitMs, planStart, statusAfter, type TimerStatus } from "./plan.ts";
import type { SingletonLock } from "./singleton-lock.ts";

export type TimerListenerOptions = {
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
