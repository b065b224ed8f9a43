/** All 18 actions of the catalogue, each sent to devices that only ConfigMgr knows. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogue } from "../../shared/devices/actions/catalogue.ts";
import { type Rig, startRig } from "./support/rig.ts";
import type { Site } from "./support/site.ts";

let rig: Rig;
let site: Site;
let scriptId = "";
beforeAll(async () => {
  rig = await startRig();
  site = await rig.tenant({ devices: 2 });
  await site.known();
  scriptId = await site.approvedScript();
});
afterAll(() => rig.stop());

/** What AdminService was asked for: action in the ledger, and what it carries. */
const effects = async ({ tenantId } = site): Promise<string[]> => {
  const path = `/ledger?tenantId=${tenantId}`;
  const { body } = await rig.sandbox.control<unknown>("GET", path);
  const lines = String(body).trim().split("\n").filter(Boolean);
  return lines.map((line) => {
    const { action, detail } = JSON.parse(line) as { action: string; detail: string };
    return `${action} ${detail}`;
  });
};

const query = "OS | project Caption";

const install = "installClient";

/** What each action asks of the site, in the words of its documentation. */
const expected: Readonly<Record<string, string>> = {
  [install]: "clientPush gentle",
  runScript: "siteScript",
  startCMPivot: `sitePivot ${query}`,
  downloadComputerPolicy: "clientOperation 8",
  downloadUserPolicy: "clientOperation 9",
  collectDiscoveryData: "clientOperation 10",
  collectSoftwareInventory: "clientOperation 11",
  collectHardwareInventory: "clientOperation 12",
  evaluateApplicationDeployments: "clientOperation 13",
  evaluateSoftwareUpdateDeployments: "clientOperation 14",
  switchSoftwareUpdatePoint: "clientOperation 15",
  evaluateDeviceHealthAttestation: "clientOperation 16",
  checkConditionalAccessCompliance: "clientOperation 125",
  wakeUp: "clientOperation 150",
  restart: "clientOperation 17",
  endpointProtectionFullScan: "clientOperation 1",
  endpointProtectionQuickScan: "clientOperation 2",
  endpointProtectionDownloadDefinition: "clientOperation 3",
};

function parametersOf(action: string): object {
  if (action === "runScript") return { parameters: { configMgrScriptId: scriptId } };
  return action === "startCMPivot" ? { parameters: { query } } : {};
}

test("the table names the whole catalogue", () => {
  expect(catalogue.map(({ id }) => id).toSorted()).toEqual(Object.keys(expected).toSorted());
  expect(catalogue).toHaveLength(18);
});

describe("a device that only ConfigMgr manages", () => {
  test.each(Object.entries(expected).filter(([action]) => action !== install))(
    "gets %s through the relay",
    async (action, effect) => {
      const before = await effects();
      const notification = await site.send({ action, ...parametersOf(action) });
      expect((await site.ended(notification)).counts).toMatchObject({ total: 2, done: 2 });
      for (const delivery of await site.deliveries(notification))
        expect(delivery).toMatchObject({ state: "done", route: "adminService" });
      const carried = action === "runScript" ? `${effect} ${scriptId}` : effect;
      expect((await effects()).slice(before.length)).toEqual([carried, carried]);
    },
  );

  test("does not get a client again, and its delivery says why not", async () => {
    const before = await effects();
    const notification = await site.send({ action: install });
    expect((await site.ended(notification)).counts).toMatchObject({ total: 2, notSupported: 2 });
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({
        state: "notSupported",
        code: "client-installed",
        detail: expect.stringContaining("has a client already"),
      });
    expect(await effects()).toEqual(before);
  });

  test("gets its client through the relay, where it has none", async () => {
    const found = await rig.tenant({ devices: 1, mix: { windows: 1, discovered: 1 } });
    await found.known();
    const notification = await found.send({ action: install });
    expect((await found.ended(notification)).counts).toMatchObject({ total: 1, done: 1 });
    const [delivery] = await found.deliveries(notification);
    expect(delivery).toMatchObject({
      route: "adminService",
      detail: "the site lists a client on it now",
    });
    expect(await effects(found)).toEqual([expected[install]]);
  });

  test.each(["runScript", "startCMPivot"])(
    "is not asked for %s without what it takes",
    async (action) => {
      const before = await effects();
      await expect(site.send({ action })).rejects.toThrow(/parameter/i);
      expect(await effects()).toEqual(before);
    },
  );
});
