/** Planning, without storage: candidates become deliveries, deliveries rows, rows units with a turn. Pure. */

import type { Action } from "../../devices/actions/action.ts";
import { callsFor, costOf, type SendGroup } from "../../devices/actions/calls.ts";
import { chooseRoute, type Wishes } from "../../devices/actions/routes.ts";
import type { Device } from "../../devices/directory/device.ts";
import { cursorBehind } from "../../devices/directory/directory-layout.ts";
import type { Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { Delivery } from "../state/delivery.ts";
import type { DeliveryRow } from "../state/delivery-row.ts";
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
  for (const { deviceId, route: index, alone = false } of deliveries) {
    const route = action.routes[index];
    if (route === undefined) continue;
    const key = `${index} ${alone}`;
    const known = groups.get(key);
    if (known) known.deviceIds.push(deviceId);
    else {
      const deviceIds = [deviceId];
      groups.set(key, { group: { route, alone, deviceIds }, deviceIds });
    }
  }
  return [...groups.values()].map(({ group }) => group);
}

/** What sending the waiting deliveries costs in Graph requests. */
export function costOfSending(action: Action, deliveries: readonly Delivery[]): number {
  const waiting = deliveries.filter(({ state }) => state === "waiting");
  return callsFor(groupsOf(action, waiting)).reduce((cost, call) => cost + costOf(call), 0);
}

/** A unit before it knows its turn. */
export type UnitDraft = {
  readonly from: string;
  readonly to: string;
  readonly cost: number;
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
    const cost = costOfSending(action, deliveries);
    const waiting = deliveries.filter(({ state }) => state === "waiting");
    const sites = sitesOf(action, waiting, siteOf);
    const [first] = part;
    const last = part.at(-1);
    if (waiting.length > 0 && first && last) {
      const unit = { from: first.lastDeviceId, to: last.lastDeviceId, cost };
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
