/** The stand-in for Partner Center: the documented shapes, and the traps that its callers have met. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { askForCode, poll, trust, typeCode } from "./sign-in/person.ts";
import { startTestSandbox, type TestSandbox, type TestTenant } from "./support.ts";

type Answer = { status: number; headers: Headers; body: Record<string, unknown> };

let sandbox: TestSandbox;
let tenant: TestTenant;
let token: string;

async function signIn(): Promise<string> {
  const scope = `${sandbox.partnerCenterUrl}/user_impersonation offline_access openid`;
  const { body } = await askForCode(sandbox, { scope });
  const user = "partner@muster.example";
  await typeCode(sandbox, { user_code: String(body["user_code"]), user });
  return String((await poll(sandbox, body["device_code"])).body["access_token"]);
}

beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
  token = await signIn();
});
beforeEach(async () => {
  await sandbox.control("DELETE", "/behaviour");
  tenant = await sandbox.tenant({ devices: 0 });
  await tenant.behave({ importMs: 0 });
});
afterAll(() => sandbox.stop());

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${sandbox.partnerCenterUrl}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const { status } = answer;
  return { status, headers: answer.headers, body: text === "" ? {} : JSON.parse(text) };
}

const tuple = (serialNumber: string) => ({
  serialNumber,
  oemManufacturerName: "LENOVO",
  modelName: "20XWCTO1WW",
});
const many = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => tuple(`S${from + at}`));
const batches = () => `/customers/${tenant.id}/deviceBatches`;
const statusOf = async ({ headers }: Answer) =>
  (await ask("GET", headers.get("location") ?? "")).body;
const hash = Buffer.concat([Buffer.from("OA"), Buffer.alloc(3000, 7)]).toString("base64");

describe("a batch", () => {
  test("is taken with 202 and the address of its status, which names no version", async () => {
    const taken = await ask("POST", batches(), { batchId: "Test batch", devices: [tuple("A1")] });
    expect(taken).toMatchObject({ status: 202, body: {} });
    expect(taken.headers.get("location")).toMatch(
      new RegExp(`^/customers/${tenant.id}/batchJobStatus/[0-9a-f-]{36}$`),
    );
    expect(await statusOf(taken)).toMatchObject({
      status: "finished",
      devicesStatus: [{ serialNumber: "A1", status: "finished", errorCode: 0 }],
    });
  });

  test("is called finished though a device of it has failed", async () => {
    await tenant.behave({ importFaults: { B2: { code: 812, name: "ZtdDeviceNotFound" } } });
    const body = { batchId: "b", devices: [tuple("B1"), tuple("B2")] };
    expect(await statusOf(await ask("POST", batches(), body))).toMatchObject({
      status: "finished",
      devicesStatus: [
        { status: "finished" },
        { status: "finished_with_errors", errorCode: 812, errorDescription: "ZtdDeviceNotFound" },
      ],
    });
  });

  test("gives devices that are known by their hash alone back without a name, in their order", async () => {
    const devices = [{ hardwareHash: hash }, { hardwareHash: "AAAA" }];
    const job = await statusOf(await ask("POST", batches(), { batchId: "h", devices }));
    expect(job["devicesStatus"]).toEqual([
      { status: "finished", errorCode: 0, errorDescription: "" },
      {
        status: "finished_with_errors",
        errorCode: 802,
        errorDescription: "InvalidZtdHardwareHash",
      },
    ]);
  });

  test("takes more devices, and shows a hundred of them at a time", async () => {
    await ask("POST", batches(), { batchId: "t", devices: many(0, 100) });
    expect((await ask("POST", `${batches()}/t/devices`, many(100, 1))).status).toBe(202);
    const first = (await ask("GET", `${batches()}/t/devices`)).body;
    expect(first["items"]).toHaveLength(100);
    const rest = await ask("GET", `${batches()}/t/devices`, undefined, {
      "MS-ContinuationToken": String(first["continuationToken"]),
    });
    expect(rest.body).toMatchObject({ items: [{ serialNumber: "S100" }] });
    expect(rest.body).not.toHaveProperty("continuationToken");
    expect((await ask("GET", batches())).body).toMatchObject({
      totalCount: 1,
      items: [{ id: "t", devicesCount: 101 }],
    });
    expect((await ask("POST", `${batches()}/u/devices`, many(0, 1))).status).toBe(404);
  });

  test("gives the same answer to the same request id, and doubles nothing", async () => {
    await tenant.behave({ lostAnswerRate: 1 });
    const id = { "MS-RequestId": randomUUID() };
    const body = { batchId: "r", devices: [tuple("R1")] };
    expect((await ask("POST", batches(), body, id)).status).toBe(504);
    await tenant.behave({ lostAnswerRate: 0 });
    const [one, two] = [
      await ask("POST", batches(), body, id),
      await ask("POST", batches(), body, id),
    ];
    expect(one.status).toBe(202);
    expect(two.headers.get("location")).toBe(one.headers.get("location"));
    expect((await sandbox.control("GET", `/registrations?tenantId=${tenant.id}`)).body).toEqual({
      total: 1,
      distinct: 1,
      doubled: 0,
    });
    expect((await ask("POST", batches(), body)).status).toBe(409);
  });

  test("says of a device that another tenant holds that it does, until that one deletes it", async () => {
    await ask("POST", batches(), { batchId: "x", devices: [tuple("X1")] });
    const { id: other } = await sandbox.tenant({ devices: 0 });
    await sandbox.control("PUT", "/behaviour", { tenantId: other, importMs: 0 });
    const hand = async (batchId: string) =>
      statusOf(
        await ask("POST", `/customers/${other}/deviceBatches`, { batchId, devices: [tuple("X1")] }),
      );
    expect(await hand("1")).toMatchObject({
      devicesStatus: [{ errorCode: 808, errorDescription: "ZtdDeviceAssignedToAnotherTenant" }],
    });
    const [device] = (await ask("GET", `${batches()}/x/devices`)).body["items"] as {
      id: string;
      attributes: { etag: string };
    }[];
    const path = `${batches()}/x/devices/${device?.id}`;
    const stale = await ask("DELETE", path, undefined, { "If-Match": "old" });
    expect(stale).toMatchObject({ status: 400, body: { code: 2055 } });
    const etag = { "If-Match": device?.attributes.etag ?? "" };
    expect((await ask("DELETE", path, undefined, etag)).status).toBe(204);
    expect(await hand("2")).toMatchObject({ devicesStatus: [{ status: "finished" }] });
  });

  test("becomes the group tag that Intune shows", async () => {
    await ask("POST", batches(), { batchId: "Sales", devices: [tuple("T1")] });
    const { body } = await tenant.graph(
      "GET",
      "/v1.0/deviceManagement/windowsAutopilotDeviceIdentities",
    );
    expect(body["value"]).toMatchObject([{ serialNumber: "T1", groupTag: "Sales" }]);
  });

  test("sets policies of devices, and says which are not the customer's", async () => {
    await ask("POST", batches(), { batchId: "p", devices: [tuple("P1")] });
    const [device] = (await ask("GET", `${batches()}/p/devices`)).body["items"] as { id: string }[];
    const policies = [{ key: "o_o_b_e", value: randomUUID() }];
    const devices = [device?.id, "nobody"].map((id) => ({ id, policies }));
    const path = `/customers/${tenant.id}/DevicePolicyUpdates`;
    expect(await statusOf(await ask("PATCH", path, { devices }))).toMatchObject({
      devicesStatus: [{ status: "finished" }, { errorDescription: "ZtdDeviceIsNotRegistered" }],
    });
    expect((await ask("GET", `${batches()}/p/devices`)).body["items"]).toMatchObject([
      { policies },
    ]);
  });

  test("is throttled on demand, with the time to wait", async () => {
    await tenant.behave({ throttle: { limit: 0, windowSeconds: 60, retryAfter: 3 } });
    const busy = await ask("GET", batches());
    expect(busy).toMatchObject({ status: 429, body: { code: 429, source: "PartnerFD" } });
    expect(busy.headers.get("retry-after")).toBe("3");
  });
});

describe("whoever asks", () => {
  test("without a token, as an app for a new batch, or without a second factor is refused", async () => {
    expect((await ask("GET", "/customers", undefined, { authorization: "x" })).status).toBe(401);
    const scope = `${sandbox.partnerCenterUrl}/.default`;
    const app = (await sandbox.token(sandbox.home.tenantId, { scope })).body["access_token"];
    const authorization = `Bearer ${String(app)}`;
    const asApp = { authorization };
    expect((await ask("POST", batches(), {}, asApp)).status).toBe(401);
    expect((await ask("GET", batches(), undefined, asApp)).status).toBe(200);
    await sandbox.control("PUT", "/behaviour", { partnerMfa: false });
    const weak = { authorization: `Bearer ${await signIn()}` };
    expect((await ask("GET", batches(), undefined, weak)).status).toBe(403);
  });

  test("without a relationship is refused, told of no such customer, and given a link to ask for one", async () => {
    await tenant.behave({ reseller: false });
    expect(await ask("GET", batches())).toMatchObject({ status: 403, body: { code: 20_002 } });
    expect((await ask("GET", `/customers/${tenant.id}`)).status).toBe(403);
    const listed = (await ask("GET", "/customers")).body["items"] as { id: string }[];
    expect(listed.map(({ id }) => id)).not.toContain(tenant.id);
    expect((await ask("GET", "/customers/relationshiprequests")).body["url"]).toMatch(/^https:/);
    expect((await ask("GET", `/customers/${randomUUID()}/deviceBatches`)).status).toBe(404);
    await tenant.behave({ reseller: true });
    expect((await ask("GET", `/customers/${tenant.id}`)).body).toMatchObject({
      id: tenant.id,
      relationshipToPartner: "reseller",
    });
  });

  test("reads in the partner's own tenant what customers have delegated, and to whom", async () => {
    await tenant.behave({ gdap: "otherRole" });
    const scope = "https://graph.microsoft.com/.default";
    const signedIn = await sandbox.token(sandbox.home.tenantId, { scope });
    const authorization = `Bearer ${String(signedIn.body["access_token"])}`;
    const path = `${sandbox.graphUrl}/v1.0/tenantRelationships/delegatedAdminRelationships`;
    const read = async (url: string) =>
      (await (await fetch(url, { headers: { authorization } })).json()) as {
        value: { id: string; status: string; customer: { tenantId: string } }[];
      };
    const { value } = await read(`${path}?$top=300`);
    const ours = value.find(({ customer }) => customer.tenantId === tenant.id);
    expect(ours).toMatchObject({ status: "active" });
    expect((await read(`${path}/${ours?.id}/accessAssignments`)).value).toHaveLength(1);
  });
});
