/**
 * A message about some rows was given up by the host. Each row is tried again by itself, so that one that breaks
 * its handlers does not take its neighbours along; one that keeps failing comes to a true end, with the cause.
 */
import { type QueueName, queueNames } from "../storage/names.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { endRows } from "./end-rows.ts";
import type { MarkStore, RowMark } from "./mark-store.ts";
import { maxTroubles, waitAfterTrouble } from "./poison-patience.ts";
import { causeOf, type TroubleStore } from "./trouble-store.ts";

/** What this needs. */
export type PoisonedUnitDeps = DeliverDeps & {
  readonly marks: MarkStore;
  readonly troubles: TroubleStore;
};

/** Consecutive rows of a notification. */
type Unit = {
  readonly tenantId: string;
  readonly notificationId: string;
  readonly from: string;
  readonly to: string;
};

/** Tries the rows again one by one, and ends those that failed too often; answers how many. */
export async function poisonedUnit(
  deps: PoisonedUnitDeps,
  { tenantId, notificationId, from, to }: Unit,
): Promise<{ again: number; ended: number }> {
  const stored = await deps.notifications.get(tenantId, notificationId);
  const tenant = await deps.tenants.get(tenantId);
  if (stored === undefined || tenant === undefined) return { again: 0, ended: 0 };
  let again = 0;
  let ended = 0;
  for await (const page of deps.marks.pages(notificationId, from, to))
    for (const mark of page.filter(({ live }) => live > 0)) {
      const troubles = mark.troubles + 1;
      const { lastDeviceId } = mark;
      await deps.marks.note(notificationId, [mark], { troubles, nudgedAt: deps.clock.now() });
      if (troubles < maxTroubles) {
        const row = { tenantId, notificationId, from: lastDeviceId, to: lastDeviceId };
        await deps.queues.send(queueFor(mark), row, waitAfterTrouble(troubles));
        again += 1;
      } else {
        const cause = causeOf(await deps.troubles.get(notificationId));
        await endRows(deps, stored.notification, mark, cause);
        ended += 1;
      }
    }
  return { again, ended };
}

const queueFor = ({ waiting }: RowMark): QueueName =>
  waiting > 0 ? queueNames.notificationDeliver : queueNames.notificationConfirm;
