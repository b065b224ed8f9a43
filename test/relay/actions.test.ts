/** All 18 actions of the catalogue, each sent to a device that only ConfigMgr manages. */
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
const effects = async (): Promise<string[]> => {
  const path = `/ledger?tenantId=${site.tenantId}`;
  const { body } = await rig.sandbox.control<unknown>("GET", path);
  const lines = String(body).trim().split("\n").filter(Boolean);
  return lines.map((line) => {
    const { action, detail } = JSON.parse(line) as { action: string; detail: string };
    return `${action} ${detail}`;
  });
};

const query = "OS | project Caption";

/** What each action asks of the site, in the words of its documentation; installing has no proven way. */
const expected: Readonly<Record<string, string | undefined>> = {
  installClient: undefined,
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
  test.each(Object.entries(expected).filter(([, effect]) => effect !== undefined))(
    "gets %s through the relay",
    async (action, effect = "") => {
      const before = await effects();
      const notification = await site.send({ action, ...parametersOf(action) });
      expect((await site.ended(notification)).counts).toMatchObject({ total: 2, done: 2 });
      for (const delivery of await site.deliveries(notification))
        expect(delivery).toMatchObject({ state: "done", route: "adminService" });
      const carried = action === "runScript" ? `${effect} ${scriptId}` : effect;
      expect((await effects()).slice(before.length)).toEqual([carried, carried]);
    },
  );

  test("does not get its client installed, and its delivery says why not", async () => {
    const before = await effects();
    const notification = await site.send({ action: "installClient" });
    expect((await site.ended(notification)).counts).toMatchObject({ total: 2, notSupported: 2 });
    for (const delivery of await site.deliveries(notification))
      expect(delivery).toMatchObject({
        state: "notSupported",
        code: "no-route",
        detail: expect.stringContaining("client push through AdminService is unproven"),
      });
    expect(await effects()).toEqual(before);
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
