/**
 * Queues that a test drains by hand: messages in memory, in the order of their time, sent through the
 * same seam as the real ones. Nobody waits for that time: it passes when its message is taken. Everything else of a rig is real.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Interceptor } from "../../shared/storage/calls.ts";
import type { QueueName, SiteQueueName } from "../../shared/storage/names.ts";
import { encodeMessage, Queues, type Receipt } from "../../shared/storage/queues.ts";
import { passTime } from "./passing-time.ts";

/** Every notification is planned by its message, so that a test sees each message and decides when it comes. */
export const byMessageOnly = { targets: -1, boxMs: 0, safetyMs: 0 };

/** A message that waits for its time. */
export type Waiting = {
  readonly queue: QueueName;
  /** As a function receives it. */
  readonly message: Record<string, unknown>;
  readonly visibleAt: number;
  readonly attempts: number;
  /** It has been delivered before. */
  readonly isRedelivered?: true;
  /** Its receipt's id, where it was sent. */
  readonly messageId?: string;
};

/** How often to look whether what is being handled has ended. */
const lookAgainMs = 5;

/** Queues in memory. Delays are kept to the millisecond. */
export class TestQueues extends Queues {
  #waiting: Waiting[] = [];
  #handled = 0;
  readonly #send: Interceptor;

  constructor(tap: Interceptor) {
    super(() => {
      throw new Error("this rig has no queue service");
    }, tap);
    this.#send = tap;
  }

  override async send(queue: QueueName, message: object, delaySeconds = 0): Promise<Receipt> {
    const messageId = randomUUID();
    const text = Buffer.from(encodeMessage(queue, message), "base64").toString("utf8");
    await this.#send(`queue.send ${queue}`, () => {
      this.put({
        queue,
        message: JSON.parse(text) as Record<string, unknown>,
        visibleAt: Date.now() + delaySeconds * 1000,
        attempts: 0,
        messageId,
      });
      return Promise.resolve();
    });
    return { messageId, popReceipt: "" };
  }

  override async withdraw(queue: QueueName, receipt: Receipt): Promise<void> {
    await this.#send(`queue.delete ${queue}`, () => {
      this.#waiting = this.#waiting.filter(({ messageId }) => messageId !== receipt.messageId);
      return Promise.resolve();
    });
  }

  override async removeSite(queue: SiteQueueName): Promise<void> {
    await this.#send(`queue.remove ${queue}`, () => {
      this.#waiting = this.#waiting.filter((each) => each.queue !== (queue as string));
      return Promise.resolve();
    });
  }

  /** Adds a message without the seam: a duplicate, or one that comes back. */
  put(message: Waiting): void {
    this.#waiting.push(message);
  }

  /** Takes the message whose time comes first; undefined when there is none. */
  async take(): Promise<Waiting | undefined> {
    const [first] = this.#waiting.toSorted((a, b) => a.visibleAt - b.visibleAt);
    if (first === undefined) return undefined;
    this.#waiting = this.#waiting.filter((each) => each !== first);
    // Time that passes at once under somebody's request would outrun its time limit, which is real.
    while (this.#handled > 0 && first.visibleAt > Date.now()) await sleep(lookAgainMs);
    passTime(first.visibleAt - Date.now());
    return first;
  }

  /** Handles a message: meanwhile time takes its time. */
  async handling(work: () => Promise<void>): Promise<void> {
    this.#handled += 1;
    try {
      await work();
    } finally {
      this.#handled -= 1;
    }
  }

  /** What waits, earliest first. */
  waiting(): readonly Waiting[] {
    return this.#waiting.toSorted((a, b) => a.visibleAt - b.visibleAt);
  }

  /** Forgets everything: messages that were lost. */
  lose(): void {
    this.#waiting = [];
  }
}
