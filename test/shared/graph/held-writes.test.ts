/** Writes that Intune holds, and parts that depend on each other: the client against the sandbox, over HTTP. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { GraphClient, type GraphRequest } from "../../../shared/graph/client.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import {
  onlyIntuneWindows,
  startTestSandbox,
  type TestSandbox,
} from "../../local/sandbox/support.ts";

let sandbox: TestSandbox;
let graph: GraphClient;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  graph = new GraphClient({
    baseUrl: sandbox.graphUrl,
    token: async (tenantId) => String((await sandbox.token(tenantId)).body["access_token"]),
    clock: systemClock,
    intercept: passThrough,
    timeoutMs: 5000,
  });
});
afterAll(() => sandbox.stop());

type Held = { readonly code: string; readonly status: string; readonly justification: string };

/** A tenant whose writes are held, a write, and what control knows of it. */
async function holding() {
  const tenant = await sandbox.tenant(onlyIntuneWindows);
  await tenant.behave({ holdWrites: true });
  const ids = (await tenant.devices(4)).map(({ id }) => id);
  const sync = (at: number, more: Partial<GraphRequest> = {}): GraphRequest => ({
    method: "POST",
    path: `/deviceManagement/managedDevices/${ids[at]}/syncDevice`,
    ...more,
  });
  const held = async (code: string): Promise<Held | undefined> => {
    const all = await sandbox.control<{ value: Held[] }>("GET", "/held-writes");
    return all.body.value.find((each) => each.code === code);
  };
  const effects = async (): Promise<unknown> =>
    (await sandbox.control("GET", `/ledger/summary?tenantId=${tenant.id}`)).body["total"];
  return { tenantId: tenant.id, sync, held, effects };
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  const found = (await answer) as { kind: string; approvalCode?: string };
  expect(found.kind).toBe("approvalNeeded");
  return found.approvalCode ?? "";
}

test("a write that Intune holds is an outcome of its own, done when the same request comes with its code", async () => {
  const { tenantId, sync, held, effects } = await holding();
  const write = sync(0, { justification: "Contoso asked for it" });
  const code = await codeOf(graph.ask(tenantId, "v1.0", write));
  expect(await held(code)).toMatchObject({
    status: "needsApproval",
    justification: "Contoso asked for it",
  });
  const again = { ...write, approvalCode: code };
  expect(await codeOf(graph.ask(tenantId, "v1.0", again))).toBe(code);
  expect(await effects()).toBe(0);
  await sandbox.control("PUT", `/held-writes/${code}`, { status: "approved" });
  expect(await graph.ask(tenantId, "v1.0", again)).toMatchObject({ kind: "ok", status: 204 });
  expect(await effects()).toBe(1);
  expect(await held(code)).toMatchObject({ status: "completed" });
});

test("a second write to what waits already, and one that was rejected, are refused", async () => {
  const { tenantId, sync, effects } = await holding();
  const code = await codeOf(graph.ask(tenantId, "v1.0", sync(0)));
  expect(await graph.ask(tenantId, "v1.0", sync(0))).toMatchObject({
    kind: "refused",
    reason: "conflict",
  });
  await sandbox.control("PUT", `/held-writes/${code}`, { status: "rejected" });
  const again = sync(0, { approvalCode: code });
  expect(await graph.ask(tenantId, "v1.0", again)).toMatchObject({ kind: "refused" });
  expect(await graph.ask(tenantId, "v1.0", sync(1, { approvalCode: code }))).toMatchObject({
    kind: "refused",
  });
  expect(await effects()).toBe(0);
});

test("parts of a batch are held one by one, reads never", async () => {
  const { tenantId, sync, effects } = await holding();
  const read: GraphRequest = { method: "GET", path: "/deviceManagement/managedDevices?$top=1" };
  const parts = [sync(0), read, sync(1)];
  const answers = await graph.askTogether(tenantId, "v1.0", parts);
  expect(answers.map(({ kind }) => kind)).toEqual(["approvalNeeded", "ok", "approvalNeeded"]);
  const codes = answers.map((answer) => ("approvalCode" in answer ? answer.approvalCode : ""));
  expect(new Set(codes).size).toBe(3);
  await sandbox.control("PUT", `/held-writes/${codes[2]}`, { status: "approved" });
  const again = await graph.askTogether(tenantId, "v1.0", [
    sync(0, { approvalCode: codes[0] ?? "" }),
    sync(1, { approvalCode: codes[2] ?? "" }),
  ]);
  expect(again.map(({ kind }) => kind)).toEqual(["approvalNeeded", "ok"]);
  expect(await effects()).toBe(1);
});

test("where nothing is protected the reason is not read, and the write is done", async () => {
  const { id } = await sandbox.tenant(onlyIntuneWindows);
  const [device] = (
    await sandbox.control<{ value: { id: string }[] }>("GET", `/tenants/${id}/devices?top=1`)
  ).body.value;
  const path = `/deviceManagement/managedDevices/${device?.id}/syncDevice`;
  expect(await graph.ask(id, "v1.0", { method: "POST", path })).toMatchObject({ kind: "ok" });
});

const dependent = (id: string | undefined, dependsOn: readonly number[]): GraphRequest => ({
  method: "POST",
  path: `/deviceManagement/managedDevices/${id}/syncDevice`,
  dependsOn,
});

test("a part that depends on one that failed is not done, and says so; one that depends on success is", async () => {
  const tenant = await sandbox.tenant(onlyIntuneWindows);
  const ids = (await tenant.devices(2)).map(({ id }) => id);
  const chain = [
    dependent(ids[0], []),
    dependent("nobody", [0]),
    dependent(ids[1], [1]),
    dependent(ids[1], [2]),
  ];
  const answers = await graph.askTogether(tenant.id, "v1.0", chain);
  expect(answers).toMatchObject([
    { kind: "ok" },
    { kind: "refused", reason: "notFound" },
    { kind: "dependencyFailed" },
    { kind: "dependencyFailed" },
  ]);
  const { body } = await sandbox.control("GET", `/ledger/summary?tenantId=${tenant.id}`);
  expect(body["total"]).toBe(1);
});

test("what Graph says of a request beside its body is in the answer", async () => {
  const tenant = await sandbox.tenant(onlyIntuneWindows);
  const path = "/deviceManagement/managedDevices?$top=1";
  const answer = await graph.ask(tenant.id, "v1.0", { method: "GET", path });
  expect(answer.headers?.["request-id"]).toMatch(/^[0-9a-f-]{36}$/);
});
