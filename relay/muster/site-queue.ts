/** The queue of the site: what Muster has told it, one message at a time. */
import { createHash } from "node:crypto";
import { QueueClient, type RestError } from "@azure/storage-queue";
import { z } from "zod";
import type { ClaimRequest } from "../base/claim.ts";

const Message = z.object({
  v: z.literal(1),
  tenantId: z.string(),
  notificationId: z.string(),
  from: z.string(),
  to: z.string(),
});

/** A message; `request` is undefined when it is none of ours. */
export type Received = {
  readonly id: string;
  /** How often it has been received. */
  readonly times: number;
  readonly request: ClaimRequest | undefined;
  /** It is done: take it out of the queue. */
  readonly done: () => Promise<void>;
  /** Let it come back after a while. */
  readonly later: (seconds: number) => Promise<void>;
};

const secondMs = 1000;

/** Where the site's queue is: its own address with a SAS, or an account's connection string. */
export type QueueAddress =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "connection"; readonly value: string };

/** The queue of one site. */
export type SiteQueue = { readonly receive: () => Promise<Received | undefined> };

/** Which queue, and how its messages are taken. */
type QueueOptions = {
  readonly queue: QueueAddress;
  readonly tenantId: string;
  readonly siteCode: string;
  /**
   * How long a message stays invisible while its rows are worked on: as long as the site stays a silent relay's. One
   * that comes back earlier than its work is done finds its claim under way.
   */
  readonly leaseMs: number;
};

/** Opens the queue; the address of its own, or the one that its site and tenant give it. */
export function openQueue({
  queue: address,
  tenantId,
  siteCode,
  leaseMs,
}: QueueOptions): SiteQueue {
  const client =
    address.kind === "url"
      ? new QueueClient(address.url)
      : new QueueClient(address.value, queueName(tenantId, siteCode));
  return {
    receive: async () => {
      const visibilityTimeout = Math.ceil(leaseMs / secondMs);
      const options = { numberOfMessages: 1, visibilityTimeout };
      const answer = await client.receiveMessages(options).catch(ifAbsent);
      const message = answer?.receivedMessageItems[0];
      if (message === undefined) return undefined;
      const { messageId, popReceipt, messageText, dequeueCount } = message;
      return {
        id: messageId,
        times: dequeueCount,
        request: claimRequestIn(messageText),
        done: async () => void (await client.deleteMessage(messageId, popReceipt).catch(ifAbsent)),
        later: async (seconds) =>
          void (await client
            .updateMessage(messageId, popReceipt, messageText, seconds)
            .catch(ifAbsent)),
      };
    },
  };
}

/** The name that Muster gives the queue of a site. */
export const queueName = (tenantId: string, siteCode: string): string =>
  `site-${siteCode.toLowerCase()}-${createHash("sha256").update(tenantId.toLowerCase()).digest("hex").slice(0, 8)}`;

function claimRequestIn(text: string): ClaimRequest | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(text, "base64").toString("utf8"));
    const { notificationId, from, to } = Message.parse(json);
    return { notificationId, from, to };
  } catch {
    return undefined;
  }
}

/**
 * No queue yet: Muster makes it with the first message. No message under this receipt: it came back
 * meanwhile, and whoever has it now sees to it. Anything else is told in words that name no signature.
 */
function ifAbsent(error: unknown): undefined {
  const { statusCode, code, message } = error as Partial<RestError>;
  if (statusCode === 404 || code === "PopReceiptMismatch") return undefined;
  const said =
    statusCode === undefined
      ? `does not answer: ${message ?? "no reason given"}`
      : `answers ${statusCode}`;
  const reason = typeof code === "string" && statusCode !== undefined ? ` ${code}` : "";
  throw new Error(`the queue ${said}${reason}`, { cause: error });
}
