/** Three customers at once, with everything against it that the service and the host have. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RegisterRig, rowOf, rows, startRegisterRig } from "./register-rig.ts";

let rig: RegisterRig;
beforeAll(async () => {
  rig = await startRegisterRig();
});
afterAll(() => rig.stop());

it("registers 1,200 devices of three customers, each once, though answers are lost, requests throttled and the host killed twice", async () => {
  const behaviour = { throttleRate: 0.1, lostAnswerRate: 0.1, droppedTagRate: 0.05, seed: 3 };
  const foreign = await rig.tenantOf();
  await rig.register(foreign, [rowOf({ serial: "T0000007" })]);
  const customers = await Promise.all(["T", "U", "V"].map(async () => rig.tenantOf()));
  const before = await Promise.all(
    customers.map((tenantId, at) =>
      rig.register(tenantId, [rowOf({ serial: `${"TUV"[at]}0000005`, tag: "shop" })]),
    ),
  );
  await rig.drain();
  expect(before.every(({ registrationId }) => registrationId)).toBe(true);
  const jobs: { tenantId: string; registrationId: string }[] = [];
  for (const [at, tenantId] of customers.entries()) {
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, ...behaviour });
    const list = rows(400, "TUV"[at] ?? "", "shop").map(({ serial, tag = "" }) =>
      rowOf({ serial: serial[0] + serial.slice(1).padStart(7, "0"), tag }),
    );
    const { registrationId } = await rig.register(tenantId, list);
    jobs.push({ tenantId, registrationId });
  }
  for (const atCall of [60, 90]) {
    rig.faults.arm({ atCall, when: "after" });
    let handled = 0;
    await rig.drain(() => (handled += 1) > 40);
  }
  await rig.drain();
  for (const [at, { tenantId, registrationId }] of jobs.entries()) {
    const { view, devices } = await rig.ended(tenantId, registrationId);
    const isFirst = at === 0;
    expect(view.counts).toMatchObject({
      total: 400,
      registered: isFirst ? 399 : 400,
      failed: isFirst ? 1 : 0,
    });
    const odd = devices.filter(({ outcome }) => outcome !== "registered");
    expect(odd.map(({ row, outcome }) => [row, outcome])).toEqual([
      [6, "alreadyRegistered"],
      ...(isFirst ? [[8, "assignedToOtherTenant"]] : []),
    ]);
    expect(await rig.submissions(tenantId)).toEqual({ total: 401, distinct: 400, doubled: 1 });
  }
}, 120_000);
