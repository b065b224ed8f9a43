/**
 * Deletes what is kept no longer: answers to idempotency keys, messages set aside, notifications, refreshes.
 *
 * Delivery: one at a time; running twice finds less. What a run does not get to, the next one does.
 */
import { onTimer } from "../define.ts";

/** Well inside the function's time. */
const runMs = 180_000;

export const forgetOldFunction = onTimer({
  name: "platform-forget-old",
  schedule: "0 20 */6 * * *",
  async handle({ services, log }) {
    const { clock } = services;
    const until = clock.now() + runMs;
    const forgotten = await services.forgetOld(() => clock.now() < until);
    log("platform.forget-old", forgotten);
  },
});
