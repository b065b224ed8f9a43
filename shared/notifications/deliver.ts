/**
 * Delivers the waiting devices of a few rows.
 *
 * Each pass marks what it is about to send (claim), asks Graph, and writes down the outcomes (settle).
 * A worker that dies in between leaves marks; when they have run out, the next pass looks at the devices
 * before it sends anything again. So nothing is lost, and nothing is done twice.
 */
import { costOf } from "../devices/calls.ts";
import { findAction } from "../devices/catalogue.ts";
import type { Instant } from "../kernel/clock.ts";
import { queueNames } from "../storage/names.ts";
import type { UnitMessage } from "./contract.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { decidePass } from "./delivering.ts";
import { finishIfDone } from "./finish.ts";
import { grantFor, noTurn, type Turn } from "./grant.ts";
import { type DeliverOutcome, deliveriesIn, type Job, touchAt } from "./job.ts";
import { lookPass } from "./look-pass.ts";
import { noteWait } from "./note-wait.ts";
import { handOver } from "./relay-hand-over.ts";
import { byRelay } from "./relay-way.ts";
import { sendPass } from "./send-pass.ts";

/** After losing a race, the winner gets this long before we look again. */
const afterLostMs = 2_000;

/** Makes one pass over the rows that the message names. */
export async function deliver(deps: DeliverDeps, message: UnitMessage): Promise<DeliverOutcome> {
  const { tenantId, notificationId, from, to } = message;
  const stored = await deps.notifications.get(tenantId, notificationId);
  const action = stored && findAction(stored.notification.actionId);
  const tenant = await deps.tenants.get(tenantId);
  if (!stored || !action || !tenant) return { kind: "gone" };
  const rows = await deps.deliveries.range(notificationId, from, to);
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
