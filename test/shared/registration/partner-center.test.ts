/**
 * Registrations through Partner Center, from the partner's sign-in to the last device: services, storage, MSAL and the sandbox
 * are real, and the queues are the test's.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Caller } from "../../../shared/access/sign-in/caller.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { takeDevices } from "../../../shared/registration/check-list.ts";
import { DeviceList } from "../../../shared/registration/contract.ts";
import {
  findRegistration,
  listDevices,
  viewOf,
} from "../../../shared/registration/read-registrations.ts";
import {
  registerDevices,
  retryRegistration,
} from "../../../shared/registration/register-devices.ts";
import { trust, typeCode } from "../../local/sandbox/sign-in/person.ts";
import { accessWith } from "../../support/access-settings.ts";
import { deaths } from "../../support/fault-tap.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";
import { hashOf } from "./lists.ts";

let rig: NotifyRig;
beforeAll(async () => {
  rig = await startNotifyRig(undefined, undefined, (sandbox) => ({
    partnerCenterUrl: sandbox.partnerCenterUrl,
    partnerKind: "direct",
    access: {
      ...accessWith("a".repeat(32)),
      homeTenantIds: [sandbox.home.tenantId],
      sealing: { kind: "file", path: `${sandbox.caFile}.keys.json` },
    },
  }));
  trust(rig.sandbox);
});
afterAll(() => rig.stop());

const caller: Caller = {
  kind: "user",
  oid: randomUUID(),
  tid: randomUUID(),
  appId: randomUUID(),
  groups: [],
  groupsComplete: true,
  scopes: [],
  roles: [],
};

async function signIn() {
  const { partnerAccount } = rig.services;
  const begun = await partnerAccount.signIn(undefined, caller.oid);
  if (!begun.ok) throw new Error(begun.failure.detail);
  const { signInId, userCode = "" } = begun.value;
  await typeCode(rig.sandbox, { user_code: userCode, user: "partner@muster.example" });
  for (;;) {
    const asked = await partnerAccount.signIn(signInId, caller.oid);
    if (!asked.ok) throw new Error(asked.failure.detail);
    if (asked.value.state !== "pending") return asked.value;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

type Device = Readonly<Record<string, string>>;
const tuple = (serialNumber: string, groupTag?: string): Device => ({
  serialNumber,
  manufacturer: "LENOVO",
  model: "20XWCTO1WW",
  ...(groupTag === undefined ? {} : { groupTag }),
});

async function register(tenantId: string, devices: readonly object[], defaultTag?: string) {
  const registrationId = newestFirstId(Date.now());
  const list = takeDevices(DeviceList.parse({ devices }));
  const sent = await registerDevices(
    rig.services.register,
    { tenantId, registrationId },
    () => Promise.resolve({ ok: true, value: list }),
    { backEnd: "partnerCenter", partial: true, defaultTag },
    caller,
  );
  return sent.ok ? { registrationId } : { registrationId: "", refused: sent.failure };
}

async function ended(tenantId: string, registrationId: string) {
  const { register: parts } = rig.services;
  const found = await findRegistration(parts, { tenantId, registrationId });
  if (!found.ok) throw new Error(found.failure.detail);
  const view = await viewOf(parts, found.value);
  const { items } = await listDevices(parts, found.value, { top: 1_000 });
  return { view, devices: items };
}

async function tenantOf(behaviour: object = {}): Promise<string> {
  const tenantId = await rig.tenant({ devices: 1 });
  const set = { tenantId, importMs: [1, 20], ...behaviour };
  await rig.sandbox.control("PUT", "/behaviour", set);
  return tenantId;
}

const submissions = async (tenantId: string) =>
  (await rig.sandbox.control("GET", `/registrations?tenantId=${tenantId}`)).body;

const tagsOf = async (tenantId: string) => {
  const path = "/deviceManagement/windowsAutopilotDeviceIdentities?$top=999";
  const answer = await rig.services.graph.ask(tenantId, "v1.0", { method: "GET", path });
  const { value } = (answer as { body: { value: { serialNumber: string; groupTag: string }[] } })
    .body;
  return new Map(value.map(({ serialNumber, groupTag }) => [serialNumber, groupTag]));
};

/** Registers two devices of two tags, with a death on the way where one is named. */
const run = async (death?: { atCall: number; when: "before" | "after" }) => {
  const tenantId = await tenantOf();
  const list = [tuple(`${tenantId}-1`, "x"), tuple(`${tenantId}-2`, "y")];
  const { registrationId } = await register(tenantId, list);
  if (death === undefined) rig.faults.reset();
  else rig.faults.arm(death);
  await rig.drain();
  const calls = rig.faults.calls();
  rig.faults.revive();
  const { view } = await ended(tenantId, registrationId);
  const { total, doubled } = (await submissions(tenantId)) as {
    total: number;
    doubled: number;
  };
  return { calls, end: { state: view.state, counts: view.counts, total, doubled } };
};

describe("before anybody has signed in", () => {
  it("refuses a registration, and says where to sign in", async () => {
    const tenantId = await tenantOf();
    const { refused } = await register(tenantId, [tuple("N1", "shop")]);
    expect(refused).toMatchObject({ code: "relationship-missing" });
    expect(refused?.detail).toContain("not-signed-in");
    expect(await submissions(tenantId)).toMatchObject({ total: 0 });
  });

  it("keeps no account that signed in without a second factor", async () => {
    await rig.sandbox.control("PUT", "/behaviour", { partnerMfa: false });
    const end = await signIn();
    await rig.sandbox.control("PUT", "/behaviour", { partnerMfa: true });
    expect(end).toMatchObject({ state: "refused" });
    expect(end.detail).toContain("second factor");
    expect(await rig.services.customers.partner()).toMatchObject({ partnerCenter: "notSignedIn" });
  });
});

describe("once the partner has signed in", () => {
  beforeAll(async () => {
    const { state } = await signIn();
    if (state !== "signedIn") throw new Error(`the partner is ${state}`);
  });

  it("makes a batch for each tag, adds to those that are there, and sends each device once", async () => {
    const tenantId = await tenantOf();
    const { registrationId } = await register(tenantId, [
      ...Array.from({ length: 150 }, (_, at) => tuple(`A${at}`, at % 2 ? "shop" : "Lab 1")),
      tuple("A-none"),
    ]);
    await rig.drain();
    const { view, devices } = await ended(tenantId, registrationId);
    expect(view).toMatchObject({
      state: "partlyFinished",
      backEnd: "partnerCenter",
      counts: { total: 151, registered: 150, notSubmitted: 1 },
    });
    expect(devices.at(-1)).toMatchObject({ outcome: "notSubmitted", code: "tag-needed" });
    const again = await register(tenantId, [tuple("B1", "shop"), tuple("B2")], "spare");
    await rig.drain();
    expect((await ended(tenantId, again.registrationId)).view).toMatchObject({
      state: "finished",
      defaultTag: "spare",
    });
    const tags = await tagsOf(tenantId);
    expect([tags.get("A0"), tags.get("A1"), tags.get("B1"), tags.get("B2")]).toEqual([
      "Lab 1",
      "shop",
      "shop",
      "spare",
    ]);
    expect(await submissions(tenantId)).toEqual({ total: 152, distinct: 152, doubled: 0 });
  });

  it("says of a registered device whether the partner has registered it there", async () => {
    const tenantId = await tenantOf();
    const path = "/deviceManagement/importedWindowsAutopilotDeviceIdentities/import";
    const entry = { serialNumber: "S-own", hardwareIdentifier: hashOf("S-own") };
    const body = { importedWindowsAutopilotDeviceIdentities: [entry] };
    await rig.services.graph.ask(tenantId, "v1.0", { method: "POST", path, body });
    await register(
      tenantId,
      Array.from({ length: 101 }, (_, at) => tuple(`S${at}`, "shop")),
    );
    await rig.drain();
    const sources = async (serial: string) => {
      const answer = await rig.services.inventory.find(tenantId, serial);
      return answer.ok ? answer.value.map(({ source }) => source) : answer;
    };
    expect(await sources("S100")).toEqual(["partnerCenter"]);
    expect(await sources("S-own")).toEqual(["elsewhere"]);
  });

  it("takes the partner's own way where nobody names one, and says why", async () => {
    const { customers } = rig.services;
    const tenantId = await tenantOf();
    expect(await customers.choose(tenantId, undefined)).toMatchObject({
      route: "partnerCenter",
      why: "the partner's own way: a reseller relationship at Partner Center",
      verdict: { allowed: true },
    });
    const other = await tenantOf({ reseller: false });
    expect(await customers.choose(other, undefined)).toMatchObject({
      route: "graph",
      why: expect.stringMatching(/^Partner Center is not open: .*no reseller relationship/),
      verdict: { allowed: true },
    });
    expect(await customers.choose(other, "partnerCenter")).toMatchObject({
      route: "partnerCenter",
      why: "it was asked for",
      verdict: { allowed: false, code: "relationship-missing" },
    });
  });

  it("judges each device by itself, hardware without a name by its place", async () => {
    const other = await tenantOf();
    const first = await register(other, [tuple("C-other", "t")]);
    await rig.drain();
    expect((await ended(other, first.registrationId)).view.state).toBe("finished");
    const tenantId = await tenantOf({
      importFaults: {
        "C-lost": { code: 812, name: "ZtdDeviceNotFound" },
        "C-late": { code: 640, name: "StorageError", times: 1 },
        "C-new": { code: 1599, name: "ZtdSomethingNew" },
      },
    });
    const names = ["C-other", "C-fine", "C-lost", "C-late", "C-new"];
    const bad = Buffer.from("XX".padEnd(3_000, "x")).toString("base64");
    const list = [
      ...names.map((name) => tuple(name, "t")),
      { hardwareHash: bad, groupTag: "t" },
      { hardwareHash: hashOf("C-hash"), groupTag: "t" },
    ];
    const { registrationId } = await register(tenantId, list);
    await rig.drain();
    const { view, devices } = await ended(tenantId, registrationId);
    expect(devices.map(({ outcome }) => outcome)).toEqual([
      "assignedToOtherTenant",
      "registered",
      "notFound",
      "registered",
      "failed",
      "invalidHash",
      "registered",
    ]);
    expect(devices[4]).toMatchObject({
      serviceCode: 1599,
      serviceError: "ZtdSomethingNew",
      detail: expect.stringMatching(/\(upload [0-9a-f-]{36}\)$/),
    });
    expect(view.state).toBe("partlyFinished");
    // Another try finds the two that somebody let go of meanwhile, and the others as they were.
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, importFaults: {} });
    const retryId = newestFirstId(Date.now());
    const ids = { tenantId, registrationId };
    expect((await retryRegistration(rig.services.register, ids, retryId, caller)).ok).toBe(true);
    await rig.drain();
    expect((await ended(tenantId, retryId)).devices.map(({ outcome }) => outcome)).toEqual([
      "assignedToOtherTenant",
      "registered",
      "registered",
      "invalidHash",
    ]);
  });

  it("waits where it is throttled, and doubles nothing whose answer was lost", async () => {
    const tenantId = await tenantOf({ lostAnswerRate: 0.4, errorRate: 0.2, seed: 3 });
    const list = Array.from({ length: 40 }, (_, at) => tuple(`D${at}`, `tag ${at % 4}`));
    const { registrationId } = await register(tenantId, list);
    await rig.drain();
    const { view } = await ended(tenantId, registrationId);
    expect(view).toMatchObject({ state: "finished", counts: { registered: 40 } });
    expect(await submissions(tenantId)).toEqual({ total: 40, distinct: 40, doubled: 0 });
  });

  it("refuses a customer without a relationship before anything is sent, with the way to get one", async () => {
    const tenantId = await tenantOf({ reseller: false });
    const { refused } = await register(tenantId, [tuple("E1", "t")]);
    expect(refused?.detail).toMatch(/relationship-missing: .*no reseller relationship/);
    const shown = { tenantId, displayName: "Contoso" };
    expect(await rig.services.customers.check(shown)).toMatchObject({
      relationship: { reseller: "none", delegation: { status: "active", assigned: true } },
      routes: { partnerCenter: { allowed: false }, graph: { allowed: true } },
      relationshipLink: expect.stringMatching(/^https:/),
    });
    await rig.sandbox.control("PUT", "/behaviour", { tenantId, reseller: true });
    expect((await register(tenantId, [tuple("E1", "t")])).refused).toBeUndefined();
  });

  it("goes by the relationship that a group was given, whatever older ones the customer has beside it", async () => {
    const tenantId = await tenantOf();
    const shown = { tenantId, displayName: "Contoso" };
    const delegationAs = async (gdap: string) => {
      await rig.sandbox.control("PUT", "/behaviour", { tenantId, gdap });
      return (await rig.services.customers.check(shown)).relationship.delegation;
    };
    expect(await delegationAs("unassigned")).toMatchObject({ status: "active", assigned: false });
    expect(await delegationAs("twice")).toMatchObject({ status: "active", assigned: true });
  });

  it("tells the truth at the end though a worker dies at any call, and sends each device once", async () => {
    const whole = await run();
    expect(whole.end).toMatchObject({ state: "finished", total: 2, doubled: 0 });
    expect(whole.calls).toContain("partnerCenter.POST");
    for (const { atCall, when } of deaths(whole.calls.length, 2 * inject("oneCaseIn"))) {
      const disturbed = await run({ atCall, when });
      const where = `killed ${when} call ${atCall}, ${whole.calls[atCall - 1]}`;
      expect(disturbed.end, where).toEqual(whole.end);
    }
  }, 180_000);
});
