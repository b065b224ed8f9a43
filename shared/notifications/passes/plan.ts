/**
 * Plans a notification step by step: devices of the target become delivery rows, and units of rows get
 * their turn at the tenant's pace.
 *
 * Rows and progress change in one transaction, and the progress names the units whose messages are
 * still to be sent. So a planner that dies anywhere is followed by one that repeats nothing but those
 * messages, which are harmless twice.
 */

import type { Action } from "../../devices/actions/action.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import type { ThrottleStore } from "../../graph/throttle.ts";
import { rateOf } from "../../graph/workloads.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import type { Queues } from "../../storage/queues.ts";
import type { Tenants } from "../../tenants/tenant-cache.ts";
import type { UnitMessage } from "../state/contract.ts";
import { type DeliveryRow, toRows } from "../state/delivery-row.ts";
import type { StoredPlan } from "../state/delivery-store.ts";
import { move, type Notification } from "../state/notification.ts";
import type { NotificationStore } from "../state/notification-store.ts";
import { beforePlanning, noWork, type PlanProgress, type Unit } from "../state/plan-progress.ts";
import { finishIfDone } from "./finish.ts";
import { tellSites } from "./hand-over.ts";
import {
  addWork,
  type Candidate,
  firstDelivery,
  keptOf,
  toUnits,
  type UnitDraft,
} from "./planning-steps.ts";
import { type TargetDeps, targetStep } from "./targets.ts";

// The turns of units at the tenant's pace: all of a step's units in one reservation.

/** Units with their turns. */
export type Turns = {
  readonly units: readonly Unit[];
  /** When the last request goes, unless the reservations are moved. */
  readonly endAt: Instant;
  /** By how much all reservations had been moved. */
  readonly shiftMs: number;
};

/** What reserving needs. */
export type TurnDeps = { readonly paces: ThrottleStore; readonly tenants: Tenants };

/**
 * Reserves all units of a step in one write, and gives each its turn. Planners that come to the same step get the
 * same turns: only one of them will write them down.
 */
async function reserveTurns(
  { paces, tenants }: TurnDeps,
  { tenantId, notificationId }: Pick<Notification, "tenantId" | "notificationId">,
  step: number,
  drafts: readonly UnitDraft[],
  now: Instant,
): Promise<Turns> {
  const rate = rateOf("deviceActions", (await tenants.get(tenantId))?.pace.deviceActions);
  const cost = drafts.reduce((sum, draft) => sum + draft.cost, 0);
  if (rate === undefined || cost === 0) {
    const units = drafts.map((draft) => unitOf(draft, now, 0));
    return { units, endAt: now, shiftMs: 0 };
  }
  const name = `${notificationId} ${step}`;
  const place = await paces.reserve(tenantId, "deviceActions", cost, now, rate, name);
  const { startAt, shiftMs } = place;
  let at = startAt;
  const units = drafts.map((draft) => {
    const unit = unitOf(draft, at, shiftMs);
    at += draft.cost * rate.intervalMs;
    return unit;
  });
  return { units, endAt: startAt + cost * rate.intervalMs, shiftMs };
}

const unitOf = ({ cost, from, to, sites }: UnitDraft, at: Instant, shiftMs: number): Unit => ({
  from,
  to,
  ...(sites && { sites }),
  at,
  granted: cost,
  shiftMs,
});

/** Rows are due when their unit's turn comes. */
const withTurns = (rows: readonly DeliveryRow[], units: readonly Unit[]): DeliveryRow[] =>
  rows.map((row) => {
    const unit = units.find(({ from, to }) => from <= row.lastDeviceId && row.lastDeviceId <= to);
    return unit === undefined ? row : { ...row, dueAt: unit.at };
  });

/** What planning needs. */
export type PlanDeps = TargetDeps &
  TurnDeps & {
    readonly notifications: NotificationStore;
    readonly queues: Queues;
    readonly clock: Clock;
  };

/** How a planning pass ended. */
export type PlanOutcome = "planned" | "unfinished" | "gone" | "not-planning" | "lost";

/** How long planning goes on, and what it does with units whose rows are written. */
export type Planning = {
  readonly forMs: number;
  readonly takeUnits: (notification: Notification, units: readonly Unit[]) => Promise<void>;
};

/** A pass stops after so long and sends itself a message, well inside the function's time. */
const passMs = 60_000;
const sendLanes = 8;

/** Goes on planning until it is done, or for about a minute; units get a message each. */
export async function plan(
  deps: PlanDeps,
  tenantId: string,
  notificationId: string,
  { forMs, takeUnits }: Planning = {
    forMs: passMs,
    takeUnits: async (notification, units) => {
      await inParallel(units, sendLanes, (unit) => sendUnit(deps, notification, unit));
    },
  },
): Promise<PlanOutcome> {
  const began = deps.clock.now();
  let [stored, found] = await Promise.all([
    deps.deliveries.plan(notificationId),
    deps.notifications.get(tenantId, notificationId),
  ]);
  for (;;) {
    if (!found || !(await deps.tenants.get(tenantId))) return "gone";
    const { notification } = found;
    // A message too many: nothing may be planned, nor be taken for planned, before somebody agrees.
    if (notification.state === "pendingApproval") return "not-planning";
    await takeUnits(notification, stored?.progress.unsent ?? []);
    if (notification.state !== "planning" || stored?.progress.done) {
      await endPlanning(deps, notification, found.etag, stored);
      return notification.state === "planning" ? "planned" : "not-planning";
    }
    if (deps.clock.now() - began > forMs) return "unfinished";
    const next = await planStep(deps, notification, stored);
    if (next === undefined) return "lost";
    stored = next;
    found = await deps.notifications.get(tenantId, notificationId);
  }
}

/** One step: read candidates, reserve their turns, commit rows and progress. Undefined: lost a race. */
async function planStep(
  deps: PlanDeps,
  notification: Notification,
  before: StoredPlan | undefined,
): Promise<StoredPlan | undefined> {
  const action = actionOf(notification);
  const progress = before?.progress ?? beforePlanning;
  const target = await targetStep(deps, notification, progress.cursor);
  const { candidates } = target;
  const now = deps.clock.now();
  const deliveries = candidates.map((candidate) =>
    firstDelivery(action, candidate, notification, now),
  );
  const { rows, next } = keptOf(toRows(deliveries, now), target.next);
  const drafts = toUnits(action, rows, siteIn(candidates));
  const turns = await reserveTurns(deps, notification, progress.steps, drafts, now);
  const kept = rows.flatMap((row) => row.deliveries);
  const waiting = kept.filter(({ state }) => state === "waiting").length;
  const work = drafts.reduce((sum, draft) => addWork(sum, draft.work), noWork);
  const relayed = progress.relayed + waiting - work.devices;
  const sum = { relayed, work: addWork(progress.work, work) };
  const after = { ...stepOn(progress, turns, now), ...sum, ...goingOn(next) };
  const due = withTurns(rows, turns.units);
  return deps.deliveries.commitPlan(notification, due, after, before?.etag);
}

/** Where planning stands after a step. */
function stepOn(
  { steps, lastTurn, shiftMs }: PlanProgress,
  turns: Turns,
  now: Instant,
): Omit<PlanProgress, "done" | "work" | "relayed"> {
  const last = turns.units.length > 0 ? turns : { endAt: lastTurn, shiftMs };
  return {
    unsent: turns.units,
    lastTurn: last.endAt,
    shiftMs: last.shiftMs,
    steps: steps + 1,
    at: now,
  };
}

const goingOn = (next: string | undefined) =>
  next === undefined ? { done: true } : { done: false, cursor: next };

/** The site of each candidate. */
function siteIn(candidates: readonly Candidate[]): (deviceId: string) => string | undefined {
  const sites = new Map(candidates.map(({ deviceId, device }) => [deviceId, device?.siteCode]));
  return (deviceId) => sites.get(deviceId);
}

/** Tells relays what is theirs of a unit; answers the message for what goes by Graph, if any. */
export async function messageFor(
  { queues }: Pick<PlanDeps, "queues">,
  { tenantId, notificationId }: Notification,
  { sites = [], ...unit }: Unit,
): Promise<UnitMessage | undefined> {
  const { from, to, granted } = unit;
  // Sites do not wait for the turn that Graph's pace gives.
  await tellSites(queues, { tenantId, notificationId, from, to }, sites);
  if (sites.length > 0 && granted === 0) return undefined;
  const ids = { tenantId, notificationId, ...unit };
  return sites.length > 0 ? { ...ids, handed: true } : ids;
}

async function sendUnit(deps: PlanDeps, notification: Notification, unit: Unit): Promise<void> {
  const message = await messageFor(deps, notification, unit);
  if (message === undefined) return;
  const delaySeconds = (unit.at - deps.clock.now()) / 1000;
  await deps.queues.send(queueNames.notificationDeliver, message, delaySeconds);
}

/** Marks planning as done on the notification; a cancelled one keeps its state, but plans no further. */
async function endPlanning(
  deps: PlanDeps,
  notification: Notification,
  etag: string,
  stored: StoredPlan | undefined,
): Promise<void> {
  const { notificationId, tenantId } = notification;
  // Their messages are out: a late duplicate of ours must not send them again.
  if (!stored?.progress.done || stored.progress.unsent.length > 0) {
    const progress = { ...(stored?.progress ?? beforePlanning), done: true, unsent: [] };
    await deps.deliveries.commitPlan(notification, [], progress, stored?.etag);
  }
  const planned = move(notification, "planned");
  if (planned !== undefined) await deps.notifications.replace(planned, etag);
  await finishIfDone(deps, tenantId, notificationId);
}

function actionOf({ actionId }: Notification): Action {
  const action = findAction(actionId);
  if (action === undefined) throw new Error(`the catalogue has no action "${actionId}" any more`);
  return action;
}
