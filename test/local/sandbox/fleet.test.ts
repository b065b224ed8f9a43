/** Fleets: exact shares, the same devices from the same seed, and changes that keep the others. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeFleet } from "../../../local/sandbox/fleet/fleet.ts";
import {
  completeMix,
  dealProfiles,
  defaultMix,
  profiles,
} from "../../../local/sandbox/fleet/fleet-mix.ts";

const now = Date.parse("2026-08-01T00:00:00Z");
const plan = { tenantId: "aaaaaaaa-0000-4000-8000-000000000001", devices: 1_000, seed: 1, mix: {} };

function visible(fleet: ReturnType<typeof makeFleet>): readonly number[] {
  return Array.from({ length: fleet.size() }, (_, index) => index).filter(fleet.visible);
}

function ids(over: object): string {
  const fleet = makeFleet({ ...plan, ...over }, now);
  return visible(fleet)
    .map((index) => `${fleet.ids.at(index)} ${fleet.profile(index).agent}`)
    .join();
}

describe("the mix", () => {
  it("naming one of a group sets the others of that group to nothing", () => {
    expect(completeMix({ windows: 1 })).toEqual({
      ...defaultMix,
      windows: 1,
      macOS: 0,
      iOS: 0,
      Android: 0,
    });
    const coManaged = { ...defaultMix, intuneOnly: 0, coManaged: 1, configMgrOnly: 0 };
    expect(completeMix({ coManaged: 1 })).toEqual(coManaged);
  });

  it("deals exactly as many devices as asked, and exact shares of them", () => {
    const mix = completeMix({ windows: 3, iOS: 1, intuneOnly: 1, coManaged: 1 });
    const dealt = [...dealProfiles(800, mix, 1)].map((kind) => profiles[kind]);
    const count = (operatingSystem: string): number =>
      dealt.filter((profile) => profile?.operatingSystem === operatingSystem).length;
    expect([count("Windows"), count("iOS"), count("macOS"), count("Android")]).toEqual([
      600, 200, 0, 0,
    ]);
    expect(dealt.filter((profile) => profile?.management === "coManaged").length).toBe(300);
  });

  it("never loses a device to rounding", () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(), (count, seed) => {
        const dealt = dealProfiles(count, defaultMix, seed);
        expect(dealt.length).toBe(count);
        expect(dealt.every((kind) => kind < profiles.length)).toBe(true);
      }),
    );
  });
});

describe("a fleet", () => {
  it("is the same from the same seed, and another one from another seed or tenant", () => {
    expect(ids({})).toBe(ids({}));
    expect(ids({ seed: 2 })).not.toBe(ids({}));
    expect(ids({ tenantId: "aaaaaaaa-0000-4000-8000-000000000002" })).not.toBe(ids({}));
  });

  it("hides devices that only ConfigMgr manages", () => {
    const fleet = makeFleet({ ...plan, mix: { windows: 1, intuneOnly: 3, configMgrOnly: 1 } }, now);
    expect(visible(fleet).length).toBe(750);
    const hidden = Array.from({ length: 1_000 }, (_, index) => index).find(
      (index) => !fleet.visible(index),
    );
    expect(fleet.find(fleet.ids.at(hidden ?? 0))).toBeUndefined();
  });

  it("has synced within the last thirty days", () => {
    const fleet = makeFleet(plan, now);
    const ages = visible(fleet).map((index) => (now - fleet.lastSync(index)) / 86_400_000);
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...ages)).toBeLessThanOrEqual(30.001);
    expect(ages.filter((age) => age > 15).length).toBeGreaterThan(300);
  });

  it("removes as many devices as asked and never finds them again", () => {
    const fleet = makeFleet(plan, now);
    const before = visible(fleet);
    expect(fleet.remove(100)).toBe(100);
    const after = visible(fleet);
    expect(after.length).toBe(before.length - 100);
    const removed = before.filter((index) => !fleet.visible(index));
    for (const index of removed) expect(fleet.find(fleet.ids.at(index))).toBeUndefined();
    expect(fleet.remove(10_000)).toBe(after.length);
  });

  it("adds devices behind the others and leaves those alone", () => {
    const fleet = makeFleet(plan, now);
    const before = visible(fleet).map((index) => fleet.profile(index));
    fleet.add(500, now);
    expect(fleet.size()).toBe(1_500);
    expect(
      visible(fleet)
        .slice(0, before.length)
        .map((index) => fleet.profile(index)),
    ).toEqual(before);
  });

  it("touches as many devices as asked, others each time", () => {
    const fleet = makeFleet(plan, now);
    const touched = (): string =>
      visible(fleet)
        .filter((index) => fleet.revision(index) > 0)
        .join();
    expect(fleet.touch(20, now + 1)).toBe(20);
    const first = touched();
    expect(first.split(",").length).toBe(20);
    fleet.touch(20, now + 1);
    expect(touched()).not.toBe(first);
  });
});
