/**
 * Starts the syncs whose time has come, goes through the first of them, and looks after those whose messages were lost, every minute.
 *
 * Delivery: one at a time; running twice starts nothing twice, and sends messages that rows make harmless.
 */

import type { Clock } from "../../shared/kernel/clock.ts";
import { apart } from "../../shared/kernel/concurrency.ts";
import { type PublishParts, sweepPublications } from "../../shared/sync/baselines/publish.ts";
import { recheckConsents } from "../../shared/sync/run/consent.ts";
import { startDue } from "../../shared/sync/run/nightly.ts";
import { sweepSyncs } from "../../shared/sync/run/run-sync.ts";
import type { SyncServices } from "../../shared/sync/services.ts";
import { onTimer, type Tools } from "../define.ts";

type Needs = {
  readonly clock: Clock;
  readonly sync: SyncServices;
  readonly publishing: PublishParts;
};

/** Well inside the function's time. */
const runMs = 120_000;
/** How often tenants that lack consent are looked at: an administrator may have consented by another way. */
const consentMinutes = 15;

export const wakeTenantsFunction = onTimer({
  name: "sync-timer",
  schedule: "20 * * * * *",
  async handle({ services, log }: Tools<Needs>) {
    const { clock } = services;
    const until = clock.now() + runMs;
    const mayGoOn = () => clock.now() < until;
    const each = apart("some of what is due was not seen to");
    const started = await each.run("nights", () => startDue(services.sync, mayGoOn), 0);
    const messages =
      (await each.run("syncs", () => sweepSyncs(services.sync), 0)) +
      (await each.run("publications", () => sweepPublications(services.publishing), 0));
    const isTime = new Date(clock.now()).getUTCMinutes() % consentMinutes === 0;
    const recheck = () => recheckConsents(services.sync, mayGoOn);
    const consents = isTime ? await each.run("consents", recheck, 0) : 0;
    if (started + messages + consents > 0) log("sync.timer", { started, messages, consents });
    each.end();
  },
});
