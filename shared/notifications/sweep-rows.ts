/**
 * Sends new messages for rows whose messages were lost: one for up to eight rows, as planning does, and for
 * all of them in one run.
 */
import type { Clock, Instant } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { queueNames } from "../storage/names.ts";
import type { Queues } from "../storage/queues.ts";
import type { MarkStore } from "./mark-store.ts";
import type { Notification } from "./notification.ts";
import { type OverdueUnit, overdueUnits } from "./overdue.ts";

/** What nudging rows needs. */
export type SweepRowsDeps = {
  readonly marks: MarkStore;
  readonly queues: Queues;
  readonly clock: Clock;
  /** How far behind a row must be before its message counts as lost. */
  readonly overdueMs: number;
};

const lanes = 8;

/** Sends messages for every row that is far behind, or until `until`; answers how many. */
export async function sweepRows(
  { marks, queues, clock, overdueMs }: SweepRowsDeps,
  { tenantId, notificationId }: Notification,
  until: Instant,
): Promise<number> {
  const now = clock.now();
  const before = now - overdueMs;
  // Nearly always nothing is behind, and one read says so.
  const first = await marks.overdue(notificationId, before);
  if (first === undefined) return 0;
  const nudge = ({ from, to, toSend }: OverdueUnit): Promise<void> => {
    const queue = toSend ? queueNames.notificationDeliver : queueNames.notificationConfirm;
    return queues.send(queue, { tenantId, notificationId, from, to });
  };
  let sent = 0;
  for await (const page of marks.pages(notificationId, first.lastDeviceId)) {
    const units = overdueUnits(page, before);
    await inParallel(units, lanes, nudge);
    // Noted: the messages have as long as any other before they count as lost, too.
    const rows = units.flatMap((unit) => unit.rows);
    await marks.note(notificationId, rows, { nudgedAt: now });
    sent += units.length;
    if (clock.now() > until) break;
  }
  return sent;
}
