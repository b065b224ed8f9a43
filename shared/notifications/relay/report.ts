/**
 * Takes a relay's report. Repeating one changes nothing, and a report about a claim that a delivery is not
 * under is left alone: only the relay that holds a claim can say what came of it.
 */

import {
  afterPass,
  changeRows,
  closeIfDone,
  itemsIn,
  letOutTo,
  type Work,
} from "../../fanout/engine/change-rows.ts";
import type { Item, Transition } from "../../fanout/state/item.ts";
import { backoffMs, type Instant } from "../../kernel/clock.ts";
import { type Result, succeed } from "../../kernel/failure.ts";
import { plainText } from "../../kernel/outside-text.ts";
import type { NotificationParts } from "../kind.ts";
import type { Notification } from "../notification.ts";
import { unknownNotification } from "../read-notifications.ts";
import type { RelayOutcome, RelayResult, ResultsReport } from "./contract.ts";
import { byRelay } from "./relay-carrier.ts";

// What a relay's report means for a delivery: one or two events in a row. Pure.

/** What the contract takes; a code is a word, and no other text gets into a row by it. */
const maxCodeChars = 60;
const retry = { baseMs: 30_000, maxMs: 15 * 60_000 };

/** Reasons that a report may leave out. */
const codes: Readonly<Partial<Record<RelayOutcome, string>>> = {
  failed: "device-reported-failure",
  notSupported: "not-supported-by-site",
  offline: "device-offline",
  unknown: "no-answer",
  expired: "expired",
};

/** How often each outcome was reported. */
export function countOutcomes(results: readonly RelayResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/**
 * The transitions that bring a delivery to what was reported. A report may be repeated, and may come when the
 * delivery has moved on: a transition that no longer fits changes nothing.
 */
export function transitionsFor(
  { outcome, code = codes[outcome], detail }: RelayResult,
  delivery: Pick<Item, "state" | "attempts" | "detail">,
  now: Instant,
  random: number,
): Transition[] {
  const details = {
    ...(code === undefined ? {} : { code: plainText(code, maxCodeChars) }),
    ...(detail ? { detail } : {}),
  };
  const claimed = delivery.state === "claimed";
  const end = detail ?? "its time ended at the site";
  const latest = {
    detail: delivery.detail ? `${end}; the latest reason: ${delivery.detail}` : end,
  };
  const accept: readonly Transition[] = claimed ? [{ event: "accept" }] : [];
  switch (outcome) {
    case "accepted":
      return [{ event: "accept", details }];
    case "done":
      return [...accept, { event: "finish", details }];
    case "failed":
      return [{ event: "fail", details }];
    case "notSupported":
      return [{ event: "decline", details }];
    case "offline":
      return [...accept, { event: "silence", details }];
    case "unknown":
      return [{ event: "lose", details }];
    case "expired":
      // A claim that was never used goes back, and then its time is over. What kept it before may be the reason.
      return claimed
        ? [{ event: "postpone" }, { event: "expire", details: { ...details, ...latest } }]
        : [{ event: "expire", details }];
    case "later": {
      const waitMs = backoffMs(delivery.attempts, { ...retry, random });
      return [{ event: "postpone", details: { ...details, notBefore: now + waitMs } }];
    }
  }
}

/** More rows than any claim touches. */
const maxRows = 64;

/** Writes a report down; answers how many of its devices are under its claim. */
export async function takeReport(
  parts: NotificationParts,
  tenantId: string,
  { notificationId, claimId, results }: ResultsReport,
): Promise<Result<{ taken: number }>> {
  const { engine, jobs, kind } = parts;
  const stored = await jobs.get(tenantId, notificationId);
  if (stored === undefined) return unknownNotification(notificationId);
  const { job } = stored;
  const ids = results.map(({ deviceId }) => deviceId).toSorted();
  const page = await engine.items.page(notificationId, { from: ids[0] ?? "", top: maxRows });
  const last = ids.at(-1) ?? "";
  const rows = page.filter((_, at) => (page[at - 1]?.lastTargetId ?? "") < last);
  const work = { kind, job, rows, releasedTo: await letOutTo(engine, job) };
  const taken = await applyResults(parts, work, claimId, results);
  // Also when it has ended: the counts follow a truth that comes late.
  await closeIfDone(engine, job);
  return succeed({ taken });
}

async function applyResults(
  { engine }: NotificationParts,
  work: Work & { readonly job: Notification },
  claimId: string,
  results: readonly RelayResult[],
): Promise<number> {
  const now = engine.clock.now();
  const byDevice = new Map(results.map((result) => [result.deviceId, result]));
  const ours = itemsIn(work.rows).flatMap((delivery) => {
    const result = byDevice.get(delivery.targetId);
    return result && delivery.claim === claimId && byRelay(work.job, delivery)
      ? [{ id: delivery.targetId, all: transitionsFor(result, delivery, now, engine.random()) }]
      : [];
  });
  let { rows } = work;
  for (let nth = 0; ours.some(({ all }) => all.length > nth); nth += 1) {
    const transitions = new Map<string, Transition>();
    for (const { id, all } of ours) {
      const transition = all[nth];
      if (transition) transitions.set(id, transition);
    }
    const change = afterPass(engine, work, transitions, now);
    rows = await changeRows(engine, { ...work, rows }, change);
  }
  return ours.length;
}
