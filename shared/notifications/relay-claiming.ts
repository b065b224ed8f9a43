/** Claiming for a relay, without storage: which deliveries a claim takes, or took before. Pure. */
import type { Action } from "../devices/action.ts";
import type { Device } from "../devices/device.ts";
import type { Instant } from "../kernel/clock.ts";
import { endOf, leftTarget } from "./delivering.ts";
import type { Delivery, Step } from "./delivery.ts";
import type { Notification } from "./notification.ts";
import { maxClaimDevices } from "./relay-contract.ts";
import { noSite } from "./relay-hand-over.ts";
import { byRelay } from "./relay-way.ts";

/** A device of a claim. */
export type ClaimedDevice = { readonly deviceId: string; readonly resourceId: number };

/** What a claim comes to. */
export type ClaimDecision = {
  /** A claim made before and not yet reported; it is given out again under its own id. */
  readonly before?: { readonly claimId: string; readonly devices: readonly ClaimedDevice[] };
  /** What a new claim takes. */
  readonly take: readonly ClaimedDevice[];
  /** Settled without asking the site. */
  readonly settle: ReadonlyMap<string, Step>;
  /** More waits for this site. */
  readonly more: boolean;
};

/** What the decision is about. */
export type ClaimScene = {
  readonly action: Action;
  readonly notification: Notification;
  readonly siteCode: string;
  readonly deliveries: readonly Delivery[];
  /** Devices of the deliveries, as the directory has them now. */
  readonly devices: ReadonlyMap<string, Device>;
  /** Devices that the target's rule no longer finds. */
  readonly leavers: ReadonlySet<string>;
  readonly now: Instant;
};

/** Decides a claim. Work claimed before comes first, so that a relay that died finds its own. */
export function decideClaim(scene: ClaimScene): ClaimDecision {
  const { action, deliveries } = scene;
  const carried = deliveries.filter((delivery) => byRelay(action, delivery));
  const waiting = carried.filter(({ state }) => state === "waiting");
  const settle = settled(scene, waiting);
  const ready = waiting
    .filter(({ deviceId, notBefore = 0 }) => !settle.has(deviceId) && notBefore <= scene.now)
    .flatMap((delivery) => atSite(scene, delivery));
  const before = claimedBefore(scene, carried);
  if (before !== undefined) return { before, take: [], settle, more: ready.length > 0 };
  const take = ready.slice(0, maxClaimDevices);
  return { take, settle, more: ready.length > take.length };
}

/** The oldest claim of this site whose relay has not said what came of it. */
function claimedBefore(scene: ClaimScene, carried: readonly Delivery[]): ClaimDecision["before"] {
  const claims = new Map<string, ClaimedDevice[]>();
  for (const delivery of carried) {
    if (delivery.state !== "claimed" || delivery.claim === undefined) continue;
    const devices = claims.get(delivery.claim) ?? [];
    devices.push(...atSite(scene, delivery));
    claims.set(delivery.claim, devices);
  }
  // Ids sort newest first.
  const oldest = [...claims]
    .filter(([, devices]) => devices.length > 0)
    .toSorted(([a], [b]) => (a < b ? 1 : -1))[0];
  return oldest === undefined ? undefined : { claimId: oldest[0], devices: oldest[1] };
}

function settled(
  { notification, devices, leavers, now }: ClaimScene,
  waiting: readonly Delivery[],
) {
  const settle = new Map<string, Step>();
  for (const delivery of waiting) {
    const { deviceId } = delivery;
    const ending = leavers.has(deviceId) ? leftTarget : endOf(notification, delivery, now);
    if (ending) settle.set(deviceId, ending);
    else if (devices.get(deviceId)?.configMgrResourceId === undefined) settle.set(deviceId, noSite);
  }
  return settle;
}

function atSite({ devices, siteCode }: ClaimScene, { deviceId }: Delivery): ClaimedDevice[] {
  const device = devices.get(deviceId);
  if (device?.configMgrResourceId === undefined || device.siteCode !== siteCode) return [];
  return [{ deviceId, resourceId: device.configMgrResourceId }];
}
