/**
 * The way of a queue message, the same for every queue function: is it one of ours, then the handler,
 * then what the handler decided. Unknown shapes are set aside with the reason, never retried.
 */
import type { InvocationContext } from "@azure/functions";
import * as z from "zod";
import { faultsOf } from "../shared/http/body.ts";
import type { Storage } from "../shared/storage/storage.ts";
import type { DeadLetterStore } from "../shared/work/dead-letters.ts";
import type { QueueFunction, Tools } from "./define.ts";

/** Every message of ours says which version of its shape it has. */
const Versioned = z.looseObject({ v: z.literal(1) });

/** What a message's way works with, whatever its handler needs besides. */
export type QueueNeeds = { readonly storage: Storage; readonly deadLetters: DeadLetterStore };

/** Handles one message. Throws only when the message should come back. */
export async function serveQueue<S extends QueueNeeds>(
  { name, message: schema, handle, onFailure }: QueueFunction<S>,
  raw: unknown,
  { invocationId }: Pick<InvocationContext, "invocationId">,
  tools: Tools<S>,
): Promise<void> {
  const { services, log } = tools;
  const setAside = async (reason: string): Promise<void> => {
    log("message.dead-letter", { queue: name, reason, invocationId });
    await services.deadLetters.add({ queue: name, reason, content: raw });
  };
  const version = Versioned.safeParse(raw);
  if (!version.success) return setAside("unknown version or no message of ours");
  const { v: _, ...ids } = version.data;
  const parsed = schema.safeParse(ids);
  if (!parsed.success) {
    const faults = faultsOf(parsed.error).map(({ pointer, detail }) => `${pointer} ${detail}`);
    return setAside(`unknown shape: ${faults.join("; ")}`);
  }
  const outcome = await handle(parsed.data as never, tools).catch(async (error: unknown) => {
    await onFailure?.(parsed.data as never, error, tools).catch(() => undefined);
    throw error;
  });
  if (outcome.kind === "deadLetter") return setAside(outcome.reason);
  if (outcome.kind === "again")
    await services.storage.queues.send(name, outcome.message ?? ids, outcome.afterSeconds);
}
