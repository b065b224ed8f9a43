/**
 * Delivers the waiting devices of a few rows.
 *
 * Each pass marks what it is about to send (claim), asks Graph, and writes down the outcomes (settle).
 * A worker that dies in between leaves marks; when they have run out, the next pass looks at the devices
 * before it sends anything again. So nothing is lost, and nothing is done twice.
 */

import { costOf, type SendCall } from "../../devices/actions/calls.ts";
import { findAction } from "../../devices/actions/catalogue.ts";
import { lookAt } from "../../devices/actions/read-back.ts";
import { strictly } from "../../devices/actions/results.ts";
import { type SendOutcome, type SendOutcomes, send } from "../../devices/actions/send.ts";
import { memberTest } from "../../devices/collections/rule.ts";
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { queueNames } from "../../storage/names.ts";
import type { UnitMessage } from "../state/contract.ts";
import type { Delivery, Step } from "../state/delivery.ts";
import type { StoredDeliveryRow } from "../state/delivery-store.ts";
import { byRelay } from "../state/relay-route.ts";
import {
  changeRows,
  changeRowsOnce,
  type DeliverOutcome,
  deliveriesIn,
  dueAfterPass,
  type Job,
  noteWait,
  touchAt,
} from "./change-rows.ts";
import { decidePass, latenessAt, type Pass, stepAfterLook, stepOf } from "./decide-pass.ts";
import { finishIfDone } from "./finish.ts";
import { handOver } from "./hand-over.ts";
import {
  auditsOf,
  type DeliverDeps,
  type Grant,
  grantFor,
  noTurn,
  obeyReads,
  type Turn,
} from "./pass-services.ts";

// A pass that looks at devices whose worker never told what came of its request.

/** Most devices looked at in one pass. */
const maxLooks = 200;

/** Looks, writes down what was found, and asks for another pass. */
async function lookPass(
  deps: DeliverDeps,
  { action, notification, rows }: Job,
  suspects: readonly Delivery[],
  { turn, reads }: { readonly turn: Turn; readonly reads: Turn },
): Promise<DeliverOutcome> {
  const { tenantId, notificationId } = notification;
  const place = { tenantId, workload: "deviceReads" } as const;
  const grant = await grantFor(deps, place, suspects.length, reads);
  const { startAt, budget, granted, at, shiftMs } = grant;
  if (startAt > deps.clock.now())
    return { kind: "again", until: startAt, turn, reads: { granted, at, shiftMs } };
  const some = suspects.slice(0, Math.min(maxLooks, budget));
  const list = await auditsOf(deps, { tenantId, action }, some);
  const looks = await lookAt(
    deps.graph,
    tenantId,
    some.map(({ deviceId, route }) => ({ deviceId, route: action.routes[route] })),
  );
  const now = deps.clock.now();
  const { claimMs } = deps;
  const time = { now, lateness: latenessAt(now, notification.expiresAt), claimMs };
  await obeyReads(deps, tenantId, looks);
  const steps = new Map<string, Step>();
  for (const delivery of some) {
    const { deviceId, route, at: since, markedAt = since } = delivery;
    const names = action.routes[route]?.auditNames ?? [];
    const audited = list?.find(deviceId, names, action.repeatable ? markedAt : strictly(markedAt));
    const step = stepAfterLook(action, delivery, looks.get(deviceId), { ...time, audited });
    if (step) steps.set(delivery.deviceId, step);
  }
  await changeRows(deps.deliveries, rows, {
    notificationId,
    steps,
    now,
    dueAt: (deliveries) => dueAfterPass(deps, { action, notification }, deliveries, now),
  });
  return { kind: "again", until: now, turn };
}

// Checks waiting devices against the target's rule once more, before an action leaves.

/**
 * Devices that waited and that the rule no longer finds. Nothing is read unless the directory was
 * refreshed since the notification was made: the same rows would give the same answer.
 */
export async function leaversOf(
  { directory }: DeliverDeps,
  { notification, rows }: Job,
): Promise<ReadonlySet<string>> {
  const { target, tenantId, createdAt, directoryVersion } = notification;
  const isRuled = target.kind === "collection" || target.kind === "retry";
  if (!isRuled || target.rule === undefined) return new Set();
  const meta = await directory.meta(tenantId);
  if (meta?.refreshId === directoryVersion) return new Set();
  const waiting = deliveriesIn(rows).filter(({ state }) => state === "waiting");
  const ids = waiting.map(({ deviceId }) => deviceId);
  const devices = await directory.getMany(tenantId, ids);
  const isMember = memberTest(target.rule, createdAt);
  return new Set(
    ids.filter((id) => {
      const device = devices.get(id);
      return device === undefined || !isMember(device);
    }),
  );
}

// A pass that claims waiting deliveries, sends them, and writes down what came of it.

/** Requests to Graph under way at once. */
const lanes = 4;
/** Everybody waits this long after a 429 that did not say how long. */
const defaultThrottleMs = 2_000;

/** What a pass leaves: the rows as they are now, and the requests it spent. */
export type SentPass = { readonly rows: readonly StoredDeliveryRow[]; readonly spent: number };

type Sent = {
  readonly calls: readonly SendCall[];
  readonly outcomes: readonly SendOutcomes[];
  readonly grant: Grant;
};

/** Makes the pass; undefined when somebody else is at these rows. */
async function sendPass(deps: DeliverDeps, job: Job, grant: Grant): Promise<SentPass | undefined> {
  const leavers = await leaversOf(deps, job);
  const limits = { now: deps.clock.now(), claimMs: deps.claimMs, budget: grant.budget, leavers };
  const { tenantId, parameters, notificationId } = job.notification;
  const deliveries = deps.bulkRefusals.applyTo(job.action, tenantId, deliveriesIn(job.rows));
  const decided = decidePass(job.action, job.notification, deliveries, limits);
  const claimed = await claim(deps, job, decided);
  if (claimed === undefined) return undefined;
  if (decided.calls.length === 0) return { rows: claimed, spent: 0 };
  // Nobody may look into our marks while an answer can still come: the last request leaves before that.
  const lastAsk = limits.now + deps.claimMs - deps.graphTimeoutMs;
  const mayAsk = () => deps.clock.now() < lastAsk;
  const outcomes = await inParallel(decided.calls, lanes, (call) =>
    send(deps.graph, tenantId, call, parameters, mayAsk),
  );
  noteRefusals(deps, tenantId, decided.calls, outcomes);
  const now = deps.clock.now();
  const rows = await changeRows(deps.deliveries, claimed, {
    notificationId,
    steps: stepsOf(deps, claimed, outcomes),
    now,
    dueAt: (settled) => dueAfterPass(deps, job, settled, now),
  });
  // After the outcomes are safe: without this note others only ask a little too early.
  const kept = await makeWay(deps, tenantId, { calls: decided.calls, outcomes, grant });
  return { rows, spent: spentOn(decided.calls) - kept };
}

/** Remembers which bulk actions the tenant may not use at all. */
function noteRefusals(
  { bulkRefusals }: DeliverDeps,
  tenantId: string,
  calls: readonly SendCall[],
  outcomes: readonly SendOutcomes[],
): void {
  for (const [index, { route }] of calls.entries()) {
    const [first] = outcomes[index]?.values() ?? [];
    if (first?.kind === "alone" && first.forbidden && route.bulkAction !== undefined)
      bulkRefusals.note(tenantId, route.bulkAction);
  }
}

/** Marks what is to be sent, and settles what needs no request. Only on the rows as they were read. */
function claim(
  deps: DeliverDeps,
  job: Job,
  { settle, calls }: Pass,
): Promise<readonly StoredDeliveryRow[] | undefined> {
  const now = deps.clock.now();
  const steps = new Map<string, Step>(settle);
  for (const { deviceIds } of calls)
    for (const id of deviceIds) steps.set(id, { event: "claim", details: { markedAt: now } });
  return changeRowsOnce(deps.deliveries, job.rows, {
    notificationId: job.notification.notificationId,
    steps,
    now,
    dueAt: (settled) => dueAfterPass(deps, job, settled, now),
  });
}

function stepsOf(
  { clock, random }: DeliverDeps,
  rows: readonly StoredDeliveryRow[],
  outcomes: readonly SendOutcomes[],
): Map<string, Step> {
  const byDevice = new Map(outcomes.flatMap((part) => [...part]));
  // One throw for all: what failed together goes again together, in as few requests.
  const spread = random();
  const now = clock.now();
  const steps = new Map<string, Step>();
  for (const delivery of deliveriesIn(rows)) {
    const outcome = byDevice.get(delivery.deviceId);
    const step = outcome && stepOf(outcome, delivery, now, spread);
    if (step) steps.set(delivery.deviceId, step);
  }
  return steps;
}

/**
 * Makes way for what failed in passing: everybody waits as long as Graph said, and as long as asking
 * again will take. Answers the requests whose reservation stays good, because nothing came of them.
 */
async function makeWay(
  { paces, clock }: DeliverDeps,
  tenantId: string,
  { calls, outcomes, grant }: Sent,
): Promise<number> {
  let waitMs = 0;
  let cost = 0;
  for (const [index, call] of calls.entries()) {
    const later = [...(outcomes[index]?.values() ?? [])].filter(isLater);
    if (later.length > 0) cost += call.form === "bulk" ? 1 : later.length;
    for (const { throttled, afterMs = defaultThrottleMs } of later)
      if (throttled) waitMs = Math.max(waitMs, afterMs);
  }
  if (cost === 0 || grant.intervalMs === 0) return 0;
  const now = clock.now();
  await paces.defer(tenantId, "deviceActions", now + waitMs + cost * grant.intervalMs, now);
  return cost;
}

const isLater = (outcome: SendOutcome): outcome is Extract<SendOutcome, { kind: "later" }> =>
  outcome.kind === "later";

const spentOn = (calls: readonly SendCall[]): number =>
  calls.reduce((sum, call) => sum + costOf(call), 0);

/** The message for another pass over the same rows, and when it is due; undefined when none is needed. */
export function nextPass(
  { tenantId, notificationId, from, to }: UnitMessage,
  outcome: DeliverOutcome,
): { readonly message: UnitMessage; readonly at: Instant } | undefined {
  if (outcome.kind !== "again") return undefined;
  const { until, turn, reads, handed } = outcome;
  const rest = { ...(reads && { reads }), ...(handed && { handed }) };
  return { message: { tenantId, notificationId, from, to, ...turn, ...rest }, at: until };
}

/** After losing a race, the winner gets this long before we look again. */
const afterLostMs = 2_000;

/** Makes one pass over the rows that the message names. */
export async function deliver(deps: DeliverDeps, message: UnitMessage): Promise<DeliverOutcome> {
  const { tenantId, notificationId, from, to } = message;
  const [stored, tenant, rows] = await Promise.all([
    deps.notifications.get(tenantId, notificationId),
    deps.tenants.get(tenantId),
    deps.deliveries.range(notificationId, from, to),
  ]);
  const action = stored && findAction(stored.notification.actionId);
  if (!stored || !action || !tenant) return { kind: "gone" };
  const job = { action, notification: stored.notification, rows };
  const handed = await handOver(deps, job, message);
  const outcome = await deliverByGraph(deps, message, job);
  return outcome.kind === "again" && handed ? { ...outcome, handed } : outcome;
}

async function deliverByGraph(
  deps: DeliverDeps,
  message: UnitMessage,
  job: Job,
): Promise<DeliverOutcome> {
  const { action, rows } = job;
  const { tenantId, granted, shiftMs, at = deps.clock.now() } = message;
  const turn = { granted, shiftMs, at };
  const whole = { now: deps.clock.now(), claimMs: deps.claimMs, budget: Number.POSITIVE_INFINITY };
  const deliveries = deps.bulkRefusals.applyTo(action, tenantId, deliveriesIn(rows));
  const decided = decidePass(action, job.notification, deliveries, whole);
  if (decided.look.length > 0)
    return lookPass(deps, job, decided.look, { turn, reads: message.reads ?? noTurn });
  const cost = decided.calls.reduce((sum, call) => sum + costOf(call), 0);
  const grant = await grantFor(deps, { tenantId, workload: "deviceActions" }, cost, turn);
  const now = deps.clock.now();
  if (grant.startAt > now) {
    await noteWait(deps, job, grant.startAt, now);
    return again(deps, job, grant.startAt, grant);
  }
  const sent = await sendPass(deps, job, grant);
  if (sent === undefined) return again(deps, job, deps.clock.now() + afterLostMs, grant);
  const left = { ...job, rows: sent.rows };
  return next(deps, message, left, {
    granted: Math.max(0, grant.granted - sent.spent),
    shiftMs: grant.shiftMs,
    // From the turn and not from now: a pass that came late must not push into the turns of others.
    at: grant.at + sent.spent * grant.intervalMs,
  });
}

/** What the rows need next: another pass, a look at the answers, or nothing any more. */
async function next(
  deps: DeliverDeps,
  { tenantId, notificationId, from, to }: UnitMessage,
  job: Job,
  turn: Turn,
): Promise<DeliverOutcome> {
  const { action, rows } = job;
  const deliveries = deliveriesIn(rows).filter((delivery) => !byRelay(action, delivery));
  const open = deliveries.filter(({ state }) => state === "waiting" || state === "claimed");
  if (open.length > 0) {
    const earliest = Math.min(...open.map((delivery) => touchAt(delivery, deps.claimMs)));
    return again(deps, job, Math.max(earliest, turn.at), turn);
  }
  if (deliveries.some(({ state }) => state === "sent")) {
    const message = { tenantId, notificationId, from, to };
    await deps.queues.send(queueNames.notificationConfirm, message, deps.confirmAfterMs / 1000);
    return { kind: "done" };
  }
  await finishIfDone(deps, tenantId, notificationId);
  return { kind: "done" };
}

/** Another pass; none later than the notification's end, at which what waits is settled. */
function again(
  { clock }: Pick<DeliverDeps, "clock">,
  { notification }: Job,
  until: Instant,
  turn: Turn,
): DeliverOutcome {
  const { granted, shiftMs, at } = turn;
  const { expiresAt } = notification;
  const end = clock.now() < expiresAt ? Math.min(until, expiresAt) : until;
  return { kind: "again", until: end, turn: { granted, shiftMs, at } };
}
