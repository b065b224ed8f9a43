/** Tells sites that something waits for their relays. A site may be told too often: rows decide. */
import { siteQueueName } from "../../configmgr/site.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import type { Queues } from "../../storage/queues.ts";
import type { UnitMessage } from "../state/contract.ts";
import type { Step } from "../state/delivery.ts";
import { byRelay } from "../state/relay-route.ts";
import { changeRows, deliveriesIn, type Job } from "./change-rows.ts";
import type { DeliverDeps } from "./pass-services.ts";

/** Consecutive rows of a notification. */
type Unit = Pick<UnitMessage, "tenantId" | "notificationId" | "from" | "to">;

const lanes = 4;

/** Sends one message for the unit to the queue of each site. */
export async function tellSites(
  queues: Queues,
  { tenantId, notificationId, from, to }: Unit,
  sites: Iterable<string>,
): Promise<void> {
  await inParallel([...sites], lanes, (siteCode) =>
    queues.send(siteQueueName(tenantId, siteCode), { tenantId, notificationId, from, to }),
  );
}

/**
 * Tells the sites of what waits or is claimed in the job's rows, unless the message says that they know;
 * answers whether they know now. A device that no site has any more has no way left, and fails.
 */
export async function handOver(
  { directory, deliveries, queues, clock }: DeliverDeps,
  { action, notification, rows }: Job,
  message: UnitMessage,
): Promise<true | undefined> {
  if (message.handed) return true;
  const carried = deliveriesIn(rows).filter(
    (delivery) =>
      byRelay(action, delivery) && (delivery.state === "waiting" || delivery.state === "claimed"),
  );
  if (carried.length === 0) return undefined;
  const ids = carried.map(({ deviceId }) => deviceId);
  const devices = await directory.getMany(notification.tenantId, ids);
  const lost = new Map<string, Step>();
  const sites = new Set<string>();
  for (const { deviceId, state } of carried) {
    const site = devices.get(deviceId)?.siteCode;
    if (site !== undefined) sites.add(site);
    else if (state === "waiting") lost.set(deviceId, noSite);
  }
  if (lost.size > 0) {
    const { notificationId } = notification;
    await changeRows(deliveries, rows, { notificationId, steps: lost, now: clock.now() });
  }
  await tellSites(queues, message, sites);
  return true;
}

/** What becomes of a delivery whose device no relay reports any more. */
export const noSite: Step = {
  event: "fail",
  details: { code: "device-not-found", detail: "no ConfigMgr site reports the device any more" },
};
