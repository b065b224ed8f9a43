/**
 * Deletes what is kept no longer: answers to idempotency keys, messages set aside, notifications, refreshes, syncs, and
 * contents of tenants' configuration that nothing refers to any more.
 *
 * Delivery: one at a time; running twice finds less. What a run does not get to, the next one does.
 */

import type { Clock } from "../../shared/kernel/clock.ts";
import { onTimer, type Tools } from "../define.ts";

type Needs = {
  readonly clock: Clock;
  readonly expireOld: (
    mayGoOn: () => boolean,
  ) => Promise<{ readonly answers: number; readonly notifications: number }>;
};

/** Well inside the function's time. */
const runMs = 180_000;

export const expireOldFunction = onTimer({
  name: "platform-expire-old",
  schedule: "0 20 */6 * * *",
  async handle({ services, log }: Tools<Needs>) {
    const { clock } = services;
    const until = clock.now() + runMs;
    const expired = await services.expireOld(() => clock.now() < until);
    log("platform.expire-old", expired);
  },
});
