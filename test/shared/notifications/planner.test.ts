/** A planner that is killed at any step of a target of several steps: every device planned once, none unsent. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deliveriesIn } from "../../../shared/notifications/job.ts";
import { queueNames } from "../../../shared/storage/names.ts";
import { onlyIntuneWindows } from "../../local/sandbox/support.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import type { Waiting } from "../../support/test-queues.ts";
import { rowsOf } from "./support/rig-reading.ts";

const devices = 10_000;
let rig: NotifyRig;
let tenantId: string;
beforeAll(async () => {
  rig = await startNotifyRig();
  tenantId = await rig.tenant({ ...onlyIntuneWindows, devices });
});
afterAll(() => rig.stop());

const isDeliver = ({ queue }: Waiting): boolean => queue === queueNames.notificationDeliver;

/** Handles what is to be planned until nothing is; answers the messages to deliver, which stay unhandled. */
async function planOnly(): Promise<Waiting[]> {
  const held: Waiting[] = [];
  for (;;) {
    const waiting = rig.queues.waiting();
    rig.queues.lose();
    held.push(...waiting.filter(isDeliver));
    const plans = waiting.filter((each) => !isDeliver(each));
    if (plans.length === 0) return held;
    for (const each of plans) await rig.handle(each);
  }
}

/** Plans, with a death on the way, and holds the rows and messages against the target. */
async function planned(death?: { atCall: number; when: "before" | "after" }) {
  const notificationId = await rig.send(tenantId);
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  const held = await planOnly();
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  const units = held.map(({ message }) => message as { from: string; to: string });
  const rows = await rowsOf(rig, notificationId);
  const ids = deliveriesIn(rows).map(({ deviceId }) => deviceId);
  const uncovered = rows.filter(
    ({ lastDeviceId: id }) => !units.some(({ from, to }) => from <= id && id <= to),
  );
  const { state, counts } = await rig.view(tenantId, notificationId);
  const end = {
    state,
    counts,
    ids: new Set(ids).size,
    rows: ids.length,
    uncovered: uncovered.length,
  };
  return { calls, end };
}

describe("a planner", () => {
  it("that is killed at a commit or a message goes on where it was", async () => {
    const { calls, end } = await planned();
    const counts = { total: devices, waiting: devices };
    const whole = { state: "running", counts, ids: devices, rows: devices, uncovered: 0 };
    expect(end).toMatchObject(whole);
    const commits = calls.flatMap((call, at) =>
      call.startsWith("table.transact") ? [at + 1] : [],
    );
    expect(commits.length).toBeGreaterThanOrEqual(3);
    const sends = commits.map(
      (at) => at + calls.slice(at).findIndex((c) => c.startsWith("queue")) + 1,
    );
    const last = calls.lastIndexOf("table.replace Notifications") + 1;
    const places = [...commits, ...sends, last];
    for (const atCall of places)
      for (const when of ["before", "after"] as const) {
        const disturbed = await planned({ atCall, when });
        expect(disturbed.end, `killed ${when} call ${atCall}, ${calls[atCall - 1]}`).toMatchObject(
          whole,
        );
      }
  }, 90_000);

  it("that runs twice at the same time plans once", async () => {
    const notificationId = await rig.send(tenantId);
    const [message] = rig.queues.waiting();
    if (message === undefined) throw new Error("nothing to plan");
    await Promise.all([rig.handle(message), rig.handle(message)]);
    await planOnly();
    const ids = deliveriesIn(await rowsOf(rig, notificationId)).map(({ deviceId }) => deviceId);
    expect([ids.length, new Set(ids).size]).toEqual([devices, devices]);
  });
});
