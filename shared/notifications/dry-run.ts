/** Says what a notification would do, without doing it. */
import type { Action } from "../devices/actions/action.ts";
import { callsFor, costOf } from "../devices/actions/calls.ts";
import type { Reach } from "../devices/collections/reach.ts";
import type { ThrottleStore } from "../graph/throttle.ts";
import type { Workload } from "../graph/workloads.ts";
import { inChunks } from "../kernel/concurrency.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import type { Tenants } from "../tenants/tenant-cache.ts";
import {
  addWork,
  firstDelivery,
  groupsOf,
  keptOf,
  rowsPerUnit,
  timeLeft,
  workOf,
} from "./passes/planning-steps.ts";
import { type TargetDeps, type TargetStep, targetStep } from "./passes/targets.ts";
import { pacesOf } from "./read-notifications.ts";
import { judgeRequest } from "./request.ts";
import type { SendDeps } from "./send-notification.ts";
import type { DryRunView, NewNotification } from "./state/contract.ts";
import { type DeliveryRow, toRows } from "./state/delivery-row.ts";
import type { Notification } from "./state/notification.ts";
import type { NotificationStore } from "./state/notification-store.ts";
import { noWork, type Work } from "./state/plan-progress.ts";

/** What a dry run needs. */
export type DryRunDeps = SendDeps &
  Omit<TargetDeps, "notifications"> & {
    readonly notifications: NotificationStore;
    readonly paces: ThrottleStore;
    readonly tenants: Tenants;
    readonly confirmAfterMs: number;
  };

type Tally = {
  total: number;
  /** Of what goes through Graph. */
  work: Work;
  relayed: number;
  readonly routes: Map<number, { devices: number; requests: number }>;
  readonly reasons: Map<string, { code: string; detail: string; devices: number }>;
};

/** Walks the whole target and counts; writes nothing. */
export async function dryRun(
  deps: DryRunDeps,
  tenantId: string,
  body: NewNotification,
  reach?: Reach,
): Promise<Result<DryRunView>> {
  const judged = await judgeRequest(deps, tenantId, body, reach);
  if (!judged.ok) return judged;
  const { action, parameters, target, deviceIds, directory } = judged.value;
  const now = deps.clock.now();
  const notification: Notification = {
    notificationId: "",
    tenantId,
    state: "planning",
    actionId: action.id,
    parameters,
    target,
    allowApproximate: body.allowApproximate,
    directoryVersion: directory.refreshId,
    createdAt: now,
    expiresAt: now,
  };
  const sorted = [...new Set(deviceIds)].toSorted();
  // The list is at hand; only a notification that exists has it in a blob.
  const source = { ...deps, notifications: { targets: () => Promise.resolve(sorted) } };
  const tally: Tally = {
    total: 0,
    work: noWork,
    relayed: 0,
    routes: new Map(),
    reasons: new Map(),
  };
  let cursor: string | undefined;
  do {
    const step: TargetStep = await targetStep(source, notification, cursor);
    const deliveries = step.candidates.map((candidate) =>
      firstDelivery(action, candidate, notification, now),
    );
    const kept = keptOf(toRows(deliveries, now), step.next);
    addTo(tally, action, kept.rows);
    cursor = kept.next;
  } while (cursor !== undefined);
  return succeed(await viewOf(deps, tenantId, action, tally));
}

function addTo(tally: Tally, action: Action, rows: readonly DeliveryRow[]): void {
  const deliveries = rows.flatMap((row) => row.deliveries);
  tally.total += deliveries.length;
  for (const { state, code = "", detail = "" } of deliveries) {
    if (state === "waiting") continue;
    const key = `${code} ${detail}`;
    const reason = tally.reasons.get(key) ?? { code, detail, devices: 0 };
    reason.devices += 1;
    tally.reasons.set(key, reason);
  }
  // Unit by unit, as they will go out: a request carries devices of one unit only.
  const units = inChunks(rows, rowsPerUnit);
  const waiting = units.map((unit) =>
    unit.flatMap((row) => row.deliveries.filter(({ state }) => state === "waiting")),
  );
  for (const unit of waiting) {
    const work = workOf(action, unit);
    tally.work = addWork(tally.work, work);
    tally.relayed += unit.length - work.devices;
  }
  for (const group of waiting.flatMap((unit) => groupsOf(action, unit))) {
    const index = action.routes.indexOf(group.route);
    const route = tally.routes.get(index) ?? { devices: 0, requests: 0 };
    route.devices += group.deviceIds.length;
    route.requests += callsFor([group]).reduce((sum, call) => sum + costOf(call), 0);
    tally.routes.set(index, route);
  }
}

async function viewOf(
  { paces, tenants, clock, confirmAfterMs }: DryRunDeps,
  tenantId: string,
  action: Action,
  { total, routes, reasons, work, relayed }: Tally,
): Promise<DryRunView> {
  const byRoute = [...routes].map(([index, { devices, requests }]) => {
    const { id = "", fidelity = "exact" as const, note } = action.routes[index] ?? {};
    return { route: id, fidelity, devices, graphRequests: requests, ...(note ? { note } : {}) };
  });
  const notSupported = [...reasons.values()];
  const answer = { dryRun: true, action: action.id, total, byRoute, notSupported } as const;
  // When a relay comes for its work, nobody here knows.
  if (work.devices === 0 && relayed > 0) return answer;
  const pace = await pacesOf(tenants, tenantId);
  const now = clock.now();
  const untilFree = async (workload: Workload): Promise<number> =>
    Math.max(0, (await paces.read(tenantId, workload)).nextFree - now);
  const time = timeLeft(work, pace, {
    queuedMs: pace.send === undefined ? 0 : await untilFree("deviceActions"),
    readsQueuedMs: pace.read === undefined ? 0 : await untilFree("deviceReads"),
    lookAfterMs: confirmAfterMs,
  });
  return {
    ...answer,
    sendingSeconds: tenths(time.sendingMs),
    confirmingSeconds: tenths(time.confirmingMs),
  };
}

const tenths = (ms: number): number => Math.ceil(ms / 100) / 10;
