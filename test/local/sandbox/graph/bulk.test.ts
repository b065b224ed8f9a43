/** Bulk actions: what is taken, what is sorted out, what is refused as a whole. */
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type ListedDevice,
  onlyIntuneWindows,
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../support.ts";

const devicesPath = "/beta/deviceManagement/managedDevices";
const bulkPath = `${devicesPath}/executeAction`;
const nobody = "00000000-0000-4000-8000-000000000000";

let sandbox: TestSandbox;
let tenant: TestTenant;
let devices: readonly ListedDevice[];

const of = (operatingSystem: string): string =>
  devices.find((each) => each.operatingSystem === operatingSystem && each.inGraph)?.id ?? "";

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant({ devices: 300 });
  devices = await tenant.devices(300);
});
afterAll(() => sandbox.stop());

it("a bulk action sorts devices into taken, not found and not supported", async () => {
  const hidden = devices.find(({ inGraph }) => !inGraph)?.id ?? "";
  const deviceIds = [of("Windows"), nobody, of("iOS"), hidden];
  const answer = await tenant.graph("POST", bulkPath, { actionName: "quickScan", deviceIds });
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    successfulDeviceIds: [of("Windows")],
    failedDeviceIds: [],
    notFoundDeviceIds: [nobody, hidden],
    notSupportedDeviceIds: [of("iOS")],
  });
});

it("a bulk action of signatures is the same action as the one for a single device", async () => {
  const fresh = await sandbox.tenant(onlyIntuneWindows);
  const [device] = await fresh.devices(1);
  await fresh.graph("POST", bulkPath, { actionName: "signatureUpdate", deviceIds: [device?.id] });
  await fresh.graph("POST", `${devicesPath}/${device?.id}/windowsDefenderUpdateSignatures`);
  const { body } = await sandbox.control("GET", `/ledger/summary?tenantId=${fresh.id}`);
  expect(body).toMatchObject({ total: 2, distinct: 1, doubled: 1 });
});

it.for<[string, () => unknown]>([
  [
    "more than 100 devices",
    () => ({ actionName: "syncDevice", deviceIds: Array(101).fill(nobody) as string[] }),
  ],
  ["no device", () => ({ actionName: "syncDevice", deviceIds: [] })],
  ["no list", () => ({ actionName: "syncDevice" })],
  ["a name that is not in the list", () => ({ actionName: "restart", deviceIds: [nobody] })],
  ["a sentinel", () => ({ actionName: "unknownFutureValue", deviceIds: [nobody] })],
  ["a name of objects", () => ({ actionName: "constructor", deviceIds: [nobody] })],
  [
    "an unknown parameter",
    () => ({ actionName: "syncDevice", deviceIds: [nobody], scriptPolicyId: "1" }),
  ],
  [
    "a parameter of a wrong type",
    () => ({ actionName: "wipe", deviceIds: [nobody], keepUserData: "yes" }),
  ],
  ["a number for an id", () => ({ actionName: "syncDevice", deviceIds: [1] })],
  ["no body", () => undefined],
  ["null", () => null],
])("a bulk action with %s is refused", async ([, body]) => {
  expect((await tenant.graph("POST", bulkPath, body())).status).toBe(400);
});

it("a bulk action takes exactly 100 devices", async () => {
  const fresh = await sandbox.tenant({ ...onlyIntuneWindows, devices: 100 });
  const deviceIds = (await fresh.devices(100)).map(({ id }) => id);
  const answer = await fresh.graph("POST", bulkPath, { actionName: "syncDevice", deviceIds });
  expect(answer.body["successfulDeviceIds"]).toEqual(deviceIds);
  const { body } = await sandbox.control("GET", `/ledger/summary?tenantId=${fresh.id}`);
  expect(body["total"]).toBe(100);
});

it("a bulk action cannot run a script, because it names none", async () => {
  const answer = await tenant.graph("POST", bulkPath, {
    actionName: "initiateOnDemandProactiveRemediation",
    deviceIds: [of("Windows")],
  });
  expect(answer.body["failedDeviceIds"]).toEqual([of("Windows")]);
});

it("a bulk action is not known in v1.0", async () => {
  const body = { actionName: "syncDevice", deviceIds: [of("Windows")] };
  expect((await tenant.graph("POST", bulkPath.replace("beta", "v1.0"), body)).status).toBe(400);
});
