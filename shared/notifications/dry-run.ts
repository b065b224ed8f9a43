/** Says what a notification would do, without doing it. */

import type { Action } from "../devices/actions/action.ts";
import { groupsOf } from "../devices/actions/asked-devices.ts";
import { callsFor, costOf } from "../devices/actions/send.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import {
  addCost,
  chunkCost,
  firstItem,
  keptOf,
  rowsPerChunk,
  timeLeft,
} from "../fanout/engine/engine.ts";
import { type ItemRow, toRows } from "../fanout/state/item.ts";
import { type Cost, noCost } from "../fanout/state/rollout.ts";
import { inChunks } from "../kernel/concurrency.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import type { DryRunView, NewNotification } from "./contract.ts";
import { actionOf, type DevicePage, type NotificationParts, ratesOf, targetPage } from "./kind.ts";
import type { Notification } from "./notification.ts";
import { judgeRequest } from "./request.ts";

type Tally = {
  total: number;
  /** Of what goes through Graph. */
  cost: Cost;
  relayed: number;
  readonly routes: Map<number, { devices: number; requests: number }>;
  readonly reasons: Map<string, { code: string; detail: string; devices: number }>;
};

/** Walks the whole target and counts; writes nothing. */
export async function dryRun(
  parts: NotificationParts,
  tenantId: string,
  body: NewNotification,
  reach?: Reach,
): Promise<Result<DryRunView>> {
  const judged = await judgeRequest(parts, tenantId, body, reach);
  if (!judged.ok) return judged;
  const { action, parameters, target, deviceIds, directory } = judged.value;
  const { kind, engine } = parts;
  const now = engine.clock.now();
  const notification: Notification = {
    kind: kind.id,
    jobId: "",
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
  const source = {
    directory: parts.directory,
    deliveries: engine.items,
    targets: { targets: () => Promise.resolve(sorted) },
  };
  const tally: Tally = {
    total: 0,
    cost: noCost,
    relayed: 0,
    routes: new Map(),
    reasons: new Map(),
  };
  let cursor: string | undefined;
  do {
    const step: DevicePage = await targetPage(source, notification, cursor);
    const deliveries = step.targets.map((device) => firstItem(kind, notification, device, now));
    const kept = keptOf(kind, toRows(deliveries, now), step.next);
    addTo(tally, parts, notification, kept.rows);
    cursor = kept.next;
  } while (cursor !== undefined);
  return succeed(await viewOf(parts, tenantId, action, tally));
}

function addTo(
  tally: Tally,
  { kind }: NotificationParts,
  notification: Notification,
  rows: readonly ItemRow[],
): void {
  const action = actionOf(notification);
  const deliveries = rows.flatMap((row) => row.items);
  tally.total += deliveries.length;
  for (const { state, code = "", detail = "" } of deliveries) {
    if (state === "waiting") continue;
    const key = `${code} ${detail}`;
    const reason = tally.reasons.get(key) ?? { code, detail, devices: 0 };
    reason.devices += 1;
    tally.reasons.set(key, reason);
  }
  // Chunk by chunk, as they will go out: a request carries devices of one chunk only.
  const chunks = inChunks(rows, rowsPerChunk);
  const waiting = chunks.map((chunk) =>
    chunk.flatMap((row) => row.items.filter(({ state }) => state === "waiting")),
  );
  for (const chunk of waiting) {
    const cost = chunkCost(kind, notification, chunk);
    tally.cost = addCost(tally.cost, cost);
    tally.relayed += chunk.length - cost.items;
  }
  for (const group of waiting.flatMap((chunk) => groupsOf(action, chunk))) {
    const index = action.routes.indexOf(group.route);
    const route = tally.routes.get(index) ?? { devices: 0, requests: 0 };
    route.devices += group.deviceIds.length;
    route.requests += callsFor([group]).reduce((sum, call) => sum + costOf(call), 0);
    tally.routes.set(index, route);
  }
}

async function viewOf(
  { engine }: NotificationParts,
  tenantId: string,
  action: Action,
  { total, routes, reasons, cost, relayed }: Tally,
): Promise<DryRunView> {
  const byRoute = [...routes].map(([index, { devices, requests }]) => {
    const { id = "", fidelity = "exact" as const, note } = action.routes[index] ?? {};
    return { route: id, fidelity, devices, graphRequests: requests, ...(note ? { note } : {}) };
  });
  const notSupported = [...reasons.values()];
  const answer = { dryRun: true, action: action.id, total, byRoute, notSupported } as const;
  // When a relay comes for its work, nobody here knows.
  if (cost.items === 0 && relayed > 0) return answer;
  const { throttle, times } = engine;
  const rates = await ratesOf(throttle, tenantId);
  const now = engine.clock.now();
  const untilFree = async (workload: string): Promise<number> =>
    Math.max(0, (await throttle.read(tenantId, workload)).nextFree - now);
  const time = timeLeft(cost, rates, {
    queuedMs: rates.send === undefined ? 0 : await untilFree("deviceActions"),
    readsQueuedMs: rates.read === undefined ? 0 : await untilFree("deviceReads"),
    readBackAfterMs: times.readBackAfterMs,
  });
  return {
    ...answer,
    sendingSeconds: tenths(time.sendingMs),
    confirmingSeconds: tenths(time.confirmingMs),
  };
}

const tenths = (ms: number): number => Math.ceil(ms / 100) / 10;
