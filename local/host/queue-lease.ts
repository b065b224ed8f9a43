/** Keeps a message invisible while its function runs, and remembers the latest pop receipt. */
import type { QueueClient } from "@azure/storage-queue";
import type { ReceivedMessage } from "./queue-message.ts";

export type MessageLease = {
  /** Ends renewal; resolves with the receipt that finishes the message. */
  readonly end: () => Promise<string>;
};

/**
 * Renews the lease of `message` at half of `leaseSeconds`, until ended.
 * A renewal that fails is tried again sooner; whoever finishes the message finds out whether it was lost.
 */
export function holdMessage(
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
