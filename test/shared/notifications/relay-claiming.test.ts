/** What a relay's claim takes, and what its report means, as tables. */

import { describe, expect, test } from "vitest";
import type { Device } from "../../../shared/devices/directory/device.ts";
import { carrierDueAt, silenceOf } from "../../../shared/fanout/engine/change-rows.ts";
import type { JobKind } from "../../../shared/fanout/kind.ts";
import {
  applyAll,
  type Item,
  type ItemState,
  pack,
  unpack,
} from "../../../shared/fanout/state/item.ts";
import type { Notification } from "../../../shared/notifications/notification.ts";
import { decideClaim } from "../../../shared/notifications/relay/claim.ts";
import { outcomes } from "../../../shared/notifications/relay/contract.ts";
import { relayCarrier } from "../../../shared/notifications/relay/relay-carrier.ts";
import { transitionsFor } from "../../../shared/notifications/relay/report.ts";
import { kindOver } from "./support/arbitrary-delivery.ts";

const carrier = relayCarrier({ directory: undefined as never, queues: undefined as never });
const kind = kindOver({ carrier }) as unknown as JobKind;
const now = 1_000_000;
const notification = {
  kind: "notification",
  jobId: "n",
  tenantId: "t",
  state: "running",
  actionId: "restart",
  parameters: {},
  target: { kind: "tenant" },
  allowApproximate: false,
  directoryVersion: "r",
  createdAt: 0,
  expiresAt: now + 60_000,
} as const satisfies Notification;

const delivery = (deviceId: string, more: Partial<Item> = {}): Item => ({
  targetId: deviceId,
  name: deviceId,
  state: "waiting",
  route: 0,
  at: 0,
  attempts: 0,
  ...more,
});

const device = (deviceId: string, more: Partial<Device> = {}): Device => ({
  deviceId,
  name: deviceId,
  operatingSystem: "Windows",
  osVersion: "",
  managementAgent: "configurationManagerClient",
  complianceState: "unknown",
  lastSyncDateTime: "",
  source: "configMgr",
  configMgrResourceId: Number(deviceId.slice(1)),
  siteCode: "P01",
  ...more,
});

function claim(deliveries: readonly Item[], more: Partial<Parameters<typeof decideClaim>[0]> = {}) {
  const known = deliveries.map(({ targetId }) => [targetId, device(targetId)] as const);
  const devices = new Map(known);
  const outOfScope = new Set<string>();
  const scene = { kind, notification, siteCode: "P01", deliveries, devices, outOfScope, now };
  return decideClaim({ ...scene, held: new Map(), ...more });
}

describe("a claim", () => {
  test("leaves what no window lets go now, and says why", () => {
    const why = { code: "window", detail: "closed" };
    const held = new Map([
      ["d1", { ...why, until: now + 5 }],
      ["d2", { ...why, end: "decline" as const }],
    ]);
    const { take, settle } = claim([delivery("d1"), delivery("d2"), delivery("d3")], { held });
    expect(take).toEqual([{ deviceId: "d3", resourceId: 3 }]);
    expect([...settle]).toEqual([
      ["d1", { event: "hold", details: { ...why, notBefore: now + 5 } }],
      ["d2", { event: "decline", details: why }],
    ]);
  });

  test("takes what waits for the relay of its site, and nothing of Graph's", () => {
    const graph = delivery("d2", { route: 1 });
    const later = delivery("d3", { notBefore: now + 1 });
    const { take, settle, more } = claim([delivery("d1"), graph, later]);
    expect(take).toEqual([{ deviceId: "d1", resourceId: 1 }]);
    expect(settle.size).toBe(0);
    expect(more).toBe(false);
  });

  test("leaves another site's devices alone", () => {
    const devices = new Map([["d1", device("d1", { siteCode: "P02" })]]);
    expect(claim([delivery("d1")], { devices })).toMatchObject({ take: [], more: false });
  });

  test("takes 500 devices at most, and says that more waits", () => {
    const many = Array.from({ length: 501 }, (_, at) => delivery(`d${at + 1}`));
    const { take, more } = claim(many);
    expect(take).toHaveLength(500);
    expect(more).toBe(true);
  });

  test("is given out again before anything new, the oldest first", () => {
    const older = delivery("d1", { state: "claimed", claim: "b-older" });
    const newer = delivery("d2", { state: "claimed", claim: "a-newer" });
    expect(claim([newer, older, delivery("d3")])).toMatchObject({
      before: { claimId: "b-older", devices: [{ deviceId: "d1", resourceId: 1 }] },
      take: [],
      more: true,
    });
  });

  test.each([
    ["cancelled", { ...notification, state: "cancelling" as const }, "cancelled"],
    ["over", { ...notification, expiresAt: now }, "expired"],
  ])("of a notification that is %s takes nothing", (_, given, code) => {
    const { take, settle } = claim([delivery("d1")], { notification: given });
    expect(take).toEqual([]);
    expect(settle.get("d1")?.details?.code).toBe(code);
  });

  test("settles devices that left the target, or that no site has any more", () => {
    const devices = new Map([["d1", device("d1")]]);
    const { settle } = claim([delivery("d1"), delivery("d2")], {
      devices,
      outOfScope: new Set(["d1"]),
    });
    expect(settle.get("d1")?.details?.code).toBe("left-target");
    expect(settle.get("d2")?.details?.code).toBe("device-not-found");
  });
});

/** Applies a report once, and once more. */
function reported(from: ItemState, outcome: (typeof outcomes)[number]): ItemState[] {
  let current = delivery("d1", { state: from });
  const states: ItemState[] = [];
  for (let times = 0; times < 2; times += 1) {
    const transitions = transitionsFor({ deviceId: "d1", outcome }, current, now, 0);
    for (const transition of transitions)
      current = applyAll([current], new Map([["d1", transition]]), now)[0] ?? current;
    states.push(current.state);
  }
  return states;
}

describe("a report", () => {
  test.each([
    ["claimed", "accepted", "sent"],
    ["claimed", "done", "done"],
    ["claimed", "failed", "failed"],
    ["claimed", "notSupported", "notSupported"],
    ["claimed", "offline", "offline"],
    ["claimed", "unknown", "unknown"],
    ["claimed", "expired", "expired"],
    ["claimed", "later", "waiting"],
    ["sent", "accepted", "sent"],
    ["sent", "done", "done"],
    ["sent", "failed", "failed"],
    ["sent", "offline", "offline"],
    ["sent", "unknown", "unknown"],
    ["sent", "expired", "expired"],
    // Truth that comes late replaces what was assumed; what is known stays.
    ["unknown", "done", "done"],
    ["expired", "failed", "failed"],
    ["done", "failed", "done"],
    ["cancelled", "done", "cancelled"],
  ] as const)(
    "of a %s delivery that says %s leaves it %s, also the second time",
    (from, said, to) => {
      expect(reported(from, said)).toEqual([to, to]);
    },
  );

  test("knows a reason for every bad end", () => {
    for (const outcome of outcomes.filter((each) => !/accepted|done|later/.test(each))) {
      const last = transitionsFor(
        { deviceId: "d1", outcome },
        { state: "sent", attempts: 1 },
        now,
        0,
      ).at(-1);
      expect(last?.details?.code, outcome).toBeDefined();
    }
  });

  test("that the time is over, and silence, tell the reason that was reported before", () => {
    const detail = "the site answers 503: SQL is starting";
    const before = delivery("d1", { state: "claimed", detail });
    const late = transitionsFor(
      { deviceId: "d1", outcome: "expired", detail: "too late" },
      before,
      now,
      0,
    );
    expect(late.at(-1)?.details?.detail).toBe(`too late; the latest reason: ${detail}`);
    const silence = silenceOf(kind, notification, before, notification.expiresAt + carrier.graceMs);
    expect(silence?.details?.detail).toContain(detail);
  });
});

describe("rows that only relays still owe", () => {
  const end = notification.expiresAt;
  test.each([
    ["waiting", now + 60_000],
    ["claimed", now + 600_000],
    ["sent", end + carrier.graceMs],
    ["done", undefined],
  ] as const)("are due when a %s delivery needs somebody", (state, due) => {
    expect(carrierDueAt(kind, notification, [delivery("d1", { state })], now)).toBe(due);
  });

  test.each(["claimed", "sent"] as const)("end long after the end when %s", (state) => {
    const one = delivery("d1", { state });
    expect(silenceOf(kind, notification, one, end + carrier.graceMs - 1)).toBeUndefined();
    expect(silenceOf(kind, notification, one, end + carrier.graceMs)?.event).toBe("lose");
  });
});

test("a delivery keeps its claim in its row", () => {
  const claimed = delivery("d1", { state: "claimed", claim: "0123456789abcdefghjkmn" });
  expect(unpack(pack([claimed]))).toEqual([claimed]);
});
