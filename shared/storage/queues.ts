/** Queues: small messages that name work. State is in rows; a message only says "look there". */
import type { QueueClient } from "@azure/storage-queue";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { stamp } from "../telemetry/trace.ts";
import { errorKindOf, type Interceptor, LimitExceeded } from "./calls.ts";
import type { QueueName, SiteQueueName } from "./names.ts";

/** Payload bytes of one queue message when it is sent as base64 (64 KiB on the wire). */
export const maxMessageBytes = 48 * 1024;
/** Longest time a queue message can stay invisible: seven days. */
const maxDelaySeconds = 7 * 24 * 3600;

/** Never expire: the default of seven days would lose work silently. */
const forever = -1;

/** What takes a message back that nobody has received yet. */
export type Receipt = { readonly messageId: string; readonly popReceipt: string };

/** All queues of the app over one connection. */
export class Queues {
  readonly #clients = new Map<QueueName | SiteQueueName, QueueClient>();
  readonly #clientOf: (queue: string) => QueueClient;
  readonly #intercept: Interceptor;
  readonly #clock: Clock;

  constructor(
    clientOf: (queue: string) => QueueClient,
    intercept: Interceptor,
    clock: Clock = systemClock,
  ) {
    this.#clientOf = clientOf;
    this.#intercept = intercept;
    this.#clock = clock;
  }

  /**
   * Sends `{ v: 1, ...message }` as base64 JSON, visible after `delaySeconds` (longer than seven days
   * is cut: whoever receives early looks at the row and postpones again). It carries its trace where somebody listens,
   * and is for a function: a site's goes to a relay, which knows none.
   */
  async send(
    queue: QueueName | SiteQueueName,
    message: object,
    delaySeconds = 0,
  ): Promise<Receipt> {
    const client = this.#clients.get(queue) ?? this.#clientOf(queue);
    this.#clients.set(queue, client);
    const isOurs = !queue.startsWith("site-");
    const carried = isOurs ? stamp(this.#clock.now(), delaySeconds) : {};
    const text = encodeMessage(queue, { ...message, ...carried });
    const options = {
      visibilityTimeout: Math.min(Math.max(0, Math.ceil(delaySeconds)), maxDelaySeconds),
      messageTimeToLive: forever,
    };
    const attempt = () =>
      this.#intercept(`queue.send ${queue}`, () => client.sendMessage(text, options));
    try {
      return await attempt();
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
      await client.createIfNotExists();
      return await attempt();
    }
  }

  /** Takes a message back whose work is done already. One that was received meanwhile, or cannot be reached, stays. */
  async withdraw(queue: QueueName, { messageId, popReceipt }: Receipt): Promise<void> {
    const client = this.#clients.get(queue) ?? this.#clientOf(queue);
    const remove = () => client.deleteMessage(messageId, popReceipt);
    await this.#intercept(`queue.delete ${queue}`, remove).catch(() => undefined);
  }

  /** Removes a site's queue with all that is in it; the next message makes it anew. */
  async removeSite(queue: SiteQueueName): Promise<void> {
    const client = this.#clientOf(queue);
    await this.#intercept(`queue.remove ${queue}`, () => client.deleteIfExists());
  }

  /**
   * Takes every message out of a queue's poison queue: hands its raw text to `keep`, then deletes it.
   * Answers how many there were.
   */
  async takePoison(queue: QueueName, keep: (text: string) => Promise<void>): Promise<number> {
    const client = this.#clientOf(`${queue}-poison`);
    let taken = 0;
    for (;;) {
      const messages = await this.#receive(client, queue);
      if (messages.length === 0) return taken;
      for (const { messageText, messageId, popReceipt } of messages) {
        await keep(messageText);
        await this.#removePoison(client, queue, messageId, popReceipt);
        taken += 1;
      }
    }
  }

  async #removePoison(client: QueueClient, queue: QueueName, id: string, popReceipt: string) {
    try {
      await this.#intercept(`queue.delete ${queue}-poison`, () =>
        client.deleteMessage(id, popReceipt),
      );
    } catch (error) {
      // Keeping took longer than the message stays hidden: somebody else has it, and will delete it.
      if (errorKindOf(error) !== "absent") throw error;
    }
  }

  async #receive(client: QueueClient, queue: QueueName) {
    try {
      const answer = await this.#intercept(`queue.receive ${queue}-poison`, () =>
        client.receiveMessages({ numberOfMessages: 32 }),
      );
      return answer.receivedMessageItems;
    } catch (error) {
      // No poison queue: nothing ever went wrong.
      if (errorKindOf(error) === "no-container" || errorKindOf(error) === "absent") return [];
      throw error;
    }
  }
}

/** The text that goes on the wire; throws when the payload passes 48 KiB. */
export function encodeMessage(queue: string, message: object): string {
  const bytes = Buffer.from(JSON.stringify({ v: 1, ...message }));
  if (bytes.byteLength > maxMessageBytes)
    throw new LimitExceeded("message-too-large", `${bytes.byteLength} bytes for ${queue}`);
  return bytes.toString("base64");
}
