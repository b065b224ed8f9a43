import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { catalogue } from "../../../../shared/devices/actions/catalogue.ts";
import { actionTypes, findActionType } from "../../../../shared/provisioning/actions/catalogue.ts";
import { actionTypesView } from "../../../../shared/provisioning/templates/contract.ts";
import { sectionIds } from "../../../../shared/provisioning/templates/template.ts";

const typeOf = (id: string) => {
  const type = findActionType(id);
  if (type === undefined) throw new Error(`no type ${id}`);
  return type;
};

describe("the types of actions", () => {
  it("hold every action of the device catalogue, and no id twice", () => {
    const ids = actionTypes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(catalogue.map(({ id }) => id)));
  });

  it("each say in both languages what they are, where they may stand, and how they go", () => {
    for (const { name, sections, route } of actionTypes) {
      expect([name.en, name.fr, route].every((words) => words.length > 3)).toBe(true);
      expect(sections.length).toBeGreaterThan(0);
      expect(sectionIds).toEqual(expect.arrayContaining([...sections]));
    }
  });

  it("tell what each parameter is called, in both languages", () => {
    const described = actionTypesView(actionTypes).value.flatMap(({ parameters }) =>
      Object.values((parameters["properties"] ?? {}) as Record<string, unknown>),
    );
    expect(described.length).toBeGreaterThan(10);
    const called = { name: { en: expect.any(String), fr: expect.any(String) } };
    for (const each of described) expect(each).toMatchObject(called);
  });

  it("are each told of where people read", () => {
    const page = readFileSync("docs/provisioning.md", "utf8");
    const untold = actionTypes.filter(
      ({ id, platforms }) => platforms.length > 0 && !page.includes(`\`${id}\``),
    );
    expect(untold).toEqual([]);
  });

  it("name no platform, and say why, where only a site can do it", () => {
    const without = actionTypes.filter(({ platforms }) => platforms.length === 0);
    expect(without.map(({ id }) => id)).toEqual([
      "installClient",
      "startCMPivot",
      "collectDiscoveryData",
      "collectSoftwareInventory",
      "collectHardwareInventory",
      "evaluateSoftwareUpdateDeployments",
      "switchSoftwareUpdatePoint",
    ]);
    for (const { route } of without) expect(route).toContain("none");
  });

  it("guard what must not be done twice", () => {
    const guarded = actionTypes.filter((type) => type.guarded).map(({ id }) => id);
    expect(guarded).toEqual([
      "installClient",
      "runScript",
      "startCMPivot",
      "restart",
      "messageToUser",
      "autopilotReset",
      "freshStart",
    ]);
  });

  it("have no message to the users of Windows devices and Macs", () => {
    expect(typeOf("messageToUser").platforms).toEqual(["iOS", "android"]);
  });

  it.for([
    ["wait", { duration: "PT15M" }, true],
    ["wait", { duration: "P31D" }, false],
    ["wait", { duration: "PT0S" }, false],
    ["wait", {}, false],
    ["waitForCheckIn", { for: "me" }, false],
    ["renameDevice", { deviceName: "PC-0042" }, true],
    ["renameDevice", { deviceName: "0042" }, false],
    ["renameDevice", { deviceName: "PC 42" }, false],
    ["addToGroup", { groupId: "Finance" }, false],
    ["assignAutopilotUser", { userPrincipalName: "ann" }, false],
    ["unassignAutopilotUser", { userPrincipalName: "ada@contoso.example" }, false],
    ["setGroupTag", { groupTag: "" }, true],
    ["runScript", {}, false],
    ["messageToUser", { title: "Hi", body: "x".repeat(501) }, false],
    ["waitUntil", { conditions: [] }, false],
    [
      "waitUntil",
      { conditions: [{ property: "complianceState", operator: "equals", value: "compliant" }] },
      true,
    ],
  ] as const)("%s takes %j: %s", ([id, parameters, expected]) => {
    expect(typeOf(id).parameters.safeParse(parameters).success).toBe(expected);
  });
});
