/**
 * Polls one queue for one function: how many at a time, how often, and when to stop; sees each received message to its
 * end: run, then delete, show again, or poison; and sends what a function left in its queue outputs.
 *
 * A host that dies between poison and delete leaves the message in both queues, as in Azure.
 */
import type { QueueClient } from "@azure/storage-queue";
import type { QueueSettings } from "../app/app-files.ts";
import {
  type HostedFunction,
  type Outcome,
  type QueueFunction,
  type QueueOutput,
  type Run,
} from "../app/functions.ts";
import { type StorageAccounts, storageCode, storageStatus } from "../app/storage-accounts.ts";
import { createWakeUp, type Listener, randomizedBackoffMs } from "../runs/drain.ts";
import { type HostLog, messageOf } from "../runs/log.ts";
import {
  afterFailure,
  decodeMessage,
  type Encoding,
  encodeMessage,
  mayRun,
  outputMessages,
  poisonQueueName,
  queueTriggerInput,
  type ReceivedMessage,
} from "./message.ts";

// Sends what a function left in its queue outputs, and wakes whoever listens to those queues.

/** Messages sent at the same time for one output. */
const parallel = 16;

/**
 * Makes the sender of outputs.
 * @param onSent Told of every queue that got messages.
 * @returns A function that rejects when a message could not be sent; the ones before it stay sent.
 */
export function outputSender(
  accounts: StorageAccounts,
  encoding: Encoding,
  onSent: (output: QueueOutput) => void,
) {
  return async (fn: HostedFunction, outcome: Extract<Outcome, { ok: true }>): Promise<void> => {
    for (const output of fn.outputs) {
      const { binding, connection, queue } = output;
      const data = binding === "$return" ? outcome.returnValue : outcome.outputs.get(binding);
      const bodies = data ? outputMessages(data) : [];
      const client = accounts.queue(connection, queue);
      for (let at = 0; at < bodies.length; at += parallel) {
        const chunk = bodies.slice(at, at + parallel);
        await Promise.all(chunk.map((body) => addMessage(client, encodeMessage(body, encoding))));
      }
      if (bodies.length > 0) onSent(output);
    }
  };
}

/** Adds a message to a queue that is created when it is not there. */
async function addMessage(client: QueueClient, text: string): Promise<void> {
  try {
    await client.sendMessage(text);
  } catch (error) {
    if (storageStatus(error) !== 404) throw error;
    await client.createIfNotExists();
    await client.sendMessage(text);
  }
}

// Sees one received message to its end.

type MessageLease = {
  /** Ends renewal; resolves with the receipt that finishes the message. */
  readonly end: () => Promise<string>;
};

/**
 * Renews the lease of `message` at half of `leaseSeconds`, until ended.
 * A renewal that fails is tried again sooner; whoever finishes the message finds out whether it was lost.
 */
function holdMessage(
  client: QueueClient,
  message: ReceivedMessage,
  leaseSeconds: number,
): MessageLease {
  const { messageId } = message;
  let { popReceipt } = message;
  let timer: NodeJS.Timeout;
  let renewal: Promise<void> = Promise.resolve();
  let ended = false;
  const arm = (ms: number): void => {
    if (ended) return;
    timer = setTimeout(() => {
      renewal = renew();
    }, ms);
  };
  async function renew(): Promise<void> {
    try {
      const updated = await client.updateMessage(messageId, popReceipt, undefined, leaseSeconds);
      popReceipt = updated.popReceipt ?? popReceipt;
      arm(leaseSeconds * 500);
    } catch {
      arm(Math.min(60_000, leaseSeconds * 100));
    }
  }
  arm(leaseSeconds * 500);
  return {
    async end() {
      ended = true;
      clearTimeout(timer);
      // A renewal under way brings a new receipt; the old one would leave the message in the queue.
      await renewal;
      return popReceipt;
    },
  };
}

type QueueProcessor = {
  /** Sees a message to its end. Resolves to true when it can be received again at once. Never rejects. */
  readonly process: (message: ReceivedMessage) => Promise<boolean>;
  /** Gives a message back unread. Never rejects. */
  readonly release: (message: ReceivedMessage) => Promise<void>;
};

type QueueProcessorOptions = {
  readonly fn: QueueFunction;
  readonly settings: QueueSettings;
  /** Lease of a received message, in seconds. */
  readonly leaseSeconds: number;
  readonly accounts: StorageAccounts;
  readonly run: Run;
  readonly log: HostLog;
  /** Told of every queue that got a poison message. */
  readonly onPoison: (queue: string) => void;
};

export function queueProcessor(options: QueueProcessorOptions): QueueProcessor {
  const { fn, settings, leaseSeconds, accounts, log } = options;
  const client = accounts.queue(fn.connection, fn.queue);
  const guard = guardOf(fn, log);
  const poisonQueue = poisonQueueName(fn.queue);
  const remove = (id: string, receipt: string) => unlessTaken(client.deleteMessage(id, receipt));
  const show = (id: string, receipt: string, seconds: number) =>
    unlessTaken(client.updateMessage(id, receipt, undefined, seconds));

  async function poison({ messageId: id, messageText }: ReceivedMessage, receipt: string) {
    if (poisonQueue === undefined) return;
    log("error", `Message ${id} goes to '${poisonQueue}'.`, fn.name);
    await addMessage(accounts.queue(fn.connection, poisonQueue), messageText);
    options.onPoison(poisonQueue);
    await remove(id, receipt);
  }

  async function settle(message: ReceivedMessage): Promise<boolean> {
    const { messageId: id, messageText, dequeueCount, popReceipt } = message;
    const body = decodeMessage(messageText, settings.messageEncoding);
    if (body === undefined) {
      // No number of tries would make it readable.
      log("error", `Message ${id} is not base64, so it cannot be read.`, fn.name);
      await poison(message, popReceipt);
      return false;
    }
    const lease = holdMessage(client, message, leaseSeconds);
    const succeeded =
      mayRun(fn.queue, dequeueCount, settings.maxDequeueCount) &&
      (await succeeds(options, message, body));
    const receipt = await lease.end();
    const next = succeeded
      ? "delete"
      : afterFailure(fn.queue, dequeueCount, settings.maxDequeueCount);
    if (next === "show") {
      const seconds = Math.round(settings.visibilityTimeout / 1000);
      await show(id, receipt, seconds);
      return seconds === 0;
    }
    if (next === "poison") await poison(message, receipt);
    if (next === "delete") await remove(id, receipt);
    return false;
  }

  return {
    process: (message) => guard(message.messageId, settle(message), false),
    release: ({ messageId, popReceipt }) =>
      guard(messageId, show(messageId, popReceipt, 0), undefined),
  };
}

/** Turns what went wrong with a message into a log line: it comes again when its lease ends. */
const guardOf =
  (fn: QueueFunction, log: HostLog) =>
  async <T>(messageId: string, work: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      log("error", `Message ${messageId} was not settled: ${messageOf(error)}`, fn.name);
      return otherwise;
    }
  };

async function succeeds(
  { fn, run, log }: QueueProcessorOptions,
  message: ReceivedMessage,
  body: Buffer,
): Promise<boolean> {
  const input = queueTriggerInput(message, body, fn.dataType);
  if (input === undefined) {
    log("error", `Message ${message.messageId} is not UTF-8, so it cannot be bound.`, fn.name);
    return false;
  }
  return (await run(fn, input)).ok;
}

/** A receipt that no longer fits means that somebody else has the message now, which is fine. */
async function unlessTaken(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (storageStatus(error) !== 404 && storageCode(error) !== "PopReceiptMismatch") throw error;
  }
}

// Polls the queue.

type QueueListenerOptions = {
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
