/** Planning, without storage: candidates become deliveries, deliveries rows, rows units with a turn. Pure. */

import type { Action } from "../../devices/actions/action.ts";
import { auditsPerRequest } from "../../devices/actions/audits.ts";
import { callsFor, costOf, type SendGroup } from "../../devices/actions/calls.ts";
import { chooseRoute, type Wishes } from "../../devices/actions/routes.ts";
import type { Device } from "../../devices/directory/device.ts";
import { cursorBehind } from "../../devices/directory/directory-layout.ts";
import type { Rate } from "../../graph/workloads.ts";
import type { Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { Delivery } from "../state/delivery.ts";
import type { DeliveryRow } from "../state/delivery-row.ts";
import type { Work } from "../state/plan-progress.ts";
import { byRelay } from "../state/relay-route.ts";

/** A device of the target; without `device` when the directory no longer has it. */
export type Candidate = { readonly deviceId: string; readonly device?: Device };

/** Rows that one message takes care of. */
export const rowsPerUnit = 8;
/** Most units of a step: their rows and the plan are one transaction, of 100 changes and 4 MiB at most. */
const unitsPerStep = 5;

/** The delivery that a candidate begins with: waiting on its best route, or at its end already. */
export function firstDelivery(
  action: Action,
  { deviceId, device }: Candidate,
  wishes: Wishes,
  now: Instant,
): Delivery {
  const base = { deviceId, deviceName: device?.name ?? "", at: now, attempts: 0 };
  if (device === undefined) {
    const detail = "not in the directory any more";
    return { ...base, state: "failed", route: -1, code: "device-not-found", detail };
  }
  const choice = chooseRoute(action, device, wishes);
  if (choice.kind === "route")
    return { ...base, state: "waiting", route: action.routes.indexOf(choice.route) };
  const { code, detail } = choice;
  return { ...base, state: "notSupported", route: -1, code, detail };
}

/**
 * The rows that a step keeps, and where the next one begins: while more follow it keeps whole units only,
 * so that no message goes for a row or two.
 */
export function keptOf(
  rows: readonly DeliveryRow[],
  next: string | undefined,
): { readonly rows: readonly DeliveryRow[]; readonly next: string | undefined } {
  const most = unitsPerStep * rowsPerUnit;
  if (next === undefined && rows.length <= most) return { rows, next };
  const whole = rows.length - (rows.length % rowsPerUnit);
  const kept = rows.slice(0, Math.min(most, whole === 0 ? rows.length : whole));
  const last = kept.length < rows.length ? kept.at(-1)?.lastDeviceId : undefined;
  return { rows: kept, next: last === undefined ? next : cursorBehind(next, last) };
}

/** Groups deliveries by the way they go. */
export function groupsOf(action: Action, deliveries: readonly Delivery[]): SendGroup[] {
  const groups = new Map<string, { group: SendGroup; deviceIds: string[] }>();
  for (const { deviceId, route: index, alone = false, atMost } of deliveries) {
    const route = action.routes[index];
    if (route === undefined) continue;
    const key = `${index} ${alone} ${atMost}`;
    const known = groups.get(key);
    if (known) known.deviceIds.push(deviceId);
    else {
      const deviceIds = [deviceId];
      groups.set(key, { group: { route, alone, atMost, deviceIds }, deviceIds });
    }
  }
  return [...groups.values()].map(({ group }) => group);
}

/** What the waiting deliveries of a unit cost in Graph requests: to send them, and to read what came of them. */
export function workOf(action: Action, waiting: readonly Delivery[]): Work {
  const requests = callsFor(groupsOf(action, waiting)).reduce(
    (cost, call) => cost + costOf(call),
    0,
  );
  const ours = waiting.filter((delivery) => !byRelay(action, delivery));
  const listed = ours.filter(({ route }) => action.routes[route]?.auditNames !== undefined).length;
  const reads = listed / auditsPerRequest + ours.length - listed;
  return { requests, reads, unitRequests: requests, unitReads: reads, devices: ours.length };
}

/** The work of all, and of the largest unit. */
export const addWork = (left: Work, right: Work): Work => ({
  requests: left.requests + right.requests,
  reads: left.reads + right.reads,
  unitRequests: Math.max(left.unitRequests, right.unitRequests),
  unitReads: Math.max(left.unitReads, right.unitReads),
  devices: left.devices + right.devices,
});

/** How fast a tenant may be asked: actions and reads. No pace is without limit. */
export type Paces = { readonly send: Rate | undefined; readonly read: Rate | undefined };

/** What is ahead of some work, in ms from now. */
export type Ahead = {
  /** Until its first request may go. */
  readonly queuedMs: number;
  /** Until its first read may go. */
  readonly readsQueuedMs: number;
  /** From a device's request to the look at what it has reported. */
  readonly lookAfterMs: number;
  /** Until the first look at those who were sent to already, and until the last one where no more is to be sent. */
  readonly firstLookMs?: number;
  readonly lastLookMs?: number;
};

/** How long it takes until the last request has gone, and from then until the last answer has been read. */
export type TimeLeft = { readonly sendingMs: number; readonly confirmingMs: number };

/**
 * How long work takes if devices have answered when they are looked at. Units are looked at one by one, some time
 * after the last request of each: so reading goes on beside sending, and is over when the last unit has been read,
 * or, where reads are the slower ones, when all reads have gone, from the first unit's look on.
 */
export function timeLeft(work: Work, { send, read }: Paces, ahead: Ahead): TimeLeft {
  if (work.devices === 0) return { sendingMs: 0, confirmingMs: 0 };
  const sendEveryMs = send?.intervalMs ?? 0;
  const { queuedMs, readsQueuedMs, lookAfterMs, firstLookMs, lastLookMs } = ahead;
  const unitRequests = Math.min(work.requests, work.unitRequests);
  // The last unit gets its turn when all others have taken up their time.
  const unitMs = burstsMs(unitRequests, send);
  const sendingMs = queuedMs + (work.requests - unitRequests) * sendEveryMs + unitMs;
  const firstLook = queuedMs + unitMs + lookAfterMs;
  // Once looks are under way, the reads that are reserved are ours, as far as anybody can tell.
  const reading = burstsMs(work.reads, read);
  const allRead =
    firstLookMs === undefined
      ? Math.max(firstLook, readsQueuedMs) + reading
      : Math.max(firstLookMs + reading, readsQueuedMs);
  const lastLook = lastLookMs ?? sendingMs + lookAfterMs;
  const lastRead = lastLook + burstsMs(Math.min(work.reads, work.unitReads), read);
  return { sendingMs, confirmingMs: Math.max(allRead, lastRead, sendingMs) - sendingMs };
}

/** Until the last of some requests goes: a burst at a time, each as its turn comes. */
const burstsMs = (requests: number, rate: Rate | undefined): number =>
  rate === undefined
    ? 0
    : Math.max(0, Math.ceil(requests / rate.burst) - 1) * rate.burst * rate.intervalMs;

/** A unit before it knows its turn. */
export type UnitDraft = {
  readonly from: string;
  readonly to: string;
  readonly cost: number;
  readonly work: Work;
  readonly sites?: readonly string[];
};

/**
 * Cuts rows into units; rows in which nothing waits need no message. What relays carry costs nothing;
 * `siteOf` says to which site a device belongs.
 */
export function toUnits(
  action: Action,
  rows: readonly DeliveryRow[],
  siteOf: (deviceId: string) => string | undefined = () => undefined,
): UnitDraft[] {
  const units: UnitDraft[] = [];
  for (const part of inChunks(rows, rowsPerUnit)) {
    const deliveries = part.flatMap((row) => row.deliveries);
    const waiting = deliveries.filter(({ state }) => state === "waiting");
    const work = workOf(action, waiting);
    const cost = work.requests;
    const sites = sitesOf(action, waiting, siteOf);
    const [first] = part;
    const last = part.at(-1);
    if (waiting.length > 0 && first && last) {
      const unit = { from: first.lastDeviceId, to: last.lastDeviceId, cost, work };
      units.push(sites.length > 0 ? { ...unit, sites } : unit);
    }
  }
  return units;
}

/** The sites whose relays carry some of these deliveries. */
function sitesOf(
  action: Action,
  deliveries: readonly Delivery[],
  siteOf: (deviceId: string) => string | undefined,
): string[] {
  const carried = deliveries.filter((delivery) => byRelay(action, delivery));
  const sites = carried.map(({ deviceId }) => siteOf(deviceId));
  return [...new Set(sites.filter((site) => site !== undefined))].toSorted();
}
