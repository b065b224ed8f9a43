/** Lists that are read once for all that wait: what they tell, and how many requests that costs, counted by the stand-in. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Instant } from "../../../../shared/kernel/clock.ts";
import type { Asked } from "../../../../shared/provisioning/actions/action-type.ts";
import type { DeviceRun } from "../../../../shared/provisioning/device-run.ts";
import { ask, askedOf, type StepRig, sent, startStepRig } from "../support/step-rig.ts";

let rig: StepRig;
let fleet: ReadonlyMap<string, DeviceRun>;
/** Moved on by hand: a minute of waiting takes no minute here. */
let now: Instant = Date.now();
const clock = { now: () => now };

beforeAll(async () => {
  rig = await startStepRig({ devices: 10_000, mix: { windows: 1, intuneOnly: 1 } }, clock);
  fleet = new Map(
    Array.from({ length: 10_000 }, (_, at) => [
      `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
      {
        operatingSystem: "Windows",
        managementAgent: "mdm",
        osVersion: "",
        warnings: 0,
        retries: 0,
      },
    ]),
  );
});
afterAll(() => rig.sandbox.stop());

const compliant = {
  conditions: [{ property: "complianceState", operator: "equals", value: "compliant" }],
};

/** What the stand-in was asked since. */
async function requestsOf(work: () => Promise<unknown>): Promise<number> {
  await rig.sandbox.control("DELETE", "/requests");
  await work();
  const { body } = await rig.sandbox.control<{ total: number; parts: number }>("GET", "/requests");
  return body.total + body.parts;
}

/** A hundred chunks of a hundred devices each, each read back by a message of its own. */
const chunks = (asked: readonly Asked[]): readonly (readonly Asked[])[] =>
  Array.from({ length: 100 }, (_, at) => asked.slice(at * 100, (at + 1) * 100));

describe("10,000 devices that wait", () => {
  it.for([
    ["waitForCheckIn", {}],
    ["waitUntil", compliant],
    [
      "waitUntil",
      {
        conditions: [
          ...compliant.conditions,
          { property: "autopilotProfile", operator: "equals", value: "assigned" },
          {
            property: "group",
            operator: "contains",
            value: "0c0ffee0-0000-4000-8000-000000000001",
          },
        ],
      },
    ],
  ] as const)("for %s %j cost at most 20 requests in any minute", async ([type, parameters]) => {
    const asked = sent([...fleet].map((device) => askedOf(type, device, parameters, { at: now })));
    const step = rig.stepOf(type);
    expect(step.isFree).toBe(true);
    const perSecond: number[] = [];
    for (let second = 0; second < 150; second += 1) {
      now += 1_000;
      perSecond.push(
        await requestsOf(() =>
          Promise.all(
            chunks(asked)
              .filter((_, at) => at % 10 === second % 10)
              .map(async (some) => step.survey?.(rig.tenant.id, some)),
          ),
        ),
      );
    }
    const minutes = perSecond.map((_, from) =>
      perSecond.slice(from, from + 60).reduce((sum, count) => sum + count, 0),
    );
    expect(Math.max(...minutes)).toBeLessThanOrEqual(20);
    // And somebody does read: a list of ten pages, several times over.
    expect(minutes[0]).toBeGreaterThan(10);
  });
});

/** What lists tell in the end, after five minutes. */
const look = async (type: string, asked: readonly Asked[]) => {
  const found = new Map<string, string>();
  for (let round = 0; round < 60; round += 1) {
    now += 5_000;
    const list = await rig.stepOf(type).survey?.(rig.tenant.id, asked);
    for (const one of asked) {
      const finding = list?.find(one);
      const word = finding && "event" in finding ? finding.event : (finding?.kind ?? "none");
      found.set(one.item.targetId, word);
    }
  }
  return found;
};

describe("what lists tell", () => {
  it("ends those whose condition holds, goes on with others, and knows who is gone", async () => {
    const devices = await rig.tenant.graph<{ value: Record<string, string>[] }>(
      "GET",
      "/v1.0/deviceManagement/managedDevices?$top=1000&$select=id,complianceState",
    );
    const own = devices.body.value.slice(0, 200);
    const run = fleet.values().next().value as DeviceRun;
    const asked = sent([
      ...own.map(({ id }) => askedOf("waitUntil", [String(id), run], compliant, { at: now })),
      askedOf("waitUntil", ["00000000-0000-4000-8000-00000000dead", run], compliant, { at: now }),
    ]);
    const found = await look("waitUntil", asked);
    for (const { id, complianceState } of own)
      expect(found.get(String(id))).toBe(complianceState === "compliant" ? "finish" : "pending");
    expect(found.get("00000000-0000-4000-8000-00000000dead")).toBe("gone");
  });

  it("believes nothing that was read before the wait began", async () => {
    const run = fleet.values().next().value as DeviceRun;
    const devices = await rig.tenant.graph<{ value: { id: string }[] }>(
      "GET",
      "/v1.0/deviceManagement/managedDevices?$top=1&$filter=complianceState eq 'compliant'",
    );
    const id = String(devices.body.value[0]?.id);
    const asked = sent([askedOf("waitUntil", [id, run], compliant, { at: now + 3_600_000 })]);
    expect((await look("waitUntil", asked)).get(id)).toBe("pending");
  });

  it("sees a check-in that came since, and none that was before", async () => {
    const run = fleet.values().next().value as DeviceRun;
    const list = await rig.tenant.devices(2);
    const asked = sent(
      list.map(({ id }) => askedOf("waitForCheckIn", [id, run], {}, { at: Date.now() })),
    );
    const awake = String(list[0]?.id);
    await rig.tenant.graph("POST", `/v1.0/deviceManagement/managedDevices/${awake}/syncDevice`);
    const found = await look("waitForCheckIn", asked);
    expect([...found.values()]).toEqual(["finish", "pending"]);
  });

  it("says what is in the way of lists that cannot be read", async () => {
    const other = await startStepRig({ roles: ["DeviceManagementRBAC.Read.All"], devices: 3 });
    const run = fleet.values().next().value as DeviceRun;
    const [device] = await other.tenant.devices(1);
    const asked = sent([askedOf("waitForCheckIn", [String(device?.id), run])]);
    const found = await other.stepOf("waitForCheckIn").readBack(other.tenant.id, asked);
    await other.sandbox.stop();
    expect([...found.values()]).toEqual([
      { kind: "unreadable", why: expect.stringContaining("Forbidden") },
    ]);
  });
});

it("a wait of a time is over when it is, by what it noted when it began", async () => {
  const run = fleet.values().next().value as DeviceRun;
  const asked = askedOf("wait", ["a", run], { duration: "PT15M" });
  const begun = (await ask(rig, "wait", [asked])).get("a");
  expect(begun).toMatchObject({ kind: "later", code: "waiting", afterMs: 900_000 });
  const note = String(now + 900_000);
  expect(begun).toMatchObject({ note });
  now += 600_000;
  const noted = { ...asked, device: { ...run, note } };
  expect((await ask(rig, "wait", [noted])).get("a")).toMatchObject({ afterMs: 300_000 });
  now += 300_000;
  expect((await ask(rig, "wait", [noted])).get("a")).toEqual({ kind: "done" });
});
