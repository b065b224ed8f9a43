/**
 * Sets aside messages that ended in a poison queue. They are read raw, since some of them got there
 * because the host could not even decode them.
 *
 * Delivery: one at a time; a message is listed before it is deleted, so at worst it is listed twice.
 */
import { queueNames } from "../../shared/storage/names.ts";
import { onTimer } from "../define.ts";

export const watchPoisonFunction = onTimer({
  name: "platform-watch-poison",
  schedule: "*/20 * * * * *",
  async handle({ services, log }) {
    for (const queue of Object.values(queueNames)) {
      const taken = await services.storage.queues.takePoison(queue, async (text) => {
        const { reason, content } = explainPoison(text);
        await services.quarantine.add({ queue, reason, content });
      });
      if (taken > 0) log("message.poison", { queue, messages: taken });
    }
  },
});

/** What can be said about a poison message by its text alone. */
function explainPoison(text: string): { reason: string; content: string } {
  const decoded = Buffer.from(text, "base64");
  if (decoded.toString("base64").replace(/=+$/, "") !== text.trim().replace(/=+$/, ""))
    return { reason: "not base64: it was never handed to a function", content: text };
  return {
    reason: "every attempt failed; the work itself is in its row and goes on from there",
    content: decoded.toString("utf8"),
  };
}
