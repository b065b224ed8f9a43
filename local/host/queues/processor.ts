/**
 * Sees one received message to its end: run, then delete, show again, or poison.
 *
 * A host that dies between poison and delete leaves the message in both queues, as in Azure.
 */
import type { QueueClient } from "@azure/storage-queue";
import type { QueueFunction } from "../app/functions.ts";
import type { QueueSettings } from "../app/host-json.ts";
import { type StorageAccounts, storageCode, storageStatus } from "../app/storage-accounts.ts";
import { type HostLog, messageOf } from "../runs/log.ts";
import type { Run } from "../runs/runner.ts";
import { decodeMessage, queueTriggerInput, type ReceivedMessage } from "./message.ts";
import { addMessage } from "./outputs.ts";

// Keeps a message invisible while its function runs, and remembers the latest pop receipt.

export type MessageLease = {
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

// What happens to a message, by how often it was taken already. Pure.

const suffix = "-poison";
/** Longest name of a queue. */
const longestName = 63;

/** Name of the queue for messages that failed too often; undefined when there can be none. */
export const poisonQueueName = (queue: string): string | undefined =>
  queue.endsWith(suffix) || queue.length + suffix.length > longestName ? undefined : queue + suffix;

/**
 * Whether a message may run at all: one beyond the maximum was poison before. Where there is no poison queue,
 * nothing counts (storage extension 5.3.8 and later).
 */
export const mayRun = (queue: string, dequeueCount: number, maximum: number): boolean =>
  poisonQueueName(queue) === undefined || dequeueCount <= maximum;

/**
 * What to do with a message that failed: show it again, or move it away. Where it cannot be moved, it stays
 * invisible until its lease ends, so that it is not tried again without a pause.
 */
export function afterFailure(
  queue: string,
  dequeueCount: number,
  maximum: number,
): "show" | "poison" | "leave" {
  if (poisonQueueName(queue) === undefined) return "leave";
  return dequeueCount < maximum ? "show" : "poison";
}

export type QueueProcessor = {
  /** Sees a message to its end. Resolves to true when it can be received again at once. Never rejects. */
  readonly process: (message: ReceivedMessage) => Promise<boolean>;
  /** Gives a message back unread. Never rejects. */
  readonly release: (message: ReceivedMessage) => Promise<void>;
};

export type QueueProcessorOptions = {
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
