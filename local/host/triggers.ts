/** The triggers of an app's queue and timer functions, started and stopped together. */
import type { HostedFunction, QueueFunction, QueueOutput, TimerFunction } from "./app/functions.ts";
import type { QueueSettings } from "./app/host-json.ts";
import type { TypedData } from "./app/protocol.ts";
import { connectionString } from "./app/settings.ts";
import type { StorageAccounts } from "./app/storage-accounts.ts";
import { QueueListener } from "./queues/listener.ts";
import { queueProcessor } from "./queues/processor.ts";
import type { Listener } from "./runs/drain.ts";
import type { HostLog } from "./runs/log.ts";
import type { Run } from "./runs/runner.ts";
import { timerByHand, timerListener } from "./timers/listener.ts";
import { type TimerMonitor, timerMonitor } from "./timers/monitor.ts";
import { SingletonLock } from "./timers/singleton-lock.ts";

export type Triggers = Listener & {
  /** Tells whoever listens to this queue that it got messages. */
  readonly wake: (queue: Pick<QueueOutput, "queue" | "connection">) => void;
  /** What a timer function gets when somebody runs it by hand. */
  readonly timerByHand: (fn: TimerFunction) => Promise<TypedData>;
};

export type TriggersOptions = {
  readonly functions: readonly HostedFunction[];
  readonly accounts: StorageAccounts;
  readonly settings: QueueSettings;
  readonly env: Readonly<Record<string, string>>;
  readonly hostId: string;
  /** How long a received message stays ours before its lease is renewed; in seconds. */
  readonly messageLeaseSeconds: number;
  readonly run: Run;
  readonly workerReady: () => Promise<boolean>;
  readonly log: HostLog;
};

export function createTriggers(options: TriggersOptions): Triggers {
  const enabled = options.functions.filter(({ disabled }) => !disabled);
  const queues = enabled
    .filter((fn) => fn.kind === "queue")
    .map((fn) => ({ fn, listener: listenToQueue(fn, options, wake) }));
  const timers = enabled
    .filter((fn) => fn.kind === "timer")
    .map((fn) => listenToTimer(fn, options));
  function wake({ queue, connection }: Pick<QueueOutput, "queue" | "connection">): void {
    for (const { fn, listener } of queues) {
      if (fn.queue === queue && fn.connection === connection) listener.wake();
    }
  }
  const all: readonly Listener[] = [...queues.map(({ listener }) => listener), ...timers];
  return {
    start: () => all.forEach((listener) => listener.start()),
    stop: async () => void (await Promise.all(all.map((listener) => listener.stop()))),
    wake,
    timerByHand: (fn) => timerByHand(fn, monitorOf(fn, options)),
  };
}

const monitorOf = (fn: TimerFunction, { accounts, env, hostId }: TriggersOptions): TimerMonitor =>
  timerMonitor(accounts.hostContainer(connectionString(env)), hostId, fn.name);

function listenToQueue(fn: QueueFunction, options: TriggersOptions, wake: Triggers["wake"]) {
  const { accounts, settings, run, log, workerReady, messageLeaseSeconds: leaseSeconds } = options;
  return new QueueListener({
    fn,
    client: accounts.queue(fn.connection, fn.queue),
    settings,
    leaseSeconds,
    processor: queueProcessor({
      fn,
      settings,
      leaseSeconds,
      accounts,
      run,
      log,
      onPoison: (queue) => wake({ queue, connection: fn.connection }),
    }),
    workerReady,
    log,
  });
}

function listenToTimer(fn: TimerFunction, options: TriggersOptions): Listener {
  const { accounts, env, hostId, run, workerReady, log } = options;
  const container = accounts.hostContainer(connectionString(env));
  const lockName = `${hostId}/Host.Functions.${fn.name}.Listener`;
  return timerListener({
    fn,
    monitor: monitorOf(fn, options),
    lock: (onLost) => new SingletonLock(container, lockName, onLost),
    run,
    workerReady,
    log,
  });
}
