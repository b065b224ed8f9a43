/**
 * Sees one received message to its end: run, then delete, show again, or poison.
 *
 * A host that dies between poison and delete leaves the message in both queues, as in Azure.
 */
import type { QueueFunction } from "./functions.ts";
import type { QueueSettings } from "./host-json.ts";
import { type HostLog, messageOf } from "./log.ts";
import { addMessage } from "./outputs.ts";
import { holdMessage } from "./queue-lease.ts";
import { decodeMessage, queueTriggerInput, type ReceivedMessage } from "./queue-message.ts";
import { afterFailure, mayRun, poisonQueueName } from "./queue-verdict.ts";
import type { Run } from "./runner.ts";
import { type StorageAccounts, storageCode, storageStatus } from "./storage-accounts.ts";

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
