/**
 * Looks at what devices have reported, in rounds over a few rows, until each delivery has its end or
 * the notification's time is over.
 */
import type { Action } from "../../devices/actions/action.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import { lookAt } from "../../devices/actions/read-back.ts";
import type { Instant } from "../../kernel/clock.ts";
import type { ConfirmMessage } from "../state/contract.ts";
import type { Delivery, Step } from "../state/delivery.ts";
import type { StoredDeliveryRow } from "../state/delivery-store.ts";
import { byRelay } from "../state/relay-route.ts";
import { changeRows, type Job, noteWait } from "./change-rows.ts";
import {
  latenessAt,
  needsLook,
  nextRoundAt,
  stepAfterReport,
  stepAfterVerdict,
} from "./decide-pass.ts";
import { finishIfDone } from "./finish.ts";
import {
  auditsOf,
  type DeliverDeps,
  grantFor,
  noTurn,
  obeyReads,
  type Turn,
} from "./pass-services.ts";
import { awaitRelays } from "./relay-silence.ts";

/** What becomes of the message. */
export type ConfirmOutcome =
  | { readonly kind: "done" | "gone" }
  | {
      readonly kind: "again";
      readonly at: Instant;
      readonly after?: string;
      readonly round: number;
      /** Reads that were reserved for the next looks. */
      readonly reads?: Turn;
    };

/** Most devices looked at in one invocation. */
const maxLooks = 200;
/** Due times are kept to the millisecond, messages come on whole seconds. */
const earlyMs = 1_000;

/** Looks at the next devices of the round. */
export async function confirm(deps: DeliverDeps, message: ConfirmMessage): Promise<ConfirmOutcome> {
  const { tenantId, notificationId, from, to, after = "", round } = message;
  const stored = await deps.notifications.get(tenantId, notificationId);
  const action = stored && findAction(stored.notification.actionId);
  const tenant = await deps.tenants.get(tenantId);
  if (!stored || !action || !tenant) return { kind: "gone" };
  const rows = await deps.deliveries.range(notificationId, from, to);
  const job = { action, notification: stored.notification, rows };
  const sent = sentByGraph(action, rows);
  if (sent.length === 0) {
    await awaitRelays(deps, job);
    await finishIfDone(deps, tenantId, notificationId);
    return { kind: "done" };
  }
  const now = deps.clock.now();
  const dueAt = earliestDue(action, rows);
  // Early, or a second message for the same rows: the round belongs to whoever comes when it is due.
  if (after === "" && dueAt > now + earlyMs && now < stored.notification.expiresAt)
    return { kind: "again", at: dueAt, round };
  const list = await auditsOf(deps, { tenantId, action }, sent);
  const lateness = latenessAt(deps.clock.now(), stored.notification.expiresAt);
  const told = new Map<string, Step>();
  const open: Delivery[] = [];
  for (const delivery of sent) {
    const { deviceId, route, at, markedAt = at } = delivery;
    const names = action.routes[route]?.auditNames;
    const audit = names && list?.find(deviceId, names, markedAt);
    const end = audit && stepAfterVerdict(audit.verdict);
    if (end) told.set(deviceId, end);
    else if (!list || !names || needsLook(audit, round, lateness)) open.push(delivery);
  }
  const rest = open.filter(({ deviceId }) => deviceId > after);
  if (rest.length === 0) return endRound(deps, job, told, round);
  const place = { tenantId, workload: "deviceReads" } as const;
  const grant = await grantFor(deps, place, rest.length, message.reads ?? noTurn);
  const { startAt, granted, at, shiftMs, budget } = grant;
  const reads = { granted, at, shiftMs };
  if (startAt > deps.clock.now()) {
    await noteWait(deps, job, startAt, deps.clock.now());
    return { kind: "again", at: startAt, round, ...position(after), reads };
  }
  return look(deps, job, { rest, count: Math.min(maxLooks, budget), told }, message);
}

/** Devices to be asked themselves, how many of them now, and what the audits told of others. */
type Looking = {
  readonly rest: readonly Delivery[];
  readonly count: number;
  readonly told: ReadonlyMap<string, Step>;
};

async function look(
  deps: DeliverDeps,
  job: Job,
  { rest, count, told }: Looking,
  { round }: ConfirmMessage,
): Promise<ConfirmOutcome> {
  const { tenantId, expiresAt } = job.notification;
  const some = rest.slice(0, count);
  const looks = await lookAt(
    deps.graph,
    tenantId,
    some.map(({ deviceId, route }) => ({ deviceId, route: job.action.routes[route] })),
  );
  await obeyReads(deps, tenantId, looks);
  const now = deps.clock.now();
  const lateness = latenessAt(now, expiresAt);
  const steps = new Map(told);
  for (const delivery of some) {
    const step = stepAfterReport(job.action, delivery, looks.get(delivery.deviceId), lateness);
    if (step) steps.set(delivery.deviceId, step);
  }
  const last = some.at(-1)?.deviceId;
  if (last !== undefined && rest.length > some.length) {
    await settle(deps, job, steps, undefined);
    return { kind: "again", at: now, after: last, round };
  }
  return endRound(deps, job, steps, round);
}

/** Writes down the end of a round, and when the next one is due. */
async function endRound(
  deps: DeliverDeps,
  job: Job,
  steps: ReadonlyMap<string, Step>,
  round: number,
): Promise<ConfirmOutcome> {
  const { tenantId, notificationId, expiresAt } = job.notification;
  const now = deps.clock.now();
  const at = nextRoundAt(round, { now, expiresAt, firstMs: deps.confirmAfterMs });
  const rows = await settle(deps, job, steps, at);
  if (sentByGraph(job.action, rows).length > 0) return { kind: "again", at, round: round + 1 };
  await awaitRelays(deps, { ...job, rows });
  await finishIfDone(deps, tenantId, notificationId);
  return { kind: "done" };
}

function settle(
  deps: DeliverDeps,
  { action, rows, notification }: Job,
  steps: ReadonlyMap<string, Step>,
  roundAt: Instant | undefined,
): Promise<readonly StoredDeliveryRow[]> {
  const due = roundAt ?? earliestDue(action, rows);
  const { notificationId } = notification;
  const change = { notificationId, steps, now: deps.clock.now(), dueAt: () => due };
  return changeRows(deps.deliveries, rows, change);
}

/** What Graph took, and can tell about. */
const sentByGraph = (action: Action, rows: readonly Pick<StoredDeliveryRow, "deliveries">[]) =>
  rows
    .flatMap(({ deliveries }) => deliveries)
    .filter((delivery) => delivery.state === "sent" && !byRelay(action, delivery));

/** When the first of the rows with sent deliveries is due. */
function earliestDue(action: Action, rows: readonly StoredDeliveryRow[]): Instant {
  const open = rows.filter((row) => sentByGraph(action, [row]).length > 0);
  return Math.min(...open.map(({ dueAt }) => dueAt));
}

const position = (after: string) => (after === "" ? {} : { after });
