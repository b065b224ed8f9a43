/**
 * Claims for the relay of a site.
 *
 * A claim is made by one conditional write over the rows, and every delivery keeps its claim's id. Whoever
 * asks again before the relay has reported gets the same claim under the same id, so that the relay's own
 * journal knows it and nothing is started twice.
 */

import type { Action } from "../../devices/actions/action.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import type { Device } from "../../devices/directory/device.ts";
import { type Instant, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { newestFirstId } from "../../kernel/ids.ts";
import { changeRowsOnce, deliveriesIn, dueAfterPass, type Job } from "../passes/change-rows.ts";
import { endOf } from "../passes/decide-pass.ts";
import { leaversOf } from "../passes/deliver.ts";
import { finishIfDone } from "../passes/finish.ts";
import { noSite } from "../passes/hand-over.ts";
import type { DeliverDeps } from "../passes/pass-services.ts";
import type { Delivery, Step } from "../state/delivery.ts";
import type { Notification } from "../state/notification.ts";
import { byRelay } from "../state/relay-route.ts";
import { type ClaimRequest, type ClaimView, maxClaimDevices } from "./contract.ts";

// Ids of claims. Each carries the site's highest operation number from before the claim, so that a relay
// that asks for the claim again, with its journal or without, knows which of the site's operations can be
// the claim's. No clock of the site's is asked. Pure.

const idChars = 22;
const radix = 36;

/** A new claim's id. */
export const newClaimId = (now: Instant, operationMark: number): string =>
  newestFirstId(now) + operationMark.toString(radix);

/** The operation number that a claim's id carries. */
export const operationMarkOf = (claimId: string): number =>
  Number.parseInt(claimId.slice(idChars), radix);

// Claiming for a relay, without storage: which deliveries a claim takes, or took before. Pure.

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
    const ending = endOf(notification, delivery, now, leavers.has(deviceId));
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

/** Most rows that one claim touches; a unit of planning has no more. */
const maxRows = 8;
const maxTries = 5;

/** A site of a tenant. */
export type SiteIds = { readonly tenantId: string; readonly siteCode: string };

/** Claims what waits for a site in some rows; undefined when nothing does. */
export async function claimForSite(
  deps: DeliverDeps,
  { tenantId, siteCode }: SiteIds,
  { notificationId, from, to, mark: lastOperation }: Omit<ClaimRequest, "relayId">,
): Promise<Result<ClaimView | undefined>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await deps.notifications.get(tenantId, notificationId);
    const action = stored && findAction(stored.notification.actionId);
    if (!stored || !action) return succeed(undefined);
    const page = await deps.deliveries.page(notificationId, { from, top: maxRows });
    const rows = page.filter(({ lastDeviceId }) => lastDeviceId <= to);
    const job = { action, notification: stored.notification, rows };
    const decision = await decide(deps, job, siteCode);
    const claimId = decision.before?.claimId ?? newClaimId(deps.clock.now(), lastOperation);
    if (!(await mark(deps, job, decision, claimId))) continue;
    const claim = viewOf(job, decision, claimId);
    if (claim === undefined) await finishIfDone(deps, tenantId, notificationId);
    return succeed(claim);
  }
  return fail("conflict", "The deliveries keep changing; ask again.", { retryAfterSeconds: 2 });
}

async function decide(deps: DeliverDeps, job: Job, siteCode: string): Promise<ClaimDecision> {
  const { action, notification } = job;
  const deliveries = deliveriesIn(job.rows).filter((delivery) => byRelay(action, delivery));
  const open = deliveries.filter(({ state }) => state === "waiting" || state === "claimed");
  const ids = open.map(({ deviceId }) => deviceId);
  const devices = await deps.directory.getMany(notification.tenantId, ids);
  const leavers = await leaversOf(deps, job);
  const now = deps.clock.now();
  return decideClaim({ action, notification, siteCode, deliveries: open, devices, leavers, now });
}

/** Writes a decision down; false when somebody else changed the rows meanwhile. */
async function mark(
  deps: DeliverDeps,
  { action, notification, rows }: Job,
  { settle, take }: ClaimDecision,
  claimId: string,
): Promise<boolean> {
  const now = deps.clock.now();
  const steps = new Map<string, Step>(settle);
  for (const { deviceId } of take)
    steps.set(deviceId, { event: "claim", details: { markedAt: now, claim: claimId } });
  if (steps.size === 0) return true;
  const marked = await changeRowsOnce(deps.deliveries, rows, {
    notificationId: notification.notificationId,
    steps,
    now,
    dueAt: (deliveries) => dueAfterPass(deps, { action, notification }, deliveries, now),
  });
  return marked !== undefined;
}

function viewOf(
  { action, notification }: Job,
  { before, take, more }: ClaimDecision,
  claimId: string,
): ClaimView | undefined {
  const devices = before?.devices ?? take;
  if (devices.length === 0) return undefined;
  const { type: operationType } = action.operation;
  return {
    claimId,
    mark: operationMarkOf(claimId),
    again: before !== undefined,
    notificationId: notification.notificationId,
    action: notification.actionId,
    ...(operationType === undefined ? {} : { operationType }),
    parameters: { ...notification.parameters },
    expiresAt: toIso(notification.expiresAt),
    devices: [...devices],
    more,
  };
}
