/** The stand-in for a site: strict about what it is asked, honest about what became of it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "./support.ts";

type Answer = { readonly status: number; readonly body: Record<string, unknown> };

let sandbox: TestSandbox;
let tenant: TestTenant;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  const mix = { windows: 1, intuneOnly: 1, coManaged: 1, configMgrOnly: 1 };
  tenant = await sandbox.tenant({ devices: 12, mix });
  await tenant.behave({ actMs: [0, 0], reportMs: [0, 0] });
});
afterAll(() => sandbox.stop());

async function ask(method: string, path: string, body?: unknown, site = "P01"): Promise<Answer> {
  const answer = await fetch(`${sandbox.url}/sites/${tenant.id}/${site}/AdminService${path}`, {
    method,
    headers: { authorization: "Basic x", "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const rows = async (path: string): Promise<Record<string, unknown>[]> =>
  (await ask("GET", path)).body["value"] as Record<string, unknown>[];
const ids = async (): Promise<number[]> =>
  (await rows("/wmi/SMS_R_System")).map((row) => Number(row["ResourceId"]));
const initiate = "/wmi/SMS_ClientOperation.InitiateClientOperation";
const order = { Type: 8, TargetCollectionID: "SMS00001" };

test("whoever sends no credentials is asked to negotiate", async () => {
  const url = `${sandbox.url}/sites/${tenant.id}/P01/AdminService/wmi/SMS_R_System`;
  const answer = await fetch(url);
  expect(answer.status).toBe(401);
  expect(answer.headers.get("www-authenticate")).toBe("Negotiate");
});

describe("systems", () => {
  test("are the co-managed and the ConfigMgr-only devices, in order", async () => {
    const found = await ids();
    expect(found).toHaveLength(8);
    expect(found).toEqual(found.toSorted((a, b) => a - b));
  });

  test("come in pages by id, with what was asked for", async () => {
    const [first = 0, second] = await ids();
    const filter = `ResourceId gt ${first} and Client eq 1 and Obsolete eq 0`;
    const query = `$filter=${filter}&$select=ResourceId&$orderby=ResourceId&$top=1`;
    expect(await rows(`/wmi/SMS_R_System?${query}`)).toEqual([{ ResourceId: second }]);
  });

  test("belong to one site", async () => {
    expect(await rows("/wmi/SMS_Site?$select=SiteCode")).toEqual([{ SiteCode: "P01" }]);
  });

  test.each(["$filter=Nothing eq 1", "$select=Nothing", "$skip=1", "$top=0"])(
    "asked for by %s are refused",
    async (query) => {
      expect((await ask("GET", `/wmi/SMS_R_System?${query}`)).status).toBe(400);
    },
  );
});

describe("an operation", () => {
  test.each([
    [{ ...order, TargetResourceIDs: ["16777216"] }, "text for a number"],
    [{ ...order, Type: 99, TargetResourceIDs: [16_777_216] }, "an unknown type"],
    [{ ...order, TargetResourceIDs: [16_777_216], Force: true }, "an unknown parameter"],
    [{ ...order, TargetCollectionID: "XYZ00001", TargetResourceIDs: [1] }, "no such collection"],
    [{ ...order, TargetResourceIDs: Array.from({ length: 501 }, (_, at) => at) }, "501 devices"],
    [{ ...order, TargetResourceIDs: [] }, "nobody"],
  ])("%o is refused: %s", async (body, _why) => {
    expect((await ask("POST", initiate, body)).status).toBe(400);
  });

  test("is counted, listed by number, and shows its targets only by itself", async () => {
    const targets = (await ids()).slice(0, 3);
    const { status, body } = await ask("POST", initiate, { ...order, TargetResourceIDs: targets });
    expect(status).toBe(201);
    const id = Number(body["OperationID"]);
    const after = `$filter=ID gt ${id - 1} and PrimaryActionType eq 8`;
    const [listed] = await rows(`/wmi/SMS_ClientOperation?${after}`);
    expect(listed).toMatchObject({ ID: id, PrimaryActionType: 8 });
    expect(listed).not.toHaveProperty("TargetResourceIDs");
    const [whole] = await rows(`/wmi/SMS_ClientOperation(${id})`);
    expect(whole?.["TargetResourceIDs"]).toEqual(targets);
    const [counts] = await rows(`/wmi/SMS_ClientOperationStatus(${id})`);
    expect(counts).toMatchObject({ TotalClients: 3, CompletedClients: 3, IsExpired: false });
    const path = `/ledger/summary?tenantId=${tenant.id}&action=clientOperation`;
    expect((await sandbox.control("GET", path)).body).toMatchObject({ total: 3, doubled: 0 });
  });

  test("on a device that is no client stays without answer", async () => {
    const body = { ...order, TargetResourceIDs: [1] };
    const id = Number((await ask("POST", initiate, body)).body["OperationID"]);
    const [counts] = await rows(`/wmi/SMS_ClientOperationStatus(${id})`);
    expect(counts).toMatchObject({ TotalClients: 1, UnknownClients: 1 });
  });
});

describe("a client push", () => {
  const push = "/wmi/SMS_Collection.CreateCCR";

  test("puts a client on a system that the site has only found, a while after it was taken", async () => {
    const found = await sandbox.tenant({ devices: 2, mix: { windows: 1, discovered: 1 } });
    await found.behave({ actMs: [0, 0], reportMs: [400, 400] });
    const at = `${sandbox.url}/sites/${found.id}/P01/AdminService`;
    const headers = { authorization: "Basic x", "content-type": "application/json" };
    const systems = async (): Promise<unknown[]> => {
      const answer = await fetch(`${at}/wmi/SMS_R_System`, { headers });
      return ((await answer.json()) as { value: { Client: unknown }[] }).value.map(
        ({ Client }) => Client,
      );
    };
    expect(await systems()).toEqual([null, null]);
    const body = JSON.stringify({ ResourceID: 16_777_217, Forced: false });
    const answer = await fetch(at + push, { method: "POST", headers, body });
    expect(await answer.json()).toEqual({ ReturnValue: 0 });
    expect(await systems()).toEqual([null, null]);
    await expect.poll(systems).toEqual([null, 1]);
  });

  test.each([
    [{ ResourceID: "16777216" }, 400],
    [{ ResourceID: 16_777_216, Force: true }, 400],
    [{ ResourceID: 16_777_216, Forced: 1 }, 400],
    [{}, 400],
  ])("%o is refused", async (body, status) => {
    expect((await ask("POST", push, body)).status).toBe(status);
  });

  test("returns 1 for a system that the site does not know", async () => {
    expect((await ask("POST", push, { ResourceID: 1 })).body).toEqual({ ReturnValue: 1 });
  });

  test("by a name that anybody may choose does not exist here", async () => {
    const byName = "/wmi/SMS_Collection.GenerateCCRByName";
    expect((await ask("POST", byName, { Name: "PC" })).status).toBe(404);
  });
});

test("a script takes one property, and only an approved one runs", async () => {
  const [device = 0] = await ids();
  const path = `/v1.0/Device(${device})/AdminService.RunScript`;
  const scripts = await rows("/v1.0/Script");
  const guid = (approval: number): unknown =>
    scripts.find((script) => script["ApprovalState"] === approval)?.["ScriptGuid"];
  const both = { ScriptGuid: guid(3), ScriptName: "x" };
  expect((await ask("POST", path, both)).status).toBe(400);
  expect((await ask("POST", path, { ScriptGuid: guid(0) })).status).toBe(403);
  const { body } = await ask("POST", path, { ScriptGuid: guid(3) });
  const filter = `ClientOperationId eq ${String(body["value"])} and ResourceId eq ${device}`;
  expect(await rows(`/wmi/SMS_ScriptsExecutionStatus?$filter=${filter}`)).toMatchObject([
    { ResourceId: device, ScriptExitCode: 0 },
  ]);
});

test("a query has no result until the device has answered", async () => {
  const [device = 0] = await ids();
  const run = async (): Promise<Answer> => {
    const path = `/v1.0/Device(${device})/AdminService.RunCMPivot`;
    const { body } = await ask("POST", path, { InputQuery: "OS" });
    const { OperationId } = body["value"] as { OperationId: number };
    const result = `/v1.0/Device(${device})/AdminService.CMPivotResult(OperationId=${OperationId})`;
    return ask("GET", result);
  };
  expect((await run()).status).toBe(200);
  await tenant.behave({ offlineRate: 1 });
  expect((await run()).status).toBe(404);
  await tenant.behave({ offlineRate: 0 });
});

test("another site of the tenant does not exist", async () => {
  expect((await ask("GET", "/wmi/SMS_R_System", undefined, "P02")).status).toBe(404);
});
