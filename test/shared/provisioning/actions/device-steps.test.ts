/** Every type of action against the stand-in over HTTP: what its ledger shows, and what the runs of devices come to. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Asked, Parameters } from "../../../../shared/provisioning/actions/action-type.ts";
import { actionTypes, findActionType } from "../../../../shared/provisioning/actions/catalogue.ts";
import type { DeviceRun } from "../../../../shared/provisioning/device-run.ts";
import { passTime } from "../../../support/passing-time.ts";
import { ask, askedOf, follow, type StepRig, sent, startStepRig } from "../support/step-rig.ts";

let rig: StepRig;
let fleet: ReadonlyMap<string, DeviceRun>;
let groupId: string;
let scriptIds: readonly string[];

type Which = Partial<DeviceRun>;
const windows: Which = { operatingSystem: "Windows", managementAgent: "mdm" };
const coManaged: Which = { managementAgent: "configurationManagerClientMdm" };
const phone: Which = { operatingSystem: "iOS" };

/** So many devices that are as asked for. */
function some(which: Which, count = 3): (readonly [string, DeviceRun])[] {
  const found = [...fleet].filter(([, device]) =>
    Object.entries(which).every(([name, value]) => device[name as keyof DeviceRun] === value),
  );
  if (found.length < count) throw new Error(`only ${found.length} devices are as asked for`);
  return found.slice(0, count);
}

const kindsOf = (outcomes: ReadonlyMap<string, { readonly kind: string }>): string[] => [
  ...new Set([...outcomes.values()].map(({ kind }) => kind)),
];
const endsOf = (findings: ReadonlyMap<string, object>): string[] => [
  ...new Set([...findings.values()].map((one) => ("event" in one ? String(one.event) : "open"))),
];

beforeAll(async () => {
  rig = await startStepRig({ devices: 600 }, { now: () => Date.now() + ahead });
  fleet = await rig.devices();
  const groups = await rig.tenant.graph<{ value: { id: string; groupTypes?: string[] }[] }>(
    "GET",
    "/v1.0/groups?$select=id,groupTypes",
  );
  groupId = groups.body.value.find(({ groupTypes = [] }) => groupTypes.length === 0)?.id ?? "";
  const scripts = await rig.tenant.graph<{ value: { id: string }[] }>(
    "GET",
    "/beta/deviceManagement/deviceHealthScripts",
  );
  scriptIds = scripts.body.value.map(({ id }) => id);
});
afterAll(() => rig.sandbox.stop());

/** Lists are read again only after a while: moved on by hand. */
let ahead = 0;
const later = (asked: readonly Asked[]): readonly Asked[] => {
  ahead += 60_000;
  return asked.map((one) => ({ ...one, item: { ...one.item, at: Date.now() + ahead } }));
};

/** Why a type refuses a device. */
const refusal = (type: string, device: DeviceRun): string | undefined =>
  rig.stepOf(type).refuse(device, {})?.code;

/** Devices that Autopilot knows, and one that it does not. */
async function registered(): Promise<readonly [(readonly [string, DeviceRun])[], string]> {
  const list = await rig.tenant.graph<{ value: { managedDeviceId: string }[] }>(
    "GET",
    "/v1.0/deviceManagement/windowsAutopilotDeviceIdentities?$top=999",
  );
  const known = new Set(list.body.value.map(({ managedDeviceId }) => managedDeviceId));
  const own = [...fleet].filter(([id]) => known.has(id)).slice(0, 3);
  return [own, some(windows, 20).find(([id]) => !known.has(id))?.[0] ?? ""];
}

const ada = { userPrincipalName: "ada@contoso.example" };

/** The list may have to be read first. */
async function askUntilRead(type: string, asked: readonly Asked[]) {
  const outcomes = await ask(rig, type, asked);
  return kindsOf(outcomes).includes("later") ? ask(rig, type, asked) : outcomes;
}

/** What types ask of Graph, by the ledger: its name there, and parameters and devices where not the plain ones. */
const effects: readonly (readonly [
  type: string,
  effect: string,
  parameters?: Parameters,
  which?: Which,
])[] = [
  ["downloadComputerPolicy", "triggerConfigurationManagerAction", {}, coManaged],
  ["downloadComputerPolicy", "syncDevice", { allowApproximate: true }],
  ["evaluateApplicationDeployments", "triggerConfigurationManagerAction", {}, coManaged],
  ["evaluateDeviceHealthAttestation", "initiateDeviceAttestation"],
  ["checkConditionalAccessCompliance", "syncDevice", { allowApproximate: true }],
  ["wakeUp", "triggerConfigurationManagerAction", {}, coManaged],
  ["endpointProtectionFullScan", "fullScan"],
  ["endpointProtectionQuickScan", "quickScan"],
  ["endpointProtectionDownloadDefinition", "windowsDefenderUpdateSignatures"],
  ["restart", "rebootNow"],
  ["renameDevice", "setDeviceName", { deviceName: "PC-0042" }],
  ["rotateBitLockerKeys", "rotateBitLockerKeys"],
  ["rotateLocalAdminPassword", "rotateLocalAdminPassword"],
  [
    "messageToUser",
    "sendCustomNotificationToCompanyPortal",
    { title: "Soon", body: "Wait." },
    phone,
  ],
  ["autopilotReset", "wipe"],
  ["freshStart", "cleanWindowsDevice", { keepUserData: true }],
];

describe("an action that Intune carries", () => {
  it.for(effects)(
    "%s is %s, once for each device, and ends",
    async ([type, effect, given, which]) => {
      const asked = some(which ?? windows).map((device) => askedOf(type, device, given));
      const refused = asked.map(({ device, parameters }) =>
        rig.stepOf(type).refuse(device, parameters),
      );
      expect(refused).toEqual(asked.map(() => undefined));
      const before = (await rig.ledger()).length;
      expect(kindsOf(await ask(rig, type, asked))).toEqual(["accepted"]);
      const made = (await rig.ledger()).slice(before);
      expect(made.map(({ action }) => action)).toEqual(asked.map(() => effect));
      expect(made.map(({ deviceId }) => deviceId).toSorted()).toEqual(
        asked.map(({ item }) => item.targetId).toSorted(),
      );
      expect(endsOf(await follow(rig, type, sent(asked)))).toEqual(["finish"]);
    },
  );

  it("carries each device's own parameters, though they go together", async () => {
    const asked = some(windows).map((device, at) =>
      askedOf("renameDevice", device, { deviceName: `PC-${at}` }),
    );
    expect(rig.stepOf("renameDevice").calls(asked)).toHaveLength(1);
    await ask(rig, "renameDevice", asked);
    const names = (await rig.ledger()).slice(-3).map(({ detail }) => detail);
    expect(names).toEqual(["PC-0", "PC-1", "PC-2"]);
  });

  it("keeps the output of a script, of one that failed too", async () => {
    const asked = some(windows).map((device) =>
      askedOf("runScript", device, { remediationScriptId: scriptIds[0] }),
    );
    // What is still to run may be read first: the list is asked for again a quarter of a minute later.
    const outcomesOf = async (all: readonly Asked[]) => {
      await ask(rig, "runScript", all);
      const under = sent(all);
      await follow(rig, "runScript", under, 10);
      passTime(16_000);
      return [...(await follow(rig, "runScript", under)).values()];
    };
    const findings = await outcomesOf(asked);
    for (const finding of findings)
      expect(finding).toMatchObject({ event: "finish", output: expect.stringMatching(/^checked/) });
    await rig.tenant.behave({ failRate: 1 });
    const failing = some(windows).map((device) =>
      askedOf("runScript", device, { remediationScriptId: scriptIds[1] }),
    );
    const failed = await outcomesOf(failing);
    await rig.tenant.behave({ failRate: 0 });
    for (const finding of failed)
      expect(finding).toMatchObject({
        event: "fail",
        code: "device-reported-failure",
        output: expect.stringContaining("ended with 1"),
      });
  });

  it("does not end a restart before the device was seen again", async () => {
    await rig.tenant.behave({ offlineRate: 1 });
    const asked = some(windows).map((device) => askedOf("restart", device));
    await ask(rig, "restart", asked);
    const open = await follow(rig, "restart", sent(asked), 3);
    await rig.tenant.behave({ offlineRate: 0 });
    expect(endsOf(open)).toEqual(["open"]);
  });

  it("ends a restart that is done only when the device was seen since it was asked for", async () => {
    const plan = { devices: 4, mix: { windows: 1, intuneOnly: 1 } };
    const own = await startStepRig(plan, { now: () => Date.now() + 60_000 });
    const [device] = await own.devices();
    const endOf = async (parameters: Parameters) => {
      const asked = [askedOf("restart", device as [string, DeviceRun], parameters)];
      await ask(own, "restart", asked);
      // Later than the device has spoken, and not so late that its result is taken for another's.
      const [one] = sent(asked).map((each) => ({
        ...each,
        item: { ...each.item, claimedAt: Date.now() + 5_000 },
      }));
      return endsOf(await follow(own, "restart", one ? [one] : [], 10));
    };
    const ends = [await endOf({}), await endOf({ waitUntilBack: false })];
    await own.sandbox.stop();
    expect(ends).toEqual([["open"], ["finish"]]);
  });

  it("refuses devices that it has no route to, and says why", () => {
    const [[, mac]] = some({ operatingSystem: "macOS" }, 1) as [[string, DeviceRun]];
    const [[, pc]] = some(windows, 1) as [[string, DeviceRun]];
    expect(refusal("messageToUser", pc)).toBe("platform-not-supported");
    expect(refusal("messageToUser", mac)).toBe("platform-not-supported");
    expect(refusal("autopilotReset", mac)).toBe("platform-not-supported");
    expect(refusal("wakeUp", pc)).toBe("no-route");
    expect(refusal("checkConditionalAccessCompliance", pc)).toBe("approximate-not-allowed");
    const { entraDeviceId: _unjoined, ...unjoined } = pc;
    expect(refusal("addToGroup", unjoined)).toBe("no-entra-device");
  });

  it("is never asked for again on an unclear answer where it must not be done twice", async () => {
    await rig.tenant.behave({ lostAnswerRate: 1 });
    for (const type of ["autopilotReset", "freshStart"]) {
      const asked = some(windows).map((device) => askedOf(type, device));
      expect(rig.stepOf(type).mayRepeat).toBe(false);
      expect(kindsOf(await ask(rig, type, asked))).toEqual(["unclear"]);
      // What the device shows since the claim says that it was done.
      const claimed = asked.map((one) => ({
        ...one,
        item: { ...one.item, state: "claimed" as const, claimedAt: Date.now() - 15_000 },
      }));
      expect(endsOf(await follow(rig, type, claimed))).toEqual(["finish"]);
    }
    await rig.tenant.behave({ lostAnswerRate: 0 });
  });

  it("waits where Intune wants a second administrator, and is done once under the code", async () => {
    await rig.tenant.behave({ holdWrites: true });
    const asked = some(windows).map((device) => askedOf("freshStart", device));
    const before = (await rig.ledger()).length;
    const held = await ask(rig, "freshStart", asked);
    for (const outcome of held.values())
      expect(outcome).toMatchObject({ kind: "later", code: "waits-for-approval-at-intune" });
    const again: Asked[] = asked.map((one) => ({
      ...one,
      device: { ...one.device, note: held.get(one.item.targetId)?.["note" as never] ?? "" },
    }));
    expect(kindsOf(await ask(rig, "freshStart", again))).toEqual(["later"]);
    expect((await rig.ledger()).length).toBe(before);
    for (const { device } of again)
      await rig.sandbox.control("PUT", `/held-writes/${device.note}`, { status: "approved" });
    expect(kindsOf(await ask(rig, "freshStart", again))).toEqual(["accepted"]);
    // Approved once, done once: the code is used up.
    for (const outcome of (await ask(rig, "freshStart", again)).values())
      expect(outcome).toMatchObject({ kind: "failed", code: "not-approved-at-intune", note: "" });
    await rig.tenant.behave({ holdWrites: false });
    expect((await rig.ledger()).length).toBe(before + 3);
  });
});

describe("an action in the directory", () => {
  it("puts devices into a group and takes them out, and twice is as once", async () => {
    const asked = (type: string) =>
      some(windows).map((device) => askedOf(type, device, { groupId }));
    const before = (await rig.ledger()).length;
    for (const type of ["addToGroup", "addToGroup", "removeFromGroup", "removeFromGroup"])
      expect(kindsOf(await ask(rig, type, asked(type)))).toEqual(["done"]);
    const made = (await rig.ledger()).slice(before);
    expect(made.map(({ action, detail }) => [action, detail])).toEqual([
      ...some(windows).map(() => ["addToGroup", groupId]),
      ...some(windows).map(() => ["removeFromGroup", groupId]),
    ]);
  });

  it("says so when there is no such group, whichever way", async () => {
    const unknown = { groupId: "0c0ffee0-0000-4000-8000-000000000001" };
    for (const type of ["addToGroup", "removeFromGroup"]) {
      const outcomes = await ask(
        rig,
        type,
        some(windows).map((device) => askedOf(type, device, unknown)),
      );
      expect(kindsOf(outcomes)).toEqual(["failed"]);
    }
  });

  it.for([
    [
      "setGroupTag",
      { groupTag: "Lobby" },
      "updateDeviceProperties",
      "setGroupTag",
      { groupTag: "" },
    ],
    ["assignAutopilotUser", ada, "assignUserToDevice", "unassignAutopilotUser", {}],
    ["unassignAutopilotUser", {}, "unassignUserFromDevice", "assignAutopilotUser", ada],
  ] as const)(
    "%s counts when Autopilot's list shows it",
    async ([type, parameters, effect, undo, other]) => {
      const [own, foreign] = await registered();
      const asked = own.map((device) => askedOf(type, device, parameters));
      const before = (await rig.ledger()).length;
      const outcomes = await askUntilRead(type, asked);
      expect(kindsOf(outcomes)).toEqual(["accepted"]);
      expect((await rig.ledger()).slice(before).map(({ action }) => action)).toEqual(
        asked.map(() => effect),
      );
      expect(endsOf(await follow(rig, type, later(asked), 1))).toEqual(["finish"]);
      // Of what the service takes and loses the list shows nothing.
      const back = own.map((device) => askedOf(undo, device, other));
      expect(kindsOf(await askUntilRead(undo, back))).toEqual(["accepted"]);
      expect(endsOf(await follow(rig, type, later(asked), 1))).toEqual(["open"]);
      const unknown = [askedOf(type, [foreign, fleet.get(foreign) as DeviceRun], parameters)];
      const [declined] = (await ask(rig, type, unknown)).values();
      expect(declined).toMatchObject({ kind: "declined", code: "not-in-autopilot" });
    },
  );
});

it("every type has a step, but for those that only a site can do", () => {
  const carried = actionTypes.filter(({ id }) => {
    const { platforms = [] } = findActionType(id) ?? {};
    return platforms.length > 0;
  });
  for (const { id, guarded } of carried) expect(rig.stepOf(id).mayRepeat).toBe(!guarded);
});
