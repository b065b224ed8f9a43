/** What becomes of actions: result rows, hidden traits, the last sync, run states of scripts. */
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  onlyCoManaged,
  onlyIntuneWindows,
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../support.ts";

type Result = Readonly<Record<string, unknown>>;

const devicesPath = "/beta/deviceManagement/managedDevices";
const bulkPath = `${devicesPath}/executeAction`;
let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

async function results(tenant: TestTenant, id: string): Promise<readonly Result[]> {
  const path = `${devicesPath}/${id}?$select=id,deviceActionResults`;
  const { body } = await tenant.graph<{ deviceActionResults: readonly Result[] }>("GET", path);
  return body.deviceActionResults;
}

it("results carry the derived types of scans and of ConfigMgr", async () => {
  const fresh = await sandbox.tenant(onlyCoManaged);
  await fresh.behave({ actMs: 0, reportMs: 0 });
  const [device] = await fresh.devices(1);
  const path = `${devicesPath}/${device?.id}`;
  await fresh.graph("POST", `${path}/windowsDefenderScan`, { quickScan: false });
  await fresh.graph("POST", `${path}/triggerConfigurationManagerAction`, {
    configurationManagerAction: { action: "wakeUpClient" },
  });
  expect(await results(fresh, device?.id ?? "")).toMatchObject([
    {
      "@odata.type": "#microsoft.graph.configurationManagerActionResult",
      actionName: "wakeUpClient",
      actionState: "done",
      actionDeliveryStatus: "deliveredToOnPremisesServer",
      errorCode: 0,
    },
    {
      "@odata.type": "#microsoft.graph.windowsDefenderScanActionResult",
      actionName: "fullScan",
      actionState: "done",
      scanType: "full",
    },
  ]);
});

it("results end as the hidden traits of the devices say", async () => {
  const fresh = await sandbox.tenant({ ...onlyIntuneWindows, devices: 60 });
  await fresh.behave({ offlineRate: 0.3, failRate: 0.3, actMs: 0, reportMs: 0 });
  const listed = await fresh.devices(60);
  await fresh.graph("POST", bulkPath, {
    actionName: "syncDevice",
    deviceIds: listed.map(({ id }) => id),
  });
  const expected = listed.map((each) =>
    each.offline ? "pending" : each.failing ? "failed" : "done",
  );
  const found: unknown[] = [];
  for (const { id } of listed) found.push((await results(fresh, id))[0]?.["actionState"]);
  expect(found).toEqual(expected);
  expect(new Set(expected).size).toBe(3);
});

it("results start no earlier than the request, and the device then has synced", async () => {
  const fresh = await sandbox.tenant(onlyIntuneWindows);
  await fresh.behave({ actMs: 0, reportMs: 0 });
  const [device] = await fresh.devices(1);
  const before = Date.now();
  await fresh.graph("POST", `${devicesPath}/${device?.id}/syncDevice`);
  const path = `${devicesPath}/${device?.id}?$select=lastSyncDateTime,deviceActionResults`;
  const { body } = await fresh.graph<{ lastSyncDateTime: string; deviceActionResults: Result[] }>(
    "GET",
    path,
  );
  expect(Date.parse(String(body.deviceActionResults[0]?.["startDateTime"]))).toBeGreaterThanOrEqual(
    before,
  );
  expect(Date.parse(body.lastSyncDateTime)).toBeGreaterThanOrEqual(before);
});

it("results of scripts are found in the script's run states", async () => {
  const fresh = await sandbox.tenant(onlyIntuneWindows);
  await fresh.behave({ actMs: 0, reportMs: 0 });
  const [device] = await fresh.devices(1);
  const scripts = await fresh.graph<{ value: { id: string }[] }>(
    "GET",
    "/beta/deviceManagement/deviceHealthScripts",
  );
  const script = scripts.body.value[0]?.id ?? "";
  await fresh.graph("POST", `${devicesPath}/${device?.id}/initiateOnDemandProactiveRemediation`, {
    scriptPolicyId: script,
  });
  const path = `/beta/deviceManagement/deviceHealthScripts/${script}/deviceRunStates?$expand=managedDevice`;
  const { body } = await fresh.graph<{ value: Result[] }>("GET", path);
  expect(body.value).toMatchObject([
    {
      id: `${script}:${device?.id}`,
      detectionState: "success",
      managedDevice: { id: device?.id },
    },
  ]);
});
