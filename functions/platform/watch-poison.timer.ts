/**
 * Sets aside messages that ended in a poison queue, and tells their functions, so that the work ends where people see
 * it. They are read raw, since some of them got there because the host could not even decode them.
 *
 * Delivery: one at a time; a message is listed before it is deleted, so at worst it is listed twice.
 */
import * as z from "zod";
import { apart } from "../../shared/kernel/concurrency.ts";
import {
  onTimer,
  type QueueFunction,
  type QueueNeeds,
  type TimerFunction,
  type Tools,
} from "../define.ts";

/** The watch over the poison queues of these functions. */
export const watchPoisonFunction = <S extends QueueNeeds>(
  watched: readonly QueueFunction<S>[],
): TimerFunction<S> =>
  onTimer({
    name: "platform-watch-poison",
    schedule: "*/20 * * * * *",
    async handle(tools: Tools<S>) {
      const { services, log } = tools;
      const each = apart("some poison queues were not looked into");
      for (const definition of watched) {
        const { name: queue } = definition;
        const take = () =>
          services.storage.queues.takePoison(queue, async (text) => {
            const { reason, content } = explainPoison(text);
            await services.deadLetters.add({ queue, reason, content });
            await tell(definition, content, tools);
          });
        const taken = await each.run(queue, take, 0);
        if (taken > 0) log("message.poison", { queue, messages: taken });
      }
      each.end();
    },
  });

/** Tells the function whose message it was. If that fails too, the sweeper finds the work later. */
async function tell<S>(
  { name: queue, message: schema, onPoison }: QueueFunction<S>,
  content: string,
  tools: Tools<S>,
): Promise<void> {
  const { data } = Envelope.safeParse(content);
  if (data === undefined) return;
  const { v: _, trace: __, ...ids } = data;
  const message = schema.safeParse(ids);
  if (!message.success) return;
  await onPoison?.(message.data as never, tools).catch((error: unknown) => {
    tools.log("message.poison-failed", { queue, error: String(error) });
  });
}

/** The text of a message of ours. */
const Envelope = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("is not JSON");
      return z.NEVER;
    }
  })
  .pipe(z.looseObject({ v: z.literal(1), trace: z.unknown().optional() }));

/** What can be said about a poison message by its text alone. */
function explainPoison(text: string): { reason: string; content: string } {
  const decoded = Buffer.from(text, "base64");
  if (decoded.toString("base64").replace(/=+$/, "") !== text.trim().replace(/=+$/, ""))
    return { reason: "not base64: it was never handed to a function", content: text };
  return {
    reason:
      "every attempt failed; the work itself is in its row, and is tried again or ended there",
    content: decoded.toString("utf8"),
  };
}
