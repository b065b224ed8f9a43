/**
 * The relay beside a ConfigMgr site, as the carrier of deliveries.
 *
 * What it carries stands in the same rows as all others, so that a notification has one status; but Graph is never
 * asked about it, and the tenant's throttle does not count it.
 */
import { siteQueueName } from "../../configmgr/site.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import type { DirectoryStore } from "../../devices/directory/directory.ts";
import type { Carrier } from "../../fanout/kind.ts";
import type { Item, Transition } from "../../fanout/state/item.ts";
import type { ChunkIds } from "../../fanout/state/job.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import type { Queues } from "../../storage/queues.ts";
import { type DeviceTarget } from "../kind.ts";
import type { Notification } from "../notification.ts";

const concurrency = 4;

/** True when the relay beside the device's site carries the delivery. Pure. */
export const byRelay = (
  { actionId }: Pick<Notification, "actionId">,
  { route }: Pick<Item, "route">,
): boolean => findAction(actionId)?.routes[route]?.id === "adminService";

/** What becomes of a delivery whose device no relay reports any more. */
export const noSite: Transition = {
  event: "fail",
  details: { code: "device-not-found", detail: "no ConfigMgr site reports the device any more" },
};

/** Relays: told by a message to the queue of their site, which names the rows and nothing else. */
export function relayCarrier({
  directory,
  queues,
}: {
  readonly directory: DirectoryStore;
  readonly queues: Queues;
}): Carrier<Notification, DeviceTarget> {
  return {
    tellAgainMs: 10 * 60_000,
    graceMs: 30 * 60_000,
    silence: { code: "no-answer", detail: "the relay never reported" },
    unfetched: "no relay of its site asked for it",
    carries: byRelay,
    stopsOf(targets) {
      const sites = targets.flatMap(({ device }) => device?.siteCode ?? []);
      return [...new Set(sites)].toSorted();
    },
    async findStops({ tenantId }, items) {
      const ids = items.map(({ targetId }) => targetId);
      const devices = await directory.getMany(tenantId, ids);
      const lost = new Map<string, Transition>();
      const stops = new Set<string>();
      for (const { targetId, state } of items) {
        const site = devices.get(targetId)?.siteCode;
        if (site !== undefined) stops.add(site);
        // What is claimed is its relay's to tell, also when the site does not report the device any more.
        else if (state === "waiting") lost.set(targetId, noSite);
      }
      return { stops, lost };
    },
    async tell({ tenantId, jobId: notificationId, from, to }: ChunkIds, stops) {
      await inParallel([...stops], concurrency, (siteCode) =>
        queues.send(siteQueueName(tenantId, siteCode), { tenantId, notificationId, from, to }),
      );
    },
  };
}
