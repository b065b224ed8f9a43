/** Sends what a function left in its queue outputs, and wakes whoever listens to those queues. */
import type { QueueClient } from "@azure/storage-queue";
import type { HostedFunction, QueueOutput } from "../app/functions.ts";
import { type StorageAccounts, storageStatus } from "../app/storage-accounts.ts";
import type { Outcome } from "../runs/invocations.ts";
import { type Encoding, encodeMessage, outputMessages } from "./message.ts";

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
export async function addMessage(client: QueueClient, text: string): Promise<void> {
  try {
    await client.sendMessage(text);
  } catch (error) {
    if (storageStatus(error) !== 404) throw error;
    await client.createIfNotExists();
    await client.sendMessage(text);
  }
}
