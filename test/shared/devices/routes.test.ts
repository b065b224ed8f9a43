/** Which way each of the 18 actions takes to each kind of device: the whole table, written out. */
import { describe, expect, it, test } from "vitest";
import { type Action, chooseRoute } from "../../../shared/devices/actions/action.ts";
import { catalogue, findAction } from "../../../shared/devices/actions/catalogue.ts";
import type { Device } from "../../../shared/devices/directory/device.ts";

type Wishes = Parameters<typeof chooseRoute>[2];

const device = (more: Partial<Device>): Device => ({
  deviceId: "d",
  name: "PC",
  operatingSystem: "Windows",
  osVersion: "10",
  managementAgent: "mdm",
  complianceState: "compliant",
  lastSyncDateTime: "",
  source: "intune",
  ...more,
});

const coManaged = { managementAgent: "configurationManagerClientMdm" };
const siteOnly = { managementAgent: "configurationManagerClient" };
const foundOnly = { managementAgent: "configMgrDiscovery" };
const bySite = { configMgrResourceId: 16_777_220, siteCode: "P01" };

/** The columns of the table. `+ site`: a relay has reported the device; `discovered`: and that it has no client. */
const columns = {
  "Intune Windows": device({}),
  "Intune iPad": device({ operatingSystem: "iPadOS" }),
  "co-managed + site": device({ ...coManaged, ...bySite }),
  "co-managed": device(coManaged),
  "site only + site": device({ ...siteOnly, ...bySite }),
  "site only": device(siteOnly),
  discovered: device({ ...foundOnly, ...bySite, configMgrClient: false }),
  "Intune, discovered": device({ ...bySite, configMgrClient: false }),
};

/** `site`: AdminService through the relay; `passed on`: Intune asks the site; `~`: approximate, by wish only. */
const table = `
action                               | Intune Windows | Intune iPad | co-managed + site | co-managed  | site only + site | site only | discovered | Intune, discovered
installClient                        | none           | none        | none              | none        | none             | none      | site       | site
runScript                            | remediation    | none        | site              | remediation | site             | none      | none       | remediation
startCMPivot                         | none           | none        | site              | none        | site             | none      | none       | none
downloadComputerPolicy               | ~intune        | ~intune     | site              | passed on   | site             | none      | none       | ~intune
downloadUserPolicy                   | ~intune        | ~intune     | site              | passed on   | site             | none      | none       | ~intune
collectDiscoveryData                 | none           | none        | site              | none        | site             | none      | none       | none
collectSoftwareInventory             | none           | none        | site              | none        | site             | none      | none       | none
collectHardwareInventory             | none           | none        | site              | none        | site             | none      | none       | none
evaluateApplicationDeployments       | ~intune        | ~intune     | site              | passed on   | site             | none      | none       | ~intune
evaluateSoftwareUpdateDeployments    | none           | none        | site              | none        | site             | none      | none       | none
switchSoftwareUpdatePoint            | none           | none        | site              | none        | site             | none      | none       | none
evaluateDeviceHealthAttestation      | intune         | none        | site              | intune      | site             | none      | none       | intune
checkConditionalAccessCompliance     | ~intune        | ~intune     | site              | ~intune     | site             | none      | none       | ~intune
wakeUp                               | none           | none        | site              | passed on   | site             | none      | none       | none
restart                              | intune         | none        | site              | ~intune     | site             | none      | none       | intune
endpointProtectionFullScan           | intune         | none        | site              | intune      | site             | none      | none       | intune
endpointProtectionQuickScan          | intune         | none        | site              | intune      | site             | none      | none       | intune
endpointProtectionDownloadDefinition | intune         | none        | site              | intune      | site             | none      | none       | intune
`;

const words: Record<string, string> = { adminService: "site", configMgrAction: "passed on" };
const parameters = { remediationScriptId: "a", configMgrScriptId: "b", query: "Device" };

function way(action: Action, to: Device, wishes: Partial<Wishes> = {}): string {
  const choice = chooseRoute(action, to, { allowApproximate: false, parameters, ...wishes });
  return choice.kind === "none" ? choice.code : (words[choice.route.id] ?? choice.route.id);
}

const [header = [], ...rows] = table
  .trim()
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()));

describe("the way of an action", () => {
  it("is in the table for each of the 18 actions, in the catalogue's order", () => {
    expect(rows.map(([id]) => id)).toEqual(catalogue.map(({ id }) => id));
    expect(header.slice(1)).toEqual(Object.keys(columns));
  });

  test.each(
    rows.flatMap(([id = "", ...cells]) =>
      cells.map((cell, at) => ({ id, to: header[at + 1] as keyof typeof columns, cell })),
    ),
  )("$id to $to: $cell", ({ id, to, cell }) => {
    const action = findAction(id) as Action;
    const strict = way(action, columns[to]);
    const lenient = way(action, columns[to], { allowApproximate: true });
    const none = ["no-route", "platform-not-supported", "client-installed"];
    const known = none.includes(strict) ? "none" : strict;
    const isByWish = cell.startsWith("~");
    expect(known).toBe(isByWish ? "approximate-not-allowed" : cell);
    expect(lenient).toBe(isByWish ? cell.slice(1) : strict);
  });
});

describe("a restart", () => {
  const restart = findAction("restart") as Action;

  it("never falls silently from the gentle route to the abrupt one", () => {
    const choice = chooseRoute(restart, columns["co-managed"], {
      allowApproximate: false,
      parameters,
    });
    expect(choice).toMatchObject({ kind: "none", code: "approximate-not-allowed" });
    expect(choice).toHaveProperty("detail", expect.stringContaining("without ConfigMgr's warning"));
  });

  it("takes the gentle route where there is one, though the abrupt one is allowed", () => {
    expect(way(restart, columns["co-managed + site"], { allowApproximate: true })).toBe("site");
  });
});

describe("a script", () => {
  const script = findAction("runScript") as Action;

  test.each([
    ["co-managed + site", { configMgrScriptId: "b" }, "site"],
    ["co-managed + site", { remediationScriptId: "a" }, "remediation"],
    ["co-managed", { configMgrScriptId: "b" }, "parameter-missing"],
    ["Intune Windows", { configMgrScriptId: "b" }, "parameter-missing"],
    ["site only + site", { remediationScriptId: "a" }, "parameter-missing"],
  ] as const)("to %s with %o goes by: %s", (to, given, expected) => {
    expect(way(script, columns[to], { parameters: given })).toBe(expected);
  });
});

/** Why an action has no way to a device, though approximate ones are allowed. */
function why(id: string, to: Device): string {
  const wishes = { allowApproximate: true, parameters };
  const choice = chooseRoute(findAction(id) as Action, to, wishes);
  return choice.kind === "none" ? choice.detail : "";
}

describe("no way", () => {
  test.each(["eas", "jamf", "", "unknown"])("leads to what %s manages", (managementAgent) => {
    for (const action of catalogue)
      expect(way(action, device({ managementAgent }))).toBe("not-manageable");
  });

  it("is explained: by the client that is there, or is not, by the missing relay, or by the management", () => {
    expect(why("installClient", columns["co-managed + site"])).toBe(
      "Install client cannot be sent to devices on which ConfigMgr has a client already",
    );
    expect(why("restart", columns.discovered)).toBe(
      "Restart cannot be sent to devices without a ConfigMgr client: install it first",
    );
    expect(why("startCMPivot", columns["Intune, discovered"])).toContain("install it first");
    expect(why("installClient", columns["Intune Windows"])).toContain("no relay has reported");
    expect(why("collectDiscoveryData", columns["co-managed"])).toContain("no relay has reported");
    expect(why("wakeUp", columns["Intune Windows"])).toBe(
      "Wake up cannot be sent to devices that only Intune manages",
    );
  });

  it.each([
    ["iOS", "Restart cannot be sent to iOS devices"],
    [" macOS ", "Restart cannot be sent to macOS devices"],
    ["", "Restart cannot be sent to devices whose operating system is not known"],
  ])(
    "is explained for the operating system %j as a person would say it",
    (operatingSystem, text) => {
      expect(why("restart", device({ operatingSystem }))).toBe(text);
    },
  );

  it("names the parameters that would open one", () => {
    const wishes = { allowApproximate: false, parameters: {} };
    expect(
      chooseRoute(findAction("runScript") as Action, columns["Intune Windows"], wishes),
    ).toMatchObject({
      detail: "Run script needs the parameter remediationScriptId for this device",
    });
  });
});
