/** Autopilot identities and audits: lists that must agree with the devices and with what was asked of them. */
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  onlyIntuneWindows,
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../support.ts";

type Item = Readonly<Record<string, string>>;
type Page = { readonly value: readonly Item[]; readonly "@odata.nextLink"?: string };

let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

async function everything(tenant: TestTenant, path: string): Promise<readonly Item[]> {
  const found: Item[] = [];
  let next: string | undefined = path;
  while (next !== undefined) {
    const { body }: { body: Page } = await tenant.graph<Page>("GET", next);
    found.push(...body.value);
    next = body["@odata.nextLink"]?.slice(sandbox.graphUrl.length);
  }
  return found;
}

it("Autopilot identities name devices of the list and their group tags", async () => {
  const tenant = await sandbox.tenant({ devices: 2_500 });
  const devices = await everything(
    tenant,
    "/v1.0/deviceManagement/managedDevices?$select=id,serialNumber",
  );
  const serials = new Map(devices.map((device) => [device["id"], device["serialNumber"]]));
  const path = "/v1.0/deviceManagement/windowsAutopilotDeviceIdentities?$top=500";
  const identities = await everything(tenant, path);
  const known = identities.filter((identity) => serials.has(identity["managedDeviceId"]));
  expect(known.length).toBeGreaterThan(500);
  for (const { managedDeviceId, serialNumber } of known) {
    expect(serials.get(managedDeviceId)).toBe(serialNumber);
  }
  expect(new Set(identities.map(({ groupTag }) => groupTag)).size).toBe(5);
  expect(new Set(identities.map(({ id }) => id)).size).toBe(identities.length);
});

it("audits come newest first and page without gaps", async () => {
  const tenant = await sandbox.tenant({ ...onlyIntuneWindows, devices: 30 });
  const devices = await tenant.devices(30);
  for (const { id } of devices) {
    await tenant.graph("POST", `/v1.0/deviceManagement/managedDevices/${id}/rebootNow`);
  }
  const audits = await everything(tenant, "/beta/deviceManagement/remoteActionAudits?$top=12");
  expect(audits.map(({ managedDeviceId }) => managedDeviceId)).toEqual(
    devices.map(({ id }) => id).toReversed(),
  );
  expect(new Set(audits.map(({ id }) => id)).size).toBe(30);
});
