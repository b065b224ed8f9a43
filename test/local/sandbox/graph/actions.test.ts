/** Asking one device for an action: what is taken, what is refused, what is counted. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type ListedDevice,
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../support.ts";

const devicesPath = "/beta/deviceManagement/managedDevices";
const nobody = "00000000-0000-4000-8000-000000000000";

let sandbox: TestSandbox;
let tenant: TestTenant;
let devices: readonly ListedDevice[];
let scriptId: string;

const of = (operatingSystem: string, management = "intuneOnly"): string =>
  devices.find((each) => each.operatingSystem === operatingSystem && each.management === management)
    ?.id ?? "";

async function total(tenantId: string): Promise<unknown> {
  return (await sandbox.control("GET", `/ledger/summary?tenantId=${tenantId}`)).body["total"];
}

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant({ devices: 300 });
  devices = await tenant.devices(300);
  const scripts = await tenant.graph<{ value: { id: string }[] }>(
    "GET",
    "/beta/deviceManagement/deviceHealthScripts",
  );
  scriptId = scripts.body.value[0]?.id ?? "";
});
afterAll(() => sandbox.stop());

describe("one device", () => {
  it.for<[string, string, (() => unknown)?]>([
    ["syncDevice", "Windows"],
    ["syncDevice", "iOS"],
    ["syncDevice", "Android"],
    ["rebootNow", "macOS"],
    ["windowsDefenderUpdateSignatures", "Windows"],
    ["windowsDefenderScan", "Windows", () => ({ quickScan: false })],
    ["initiateDeviceAttestation", "Windows"],
    ["initiateOnDemandProactiveRemediation", "Windows", () => ({ scriptPolicyId: scriptId })],
  ])("takes %s on %s with 204 and writes one effect", async ([action, system, body]) => {
    const before = await total(tenant.id);
    const answer = await tenant.graph("POST", `${devicesPath}/${of(system)}/${action}`, body?.());
    expect([answer.status, answer.body]).toEqual([204, ""]);
    expect(await total(tenant.id)).toBe(Number(before) + 1);
  });

  const unsupported = "is not for this device";
  it.for<[string, string, string, (() => unknown)?]>([
    [unsupported, "windowsDefenderScan", "macOS", () => ({ quickScan: true })],
    [unsupported, "windowsDefenderUpdateSignatures", "iOS"],
    [unsupported, "initiateDeviceAttestation", "Android"],
    [
      unsupported,
      "initiateOnDemandProactiveRemediation",
      "macOS",
      () => ({ scriptPolicyId: scriptId }),
    ],
    [unsupported, "rebootNow", "Android"],
    [unsupported, "triggerConfigurationManagerAction", "Windows", () => configMgr("appEvaluation")],
    ["lacks its parameter", "windowsDefenderScan", "Windows", () => ({})],
    ["has null for a boolean", "windowsDefenderScan", "Windows", () => ({ quickScan: null })],
    [
      "has an unknown member",
      "windowsDefenderScan",
      "Windows",
      () => ({ quickScan: true, fast: true }),
    ],
    ["has a member though it takes none", "syncDevice", "Windows", () => ({ now: true })],
    ["is no JSON", "windowsDefenderScan", "Windows", () => "{"],
    ["is a list", "syncDevice", "Windows", () => []],
    [
      "names an unknown ConfigMgr action",
      "triggerConfigurationManagerAction",
      "Windows",
      () => configMgr("restart"),
    ],
    ["does not exist", "restart", "Windows"],
  ])("refuses with 400 what %s: %s on %s", async ([, action, system, body]) => {
    const before = await total(tenant.id);
    const answer = await tenant.graph("POST", `${devicesPath}/${of(system)}/${action}`, body?.());
    expect(answer.status).toBe(400);
    expect(await total(tenant.id)).toBe(before);
  });

  it("that is unknown, or hidden from Graph, is 404", async () => {
    const hidden = devices.find(({ inGraph }) => !inGraph)?.id ?? "";
    for (const id of [nobody, hidden, "x"]) {
      expect((await tenant.graph("POST", `${devicesPath}/${id}/syncDevice`)).status).toBe(404);
      expect((await tenant.graph("GET", `${devicesPath}/${id}`)).status).toBe(404);
    }
  });

  it("that another tenant owns is 404", async () => {
    const other = await sandbox.tenant();
    expect((await other.graph("POST", `${devicesPath}/${of("Windows")}/syncDevice`)).status).toBe(
      404,
    );
  });

  it("an unknown script is 404", async () => {
    const path = `${devicesPath}/${of("Windows")}/initiateOnDemandProactiveRemediation`;
    expect((await tenant.graph("POST", path, { scriptPolicyId: nobody })).status).toBe(404);
  });

  it("co-managed takes actions for ConfigMgr, also under its other address", async () => {
    const id = of("Windows", "coManaged");
    for (const collection of ["managedDevices", "comanagedDevices"]) {
      const path = `/beta/deviceManagement/${collection}/${id}/triggerConfigurationManagerAction`;
      expect((await tenant.graph("POST", path, configMgr("refreshMachinePolicy"))).status).toBe(
        204,
      );
    }
  });
});

function configMgr(action: string): unknown {
  return { configurationManagerAction: { action } };
}
