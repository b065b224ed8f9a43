import { describe, expect, it } from "vitest";
import {
  Condition,
  conditionFacts,
  type DeviceFacts,
  FactCondition,
  factsHold,
  holds,
} from "../../../../shared/provisioning/actions/condition.ts";

const group = "0c0ffee0-0000-4000-8000-000000000001";
const facts: DeviceFacts = {
  deviceName: "PC-0042",
  operatingSystem: "Windows",
  osVersion: "10.0.22631.4460",
  complianceState: "compliant",
  groupTag: "",
  autopilotProfile: "assigned",
  groups: new Set([group]),
};

describe("a condition on a device", () => {
  it.for([
    [{ property: "deviceName", operator: "startsWith", value: "pc-" }, true],
    [{ property: "deviceName", operator: "equals", value: "PC-0041" }, false],
    [{ property: "operatingSystem", operator: "in", value: ["macOS", "windows"] }, true],
    [{ property: "operatingSystem", operator: "notEquals", value: "WINDOWS" }, false],
    [{ property: "complianceState", operator: "equals", value: "Compliant" }, true],
    [{ property: "groupTag", operator: "equals", value: "kiosk" }, false],
    [{ property: "autopilotProfile", operator: "equals", value: "assigned" }, true],
    [{ property: "autopilotProfile", operator: "equals", value: "notAssigned" }, false],
    [{ property: "group", operator: "contains", value: group }, true],
    [{ property: "group", operator: "containsNot", value: group }, false],
    [{ property: "osVersion", operator: "atLeast", value: "10.0.22631" }, true],
    [{ property: "osVersion", operator: "atLeast", value: "10.0.9999" }, true],
    [{ property: "osVersion", operator: "atLeast", value: "10.0.26100" }, false],
    [{ property: "osVersion", operator: "below", value: "10.0.22631.4460" }, false],
    [{ property: "osVersion", operator: "below", value: "11" }, true],
    [{ property: "osVersion", operator: "equals", value: "10.0.22631.4460" }, true],
    [{ property: "osVersion", operator: "equals", value: "10.0.22631" }, false],
  ] as const)("%j is %s", ([condition, expected]) => {
    expect(holds(Condition.parse(condition), facts)).toBe(expected);
  });

  it("is neither true nor false where nobody knows what it asks for", () => {
    const asked = [
      { property: "complianceState", operator: "notEquals", value: "compliant" },
      { property: "group", operator: "containsNot", value: group },
      { property: "osVersion", operator: "below", value: "11" },
    ].map((condition) => Condition.parse(condition));
    expect(asked.map((condition) => holds(condition, {}))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const odd = holds(Condition.parse(asked[2]), { osVersion: "Tahoe" });
    expect(odd).toBeUndefined();
  });

  it("is refused with an operator that its property has not, or a value that is none", () => {
    const wrong = [
      { property: "deviceName", operator: "atLeast", value: "a" },
      { property: "osVersion", operator: "atLeast", value: "latest" },
      { property: "osVersion", operator: "startsWith", value: "10" },
      { property: "group", operator: "contains", value: "Finance" },
      { property: "serialNumber", operator: "equals", value: "1" },
    ];
    expect(wrong.map((one) => Condition.safeParse(one).success)).toEqual(wrong.map(() => false));
  });

  it("decides whether an action is done only by what is known of every device", () => {
    const windows11 = { property: "osVersion", operator: "atLeast", value: "10.0.22000" };
    expect(FactCondition.safeParse(windows11).success).toBe(true);
    const inGroup = { property: "group", operator: "contains", value: group };
    expect(FactCondition.safeParse(inGroup).success).toBe(false);
    expect(FactCondition.safeParse({ all: [{ any: [windows11] }] }).success).toBe(false);
  });

  it.for([
    ["all", ["kiosk", ""], false],
    ["all", ["", ""], true],
    ["any", ["kiosk", ""], true],
    ["any", ["kiosk", "desk"], false],
  ] as const)("of several, %s of %j: %s", ([of, tags, expected]) => {
    const operator = "in";
    const tests = tags.map((tag) => ({ property: "groupTag", operator, value: [tag || "x-1"] }));
    const condition = FactCondition.parse({ [of]: tests });
    expect(factsHold(condition, { groupTag: "X-1" })).toBe(expected);
    expect(factsHold(condition, {})).toBe(false);
  });
});

it("can be about everything that writers are told of, by every operator", () => {
  const all = conditionFacts.flatMap(({ id: property, operators }) =>
    operators.map((operator) => ({ property, operator, value: operator === "in" ? ["1"] : "1" })),
  );
  expect(all.filter((each) => !FactCondition.safeParse(each).success)).toEqual([]);
});
