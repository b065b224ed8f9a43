/** What a tenant has registered: listed, found, changed, and taken out again, in the sandbox's Graph. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApprovalPolicy } from "../../../shared/access/approvals/approval.ts";
import type { Item } from "../../../shared/fanout/state/item.ts";
import type { GraphAnswer } from "../../../shared/graph/answer.ts";
import type { GraphRequest } from "../../../shared/graph/client.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { graphBackEnd } from "../../../shared/registration/graph/back-end.ts";
import { deregisteringBackEnd } from "../../../shared/registration/graph/deregister.ts";
import type { RegisteredDevice } from "../../../shared/registration/graph/lists.ts";
import { deregisterDevices } from "../../../shared/registration/register-devices.ts";
import type { Registration } from "../../../shared/registration/state/registration.ts";
import { caller, type RegisterRig, rowOf, rows, startRegisterRig } from "./register-rig.ts";

let rig: RegisterRig;
let tenantId = "";
beforeAll(async () => {
  rig = await startRegisterRig();
  tenantId = await rig.tenantOf();
  await rig.register(tenantId, rows(3, "A", "shop").map(rowOf));
  await rig.drain();
});
afterAll(() => rig.stop());

const found = async (serial: string) => {
  const answer = await rig.services.inventory.find(tenantId, serial);
  if (!answer.ok) throw new Error(answer.failure.detail);
  return answer.value;
};

it("lists what is registered page by page, each device once", async () => {
  const serials: string[] = [];
  let next: string | undefined;
  do {
    const page = await rig.services.inventory.list(tenantId, { top: 2, next });
    if (!page.ok) throw new Error(page.failure.detail);
    serials.push(...page.value.items.map(({ serialNumber }) => serialNumber));
    next = page.value.next;
  } while (next !== undefined);
  expect(serials).toEqual(expect.arrayContaining(["A0000", "A0001", "A0002"]));
  expect(new Set(serials).size).toBe(serials.length);
});

it("changes group tag, name and user of a device, and says where none is", async () => {
  const [device] = await found("a0001");
  const id = device?.autopilotDeviceId ?? "";
  const change = { groupTag: "floor", displayName: "PC-1", assignedUser: "ana@contoso.example" };
  expect(await rig.services.inventory.change(tenantId, id, change)).toMatchObject({
    ok: true,
    value: { pending: [], device: { groupTag: "floor", source: "unknown" } },
  });
  expect(await found("A0001")).toMatchObject([
    { groupTag: "floor", displayName: "PC-1", userPrincipalName: "ana@contoso.example" },
  ]);
  await rig.services.inventory.change(tenantId, id, { assignedUser: null });
  expect(await found("A0001")).toMatchObject([{ groupTag: "floor", userPrincipalName: "" }]);
  expect(
    await rig.services.inventory.change(tenantId, crypto.randomUUID(), { groupTag: "x" }),
  ).toMatchObject({ ok: false, failure: { code: "unknown-device" } });
});

it("looks whether a change is there, and says what Intune does not show yet", async () => {
  const [device] = await found("A0002");
  const id = device?.autopilotDeviceId ?? "";
  const { inventory } = rig.services;
  const change = { groupTag: "shop", assignedUser: "ana@contoso.example" };
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, changeLagMs: 2_000 });
  expect(await inventory.change(tenantId, id, change)).toMatchObject({ value: { pending: [] } });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, changeLagMs: 3600 * 1000 });
  expect(
    await inventory.change(tenantId, id, { groupTag: "lab", assignedUser: null }),
  ).toMatchObject({
    value: { pending: ["groupTag", "assignedUser"], device: { groupTag: "shop" } },
  });
  await rig.sandbox.control("PUT", "/behaviour", { tenantId, changeLagMs: 0 });
});

it("takes devices out, leaves alone what Intune manages, and tells what was not there", async () => {
  const page = await rig.services.inventory.list(tenantId, { top: 999 });
  const managed = page.ok ? page.value.items.find(({ isManaged }) => isManaged) : undefined;
  const serials = ["A0001", managed?.serialNumber ?? "", "NOBODY"];
  const registrationId = newestFirstId(Date.now());
  await rig.sandbox.control("DELETE", "/requests");
  const sent = await deregisterDevices(
    rig.services.register,
    { tenantId, registrationId },
    serials,
    caller,
  );
  expect(sent).toMatchObject({ ok: true });
  await rig.drain();
  const { body: asked } = await rig.sandbox.control("GET", "/requests");
  expect(JSON.stringify(asked)).toContain("POST windowsAutopilotSettings/sync");
  const { devices } = await rig.ended(tenantId, registrationId);
  expect(devices.map(({ outcome, code }) => [outcome, code])).toEqual([
    ["deregistered", undefined],
    ["failed", "still-managed"],
    ["deregistered", "not-registered"],
  ]);
  expect(await found("A0001")).toEqual([]);
  expect(await found("A0002")).toHaveLength(1);
});

it("takes out nothing, and tags nothing, by a number that several devices have", async () => {
  const both = ["one", "two"].map(
    (id) =>
      ({ id, serialNumber: "TO BE FILLED", groupTag: "", isManaged: false }) as RegisteredDevice,
  );
  const named = new Map([["TO BE FILLED", both]]);
  const asked: string[] = [];
  const busy = ({ path }: GraphRequest): GraphAnswer => {
    asked.push(path);
    return { kind: "busy", why: "nobody is there" };
  };
  const list = { kind: "read", at: 1, requests: 1, pages: 1 } as const;
  const parts = {
    graph: {
      ask: async (_asker: unknown, _version: unknown, request: GraphRequest) => busy(request),
      askTogether: async (_asker: unknown, _version: unknown, all: readonly GraphRequest[]) =>
        all.map(busy),
    },
    lists: {
      devices: async () => ({ ...list, named }),
      imports: async () => ({ ...list, named: new Map() }),
    },
    sync: async () => undefined,
    clock: { now: () => 2 },
  };
  const item = { targetId: "t", at: 0, step: 1, attempts: 1 } as Item;
  const some = [{ item, hardware: { serial: "TO BE FILLED", tag: "shop" } }];
  const job = { tenantId, jobId: "j" } as Registration;
  const out = await deregisteringBackEnd(parts).execute(job, some, () => true);
  expect(out.get("t")).toMatchObject({ kind: "failed", code: "serial-not-unique" });
  const tagged = await graphBackEnd(parts).execute(job, some, () => true);
  expect(tagged.get("t")).toEqual({ kind: "accepted" });
  expect(asked).toEqual([]);
});

it("waits for a second person where a rule asks for one, and is bound to its list", async () => {
  const { approvals } = rig.services.register;
  const { rules, etag } = await approvals.rules();
  const rule = {
    kind: "registration",
    actions: ["deregister"],
    tenantIds: [tenantId],
    moreThan: 0,
  };
  await approvals.replaceRules(ApprovalPolicy.parse({ rules: [...rules.rules, rule] }), etag);
  const registrationId = newestFirstId(Date.now());
  const ids = { tenantId, registrationId };
  const sent = await deregisterDevices(rig.services.register, ids, ["A0000"], caller);
  expect(sent).toMatchObject({ ok: true, value: { state: "pendingApproval" } });
  await rig.drain();
  expect(await found("A0000")).toHaveLength(1);
  expect(await approvals.read(tenantId, registrationId)).toMatchObject({
    ok: true,
    value: { subject: { kind: "registration", action: "deregister", count: 1 } },
  });
  expect(JSON.stringify(await approvals.read(tenantId, registrationId))).not.toContain("A0000");
});
