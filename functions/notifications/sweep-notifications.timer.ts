/**
 * Looks after notifications whose messages were lost, every minute.
 *
 * Delivery: one at a time; running twice sends messages twice, which rows make harmless.
 */
import { sweepNotifications } from "../../shared/notifications/care/sweep.ts";
import { onTimer } from "../define.ts";

export const sweepNotificationsFunction = onTimer({
  name: "notifications-sweep",
  schedule: "30 * * * * *",
  async handle({ services, log }) {
    const sent = await sweepNotifications(services.notify);
    if (sent > 0) log("notification.sweep", { messages: sent });
  },
});
