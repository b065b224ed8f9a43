/**
 * Kills the worker once at every call that leaves the process, before and after the far side has done it: the end is the
 * same in every case, each device was handed in once, and no record is left.
 */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { deaths } from "../../support/fault-tap.ts";
import { type RegisterRig, rowOf, rows, startRegisterRig } from "./register-rig.ts";

let rig: RegisterRig;
let foreign = "";
beforeAll(async () => {
  rig = await startRegisterRig();
  foreign = await rig.tenantOf();
});
afterAll(() => rig.stop());

let runs = 0;

/** Registers six devices: one that the tenant has, one that another has, one that loses its tag; with one death on the way. */
async function run(death?: { atCall: number; when: "before" | "after" }) {
  runs += 1;
  const prefix = `${"ABCDEFGHJK".charAt(runs % 10)}${runs}X`;
  const tenantId = await rig.tenantOf({ droppedTagRate: 0.4 });
  const list = rows(6, prefix, "shop").map(rowOf);
  await rig.register(tenantId, list.slice(0, 1));
  await rig.register(foreign, list.slice(1, 2));
  await rig.drain();
  rig.faults.reset();
  const { registrationId } = await rig.register(tenantId, list);
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  await rig.drain();
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  const { view, devices } = await rig.ended(tenantId, registrationId);
  const end = {
    state: view.state,
    outcomes: devices.map(({ outcome }) => outcome),
    submissions: await rig.submissions(tenantId),
    records: await rig.records(tenantId),
  };
  return { calls, end };
}

const truth = {
  state: "partlyFinished",
  outcomes: ["alreadyRegistered", "assignedToOtherTenant", ...Array<string>(4).fill("registered")],
  // The first was there before, and is handed in again unless it is found first.
  submissions: expect.toSatisfy(
    ({ distinct, doubled }) => distinct === 6 && (doubled === 0 || doubled === 1),
  ),
  records: 0,
};

it("a worker that dies at any call leaves nothing undone, and does nothing twice", async () => {
  const { calls, end } = await run();
  expect(end).toEqual(truth);
  expect(calls.filter((call) => call.startsWith("graph.POST")).length).toBeGreaterThan(1);
  for (const { atCall, when } of deaths(calls.length, 2 * inject("oneCaseIn"))) {
    const { end: disturbed } = await run({ atCall, when });
    expect(disturbed, `killed ${when} call ${atCall}, ${calls[atCall - 1]}`).toEqual(truth);
  }
}, 180_000);
