/**
 * Claims for the relay of a site.
 *
 * A claim is made by one conditional write over the rows, and every delivery keeps its claim's id. Whoever
 * asks again before the relay has reported gets the same claim under the same id, so that the relay's own
 * journal knows it and nothing is started twice.
 */

import type { Device } from "../../devices/directory/device.ts";
import {
  afterPass,
  changeRowsOnce,
  closeIfDone,
  endOf,
  isUnreleased,
  itemsIn,
  letOutTo,
  type Work,
} from "../../fanout/engine/change-rows.ts";
import type { Hold, JobKind } from "../../fanout/kind.ts";
import type { Item, Transition } from "../../fanout/state/item.ts";
import { type Instant, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { newestFirstId } from "../../kernel/values.ts";
import { restMs } from "../../work/drain.ts";
import { actionOf, type NotificationParts } from "../kind.ts";
import type { Notification } from "../notification.ts";
import { type ClaimRequest, type ClaimView, maxClaimDevices } from "./contract.ts";
import { byRelay, noSite } from "./relay-carrier.ts";

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
type ClaimedDevice = { readonly deviceId: string; readonly resourceId: number };

/** What a claim comes to. */
type ClaimDecision = {
  /** A claim made before and not yet reported; it is given out again under its own id. */
  readonly before?: { readonly claimId: string; readonly devices: readonly ClaimedDevice[] };
  /** What a new claim takes. */
  readonly take: readonly ClaimedDevice[];
  /** Settled without asking the site. */
  readonly settle: ReadonlyMap<string, Transition>;
  /** More waits for this site. */
  readonly more: boolean;
};

/** What the decision is about. */
type ClaimScene = {
  readonly kind: Pick<JobKind, "reasons">;
  readonly notification: Notification;
  readonly siteCode: string;
  readonly deliveries: readonly Item[];
  /** Devices of the deliveries, as the directory has them now. */
  readonly devices: ReadonlyMap<string, Device>;
  /** Devices that the target's rule no longer finds. */
  readonly outOfScope: ReadonlySet<string>;
  /** Deliveries that do not go now. */
  readonly held: ReadonlyMap<string, Hold>;
  readonly now: Instant;
};

/** Decides a claim. Work claimed before comes first, so that a relay that died finds its own. */
export function decideClaim(scene: ClaimScene): ClaimDecision {
  const { notification, deliveries } = scene;
  const carried = deliveries.filter((delivery) => byRelay(notification, delivery));
  const waiting = carried.filter(({ state }) => state === "waiting");
  const settle = settled(scene, waiting);
  const ready = waiting
    .filter(({ targetId, notBefore = 0 }) => !settle.has(targetId) && notBefore <= scene.now)
    .flatMap((delivery) => atSite(scene, delivery));
  const before = claimedBefore(scene, carried);
  if (before !== undefined) return { before, take: [], settle, more: ready.length > 0 };
  const take = ready.slice(0, maxClaimDevices);
  return { take, settle, more: ready.length > take.length };
}

/** The oldest claim of this site whose relay has not said what came of it. */
function claimedBefore(scene: ClaimScene, carried: readonly Item[]): ClaimDecision["before"] {
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
  { kind, notification, devices, outOfScope, held, now }: ClaimScene,
  waiting: readonly Item[],
) {
  const settle = new Map<string, Transition>();
  for (const delivery of waiting) {
    const { targetId } = delivery;
    const ending = endOf(kind, notification, delivery, now, outOfScope.has(targetId));
    const hold = held.get(targetId);
    if (ending) settle.set(targetId, ending);
    else if (hold) settle.set(targetId, waitingFor(hold));
    else if (devices.get(targetId)?.configMgrResourceId === undefined) settle.set(targetId, noSite);
  }
  return settle;
}

function waitingFor({ code, detail, ...hold }: Hold): Transition {
  return "end" in hold
    ? { event: hold.end, details: { code, detail } }
    : { event: "hold", details: { code, detail, notBefore: hold.until } };
}

function atSite({ devices, siteCode }: ClaimScene, { targetId }: Item): ClaimedDevice[] {
  const device = devices.get(targetId);
  if (device?.configMgrResourceId === undefined || device.siteCode !== siteCode) return [];
  return [{ deviceId: targetId, resourceId: device.configMgrResourceId }];
}

/** Most rows that one claim touches; a chunk of planning has no more. */
const maxRows = 8;
const maxTries = 5;

/** A site of a tenant. */
export type SiteIds = { readonly tenantId: string; readonly siteCode: string };

/** A notification with some of its rows. */
type Claimable = Work & { readonly job: Notification };

/** Claims what waits for a site in some rows; undefined when nothing does. */
export async function claimForSite(
  parts: NotificationParts,
  { tenantId, siteCode }: SiteIds,
  { notificationId, from, to, mark: lastOperation }: Omit<ClaimRequest, "relayId">,
): Promise<Result<ClaimView | undefined>> {
  const { engine, jobs, kind } = parts;
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await jobs.get(tenantId, notificationId);
    if (stored === undefined) return succeed(undefined);
    const page = await engine.items.page(notificationId, { from, top: maxRows });
    const rows = page.filter(({ lastTargetId }) => lastTargetId <= to);
    const { job } = stored;
    const work: Claimable = { kind, job, rows, releasedTo: await letOutTo(engine, job) };
    const decision = await decide(parts, work, siteCode);
    const claimId = decision.before?.claimId ?? newClaimId(engine.clock.now(), lastOperation);
    if (!(await writeClaim(parts, work, decision, claimId))) continue;
    const claim = viewOf(work, decision, claimId);
    if (claim === undefined) await closeIfDone(engine, work.job);
    return succeed(claim);
  }
  return fail("conflict", "The deliveries keep changing; ask again.", { retryAfterSeconds: 2 });
}

async function decide(
  { kind, engine, directory }: NotificationParts,
  work: Claimable,
  siteCode: string,
): Promise<ClaimDecision> {
  const { job, rows } = work;
  const carried = itemsIn(rows).filter(
    (delivery) => byRelay(job, delivery) && !isUnreleased(work, delivery),
  );
  const deliveries = carried.filter(({ state }) => state === "waiting" || state === "claimed");
  const ids = deliveries.map(({ targetId }) => targetId);
  const devices = await directory.getMany(job.tenantId, ids);
  const waiting = deliveries.filter(({ state }) => state === "waiting");
  const outOfScope = await kind.outOfScope(job, waiting);
  const now = engine.clock.now();
  // Who is held already is asked about again when that is over.
  const due = waiting.filter(({ notBefore = 0 }) => notBefore <= now);
  const held = (await kind.holds(job, due)) ?? new Map<string, Hold>();
  const scene = { kind, notification: job, siteCode, deliveries, devices, outOfScope };
  const decision = decideClaim({ ...scene, held, now });
  const rest = decision.take.length === 0 ? undefined : await engine.rests(job.tenantId);
  if (rest === undefined) return decision;
  const hold: Transition = { event: "hold", details: { ...rest, notBefore: now + restMs } };
  const resting = decision.take.map(({ deviceId }) => [deviceId, hold] as const);
  return { ...decision, take: [], more: false, settle: new Map([...decision.settle, ...resting]) };
}

/** Writes a decision down; false when somebody else changed the rows meanwhile. */
async function writeClaim(
  { engine }: NotificationParts,
  work: Claimable,
  { settle, take }: ClaimDecision,
  claimId: string,
): Promise<boolean> {
  const now = engine.clock.now();
  const transitions = new Map<string, Transition>(settle);
  for (const { deviceId } of take)
    transitions.set(deviceId, { event: "claim", details: { claimedAt: now, claim: claimId } });
  if (transitions.size === 0) return true;
  const change = afterPass(engine, work, transitions, now);
  return (await changeRowsOnce(engine, work, change)) !== undefined;
}

function viewOf(
  { job }: Claimable,
  { before, take, more }: ClaimDecision,
  claimId: string,
): ClaimView | undefined {
  const devices = before?.devices ?? take;
  if (devices.length === 0) return undefined;
  const { type: operationType } = actionOf(job).operation;
  return {
    claimId,
    mark: operationMarkOf(claimId),
    again: before !== undefined,
    notificationId: job.jobId,
    action: job.actionId,
    ...(operationType === undefined ? {} : { operationType }),
    parameters: { ...job.parameters },
    expiresAt: toIso(job.expiresAt),
    devices: [...devices],
    more,
  };
}
