/** The lifecycle of a tenant's row: every pair of status and event against a table of its own. Pure. */
import { describe, expect, it } from "vitest";
import {
  eventsIn,
  type SyncEvent,
  type SyncStatus,
  statusAfter,
  syncEvents,
  syncStatuses,
} from "../../../../shared/sync/state/lifecycle.ts";
import { moved, neverSynced, type TenantSync } from "../../../../shared/sync/state/sync.ts";

const all = Object.keys(syncStatuses) as SyncStatus[];
const by = { kind: "user", id: "ada" };

/** What may happen, a line for each, written down a second time on purpose: `back` is the status before the sync. */
const allowed = `
notRun start starting
idle start starting
partiallySucceeded start starting
partiallySucceeded complete idle
partiallySucceeded fail newError
newError start starting
newError acknowledge back
starting needConsent pendingAdminConsent
starting begin inProgress
starting cancel back
starting pause starting
starting resume starting
starting fail newError
inProgress needUser pendingAuthentication
inProgress needApproval pendingApproval
inProgress finish idle
inProgress finishPartly partiallySucceeded
inProgress finishWithoutConsent pendingAdminConsent
inProgress cancel back
inProgress pause inProgress
inProgress resume inProgress
inProgress fail newError
pendingAuthentication signIn inProgress
pendingAuthentication continueWithoutUser inProgress
pendingAuthentication expire back
pendingAuthentication cancel back
pendingAuthentication blockSignIn newError
pendingAuthentication fail newError
pendingApproval approve inProgress
pendingApproval confirm inProgress
pendingApproval reject idle
pendingApproval rejectAndReset idle
pendingApproval expire idle
pendingApproval supersede starting
pendingApproval finishPartly partiallySucceeded
pendingApproval cancel back
pendingApproval fail newError
pendingAdminConsent start starting
pendingAdminConsent consent starting
pendingAdminConsent continueWithoutTypes starting
pendingAdminConsent declineConsent newError
pendingAdminConsent expire back
pendingAdminConsent cancel back`;
const table = new Map(
  allowed
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([status, event, to]) => [`${status} ${event}`, to]),
);
const pairs = all.flatMap((status) => syncEvents.map((event) => [status, event] as const));

const rowIn = (status: SyncStatus, resting: SyncStatus): TenantSync => ({
  ...neverSynced("t", 1),
  status,
  resting,
  active: "s1",
});

describe("a tenant's row", () => {
  it("has the nine statuses, each with a name in both languages", () => {
    expect(all).toHaveLength(9);
    for (const { en, fr } of Object.values(syncStatuses)) expect([en, fr]).not.toContain("");
    expect(new Set(Object.values(syncStatuses).map(({ fr }) => fr)).size).toBe(9);
  });

  it.each(pairs)("in %s with %s goes where the table says, or stays as it is", (status, event) => {
    const to = table.get(`${status} ${event}`);
    for (const resting of ["notRun", "idle", "partiallySucceeded"] as const) {
      const before = rowIn(status, resting);
      const after = moved(before, { event, by, now: 7, eventId: "e" });
      const wanted = to === "back" ? resting : to;
      expect(after?.status).toBe(wanted);
      expect(statusAfter(status, event, resting)).toBe(wanted);
      if (after === undefined) continue;
      expect(after).toMatchObject({ since: 7, by });
      expect(after.outbox.at(-1)).toMatchObject({ event, from: status, to: wanted, by });
      expect(before.outbox).toEqual([]);
    }
  });

  it("offers exactly the events that would not be refused", () => {
    for (const status of all) {
      const offered: readonly SyncEvent[] = eventsIn(status);
      expect(offered).toEqual(syncEvents.filter((event) => table.has(`${status} ${event}`)));
    }
  });

  it("can be left from every status, and every status can be reached from the first", () => {
    const reached = new Set<SyncStatus>(["notRun"]);
    for (const status of reached)
      for (const event of eventsIn(status))
        reached.add(statusAfter(status, event, "idle") as SyncStatus);
    expect([...reached].toSorted()).toEqual(all.toSorted());
    for (const status of all) expect(eventsIn(status)).not.toEqual([]);
  });
});
