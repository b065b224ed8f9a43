/** Rules of collections as a language: what they mean, their faults, their bounds and their speed. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { memberTest, Rule } from "../../../shared/devices/collections/collection.ts";
import type { Device } from "../../../shared/devices/directory/device.ts";
import { faultsOf } from "../../../shared/http/body.ts";
import { processorMs } from "../../support/processor-time.ts";
import { arbitraryDevice } from "./support/arbitrary-device.ts";

const now = Date.parse("2026-08-10T00:00:00Z");
const device: Device = {
  deviceId: "00000000-0000-4000-8000-000000000001",
  name: "BER-0042",
  operatingSystem: "Windows",
  osVersion: "10",
  managementAgent: "configurationManagerClientMdm",
  complianceState: "noncompliant",
  lastSyncDateTime: "2026-08-01T00:00:00Z",
  groupTag: "Kiosk",
  source: "intune",
};
const { groupTag: _, ...untagged } = device;
const neverSynced: Device = { ...device, lastSyncDateTime: "" };

const is = (property: string, operator: string, value?: unknown) =>
  value === undefined ? { property, operator } : { property, operator, value };
const windows = is("operatingSystem", "equals", "windows");
const mac = is("operatingSystem", "equals", "macOS");

test.each([
  [windows, true],
  [mac, false],
  [is("operatingSystem", "notEquals", "macOS"), true],
  [is("operatingSystem", "in", ["macOS", "WINDOWS"]), true],
  [is("operatingSystem", "in", ["macOS"]), false],
  [is("managementAgent", "equals", "configurationmanagerclientmdm"), true],
  [is("complianceState", "in", ["compliant"]), false],
  [is("deviceName", "startsWith", "ber-"), true],
  [is("deviceName", "startsWith", "0042"), false],
  [is("deviceName", "equals", "BER-0042"), true],
  [is("groupTag", "startsWith", "kio"), true],
  [is("groupTag", "in", ["Desk", "kiosk"]), true],
  [is("groupTag", "isMissing"), false],
  [is("lastSyncDateTime", "olderThan", "P7D"), true],
  [is("lastSyncDateTime", "olderThan", "P10D"), false],
  [is("lastSyncDateTime", "newerThan", "P10D"), true],
  [is("lastSyncDateTime", "before", "2026-08-01T02:00:00+01:00"), true],
  [is("lastSyncDateTime", "after", "2026-08-01T00:00:00Z"), false],
  [{ and: [windows, mac] }, false],
  [{ or: [windows, mac] }, true],
  [{ not: mac }, true],
  [{ and: [{ not: { or: [mac, is("groupTag", "isMissing")] } }, windows] }, true],
])("%j holds: %s", (rule, expected) => {
  expect(memberTest(Rule.parse(rule), now)(device)).toBe(expected);
});

test.each([
  [is("groupTag", "isMissing"), untagged, true],
  [is("groupTag", "equals", "Kiosk"), untagged, false],
  [is("lastSyncDateTime", "olderThan", "P3650D"), neverSynced, true],
  [is("lastSyncDateTime", "newerThan", "P3650D"), neverSynced, false],
  [is("lastSyncDateTime", "before", "1999-01-01T00:00:00Z"), neverSynced, true],
])("%j about a device without that value holds: %#", (rule, other, expected) => {
  expect(memberTest(Rule.parse(rule), now)(other)).toBe(expected);
});

test.each([
  [{ foo: 1 }, "/property"],
  [5, ""],
  [{ and: [] }, "/and"],
  [{ and: [windows, { property: "x" }] }, "/and/1/property"],
  [is("deviceName", "matches", "x"), "/operator"],
  [is("deviceName", "equals", 7), "/value"],
  [is("deviceName", "equals", ""), "/value"],
  [{ ...windows, extra: 1 }, "/extra"],
  [{ not: { or: [is("lastSyncDateTime", "olderThan", "soon")] } }, "/not/or/0/value"],
  [is("lastSyncDateTime", "before", "2026"), "/value"],
  [is("operatingSystem", "in", "Windows"), "/value"],
  [is("operatingSystem", "startsWith", "Win"), "/operator"],
  [{ and: [windows], or: [mac] }, "/or"],
])("the fault of %j is at '%s'", (rule, pointer) => {
  const parsed = Rule.safeParse(rule);
  expect(parsed.error && faultsOf(parsed.error).map((fault) => fault.pointer)).toEqual([pointer]);
});

test("every fault is named, not only the first", () => {
  const parsed = Rule.safeParse({ and: [is("deviceName", "equals", 7), { not: { not: 3 } }] });
  const pointers = parsed.error && faultsOf(parsed.error).map(({ pointer }) => pointer);
  expect(pointers).toEqual(["/and/0/value", "/and/1/not/not"]);
});

const nested = (levels: number): unknown => (levels === 1 ? windows : { not: nested(levels - 1) });

test("a rule has 8 levels and 100 nodes at most, and a bottomless one is refused, not a crash", () => {
  expect(Rule.safeParse(nested(8)).success).toBe(true);
  expect(Rule.safeParse(nested(9)).success).toBe(false);
  expect(Rule.safeParse({ or: Array.from({ length: 99 }, () => windows) }).success).toBe(true);
  expect(Rule.safeParse({ or: Array.from({ length: 100 }, () => windows) }).success).toBe(false);
  let bottomless: unknown = windows;
  for (let level = 0; level < 20_000; level += 1) bottomless = { not: bottomless };
  expect(Rule.safeParse(bottomless).success).toBe(false);
});

const condition = fc.oneof(
  fc.record({
    property: fc.constantFrom("operatingSystem" as const, "complianceState" as const),
    operator: fc.constantFrom("equals" as const, "notEquals" as const),
    value: fc.string({ minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    property: fc.constant("lastSyncDateTime" as const),
    operator: fc.constantFrom("olderThan" as const, "newerThan" as const),
    value: fc.constantFrom("P1D", "PT5M"),
  }),
);
const { rule: arbitraryRule } = fc.letrec<{ rule: Rule }>((tie) => ({
  rule: fc.oneof(
    { maxDepth: 3 },
    condition,
    fc.record({ and: fc.array(tie("rule"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(tie("rule"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie("rule") }),
  ),
}));

test("a rule means the same after it was stored, and its negation means the opposite", () => {
  fc.assert(
    fc.property(arbitraryRule, arbitraryDevice, (rule, other) => {
      const stored = Rule.parse(JSON.parse(JSON.stringify(rule)));
      expect(stored).toEqual(rule);
      const member = memberTest(rule, now)(other);
      expect(memberTest({ not: rule }, now)(other)).toBe(!member);
      // De Morgan: or is the negation of and over negations.
      const either = { or: [rule, windows as Rule] };
      const neither = { and: [{ not: rule }, { not: windows as Rule }] };
      expect(memberTest(either, now)(other)).toBe(!memberTest(neither, now)(other));
    }),
  );
});

test("the largest rule that is taken costs a device some microseconds, not a comparison for each value", () => {
  const value = Array.from({ length: 100 }, (_each, at) => `No such system ${at}`);
  const conditions = Array.from({ length: 98 }, () => ({
    property: "operatingSystem",
    operator: "in",
    value,
  }));
  const isMember = memberTest(Rule.parse({ or: conditions }), now);
  const spentMs = processorMs(() => {
    for (let at = 0; at < 20_000; at += 1) isMember(device);
  });
  // Compared one by one these are 196,000,000 comparisons, which takes more than ten seconds.
  expect(spentMs).toBeLessThan(3_000);
});
