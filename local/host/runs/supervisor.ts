/** Keeps one worker running: a worker that dies is replaced at once, unless it dies at once every time. */

import type { Loaded, ToWorker } from "../app/protocol.ts";
import type { HostLog } from "./log.ts";
import type { WorkerProcess } from "./worker-process.ts";

export type SupervisorEvents = {
  readonly onReady: (worker: WorkerProcess, loaded: Loaded) => void;
  /** Every invocation that ran in the worker is lost. */
  readonly onLost: (reason: string) => void;
};

/** A worker that lived this long after loading did not crash on load. */
const healthyAfterMs = 1_000;
const longestPauseMs = 10_000;

/** Pause before the next start, in ms, after `crashes` early deaths in a row. */
export const restartPauseMs = (crashes: number): number =>
  crashes < 2 ? 0 : Math.min(longestPauseMs, 125 * 2 ** (crashes - 2));

export class Supervisor {
  readonly #startWorker: () => WorkerProcess;
  readonly #log: HostLog;
  readonly #events: SupervisorEvents;
  readonly #waiting = new Set<() => void>();
  /** Takes invocations; undefined from the death of one worker until the next has loaded. */
  #current: WorkerProcess | undefined;
  #latest: WorkerProcess | undefined;
  #crashes = 0;
  #pause: NodeJS.Timeout | undefined;
  #killedFor: string | undefined;
  #stopping = false;

  constructor(startWorker: () => WorkerProcess, log: HostLog, events: SupervisorEvents) {
    this.#startWorker = startWorker;
    this.#log = log;
    this.#events = events;
  }

  /** Starts the first worker. Rejects when the app does not load: that is no accident. */
  start(): Promise<Loaded> {
    return this.#launch();
  }

  get current(): WorkerProcess | undefined {
    return this.#current;
  }

  /** Waits for a worker, at most `timeoutMs`; tells whether there is one. */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.#current) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(resolve);
    return this.#current !== undefined;
  }

  /** Hands a message to the worker; false when there is none. */
  send(message: ToWorker): boolean {
    this.#current?.send(message);
    return this.#current !== undefined;
  }

  /** Ends the current worker for a reason; another one follows. */
  kill(reason: string): void {
    this.#killedFor ??= reason;
    this.#current?.kill();
  }

  /** Ends the worker for good, letting the app's end hooks run for at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#pause);
    if (this.#current) await this.#current.terminate(graceMs);
    else this.#latest?.kill();
    await this.#latest?.ended;
    for (const wake of this.#waiting) wake();
  }

  async #launch(): Promise<Loaded> {
    const worker = this.#startWorker();
    this.#latest = worker;
    const loaded = await worker.loaded;
    this.#current = worker;
    this.#events.onReady(worker, loaded);
    void this.#watch(worker, Date.now());
    for (const wake of this.#waiting) wake();
    return loaded;
  }

  async #watch(worker: WorkerProcess, loadedAt: number): Promise<void> {
    const ended = await worker.ended;
    const reason = this.#killedFor ?? ended;
    this.#crashes = Date.now() - loadedAt < healthyAfterMs ? this.#crashes + 1 : 0;
    this.#current = undefined;
    if (!this.#stopping) this.#log("error", `The worker process ended (${reason}).`);
    this.#events.onLost(reason);
    this.#killedFor = undefined;
    this.#relaunch();
  }

  #relaunch(): void {
    if (this.#stopping) return;
    this.#pause = setTimeout(() => void this.#launchAgain(), restartPauseMs(this.#crashes));
  }

  async #launchAgain(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      this.#crashes++;
      if (!this.#stopping) this.#log("error", `The app does not load any more: ${String(error)}`);
      this.#latest?.kill();
      await this.#latest?.ended;
      this.#relaunch();
    }
  }
}
