/** Polls one queue for one function: how many at a time, how often, and when to stop. */
import type { QueueClient } from "@azure/storage-queue";
import type { QueueFunction } from "../app/functions.ts";
import type { QueueSettings } from "../app/host-json.ts";
import { storageStatus } from "../app/storage-accounts.ts";
import type { Listener } from "../runs/drain.ts";
import { type HostLog, messageOf } from "../runs/log.ts";
import { randomizedBackoffMs } from "../runs/runner.ts";
import { createWakeUp } from "../runs/wake-up.ts";
import type { ReceivedMessage } from "./message.ts";
import type { QueueProcessor } from "./processor.ts";

export type QueueListenerOptions = {
  readonly fn: QueueFunction;
  readonly client: QueueClient;
  readonly settings: QueueSettings;
  readonly leaseSeconds: number;
  readonly processor: QueueProcessor;
  /** Resolves when a worker can take invocations; false when that takes too long. */
  readonly workerReady: () => Promise<boolean>;
  readonly log: HostLog;
};

/** Polls the queue of `fn`. */
export class QueueListener implements Listener {
  readonly #options: QueueListenerOptions;
  readonly #receive: () => Promise<readonly ReceivedMessage[]>;
  readonly #pause = createWakeUp();
  readonly #slots = createWakeUp();
  #running = 0;
  #stopped = true;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: QueueListenerOptions) {
    this.#options = options;
    this.#receive = receiver(options);
  }

  start(): void {
    this.#stopped = false;
    this.#loop = this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pause.wake();
    this.#slots.wake();
    await this.#loop;
    while (this.#running > 0) await this.#slots.wait(1_000);
  }

  /** Cuts a pause between polls short. */
  wake(): void {
    this.#pause.wake();
  }

  async #poll(): Promise<void> {
    const { settings, processor, workerReady } = this.#options;
    let idle = 0;
    while (!this.#stopped) {
      // Without a worker nothing is taken, so that messages stay for other hosts.
      const messages = (await workerReady()) && !this.#stopped ? await this.#receive() : [];
      if (this.#stopped) {
        await Promise.all(messages.map((message) => processor.release(message)));
      } else if (messages.length === 0) {
        idle++;
        await this.#pause.wait(
          randomizedBackoffMs(idle, settings.maxPollingInterval, Math.random()),
        );
      } else {
        idle = 0;
        for (const message of messages) void this.#handle(message);
        await this.#roomForMore(settings.newBatchThreshold);
      }
    }
  }

  async #roomForMore(threshold: number): Promise<void> {
    while (!this.#stopped && this.#running > threshold) await this.#slots.wait(60_000);
  }

  async #handle(message: ReceivedMessage): Promise<void> {
    this.#running++;
    const again = await this.#options.processor.process(message);
    this.#running--;
    this.#slots.wake();
    if (again) this.#pause.wake();
  }
}

/** Receives a batch. The queue is looked for once, and again after anything went wrong; it is never created. */
function receiver({ fn, client, settings, leaseSeconds, log }: QueueListenerOptions) {
  let exists = false;
  let failing = false;
  return async (): Promise<readonly ReceivedMessage[]> => {
    try {
      exists ||= await client.exists();
      if (!exists) return [];
      const { receivedMessageItems } = await client.receiveMessages({
        numberOfMessages: settings.batchSize,
        visibilityTimeout: leaseSeconds,
      });
      failing = false;
      return receivedMessageItems;
    } catch (error) {
      exists = false;
      const gone = storageStatus(error) === 404;
      if (!gone && !failing) {
        failing = true;
        log("warning", `Queue '${fn.queue}' cannot be read: ${messageOf(error)}`, fn.name);
      }
      return [];
    }
  };
}
