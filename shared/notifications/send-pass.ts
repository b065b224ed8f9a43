/** A pass that claims waiting deliveries, sends them, and writes down what came of it. */
import { costOf, type SendCall } from "../devices/calls.ts";
import { type SendOutcome, type SendOutcomes, send } from "../devices/send.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { changeRows, changeRowsOnce } from "./change-rows.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { decidePass, type Pass, stepOf } from "./delivering.ts";
import type { Step } from "./delivery.ts";
import type { StoredDeliveryRow } from "./delivery-store.ts";
import { dueAfterPass } from "./due.ts";
import type { Grant } from "./grant.ts";
import { deliveriesIn, type Job } from "./job.ts";
import { leaversOf } from "./leavers.ts";

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
export async function sendPass(
  deps: DeliverDeps,
  job: Job,
  grant: Grant,
): Promise<SentPass | undefined> {
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
