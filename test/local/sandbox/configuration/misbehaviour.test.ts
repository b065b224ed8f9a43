/** Configuration that misbehaves on demand, and changes that are made to it from outside. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";

type Item = Record<string, unknown> & { readonly id: string };
type List = { readonly value: readonly Item[]; readonly "@odata.nextLink"?: string };

const access = "/v1.0/identity/conditionalAccess/policies";
const filters = "/beta/deviceManagement/assignmentFilters";
const settings = "/beta/deviceManagement/configurationPolicies";
const filter = { displayName: "New", platform: "macOS", rule: "(device.model -eq 'x')" };
let sandbox: TestSandbox;
let tenant: TestTenant;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant({ items: 200 });
});
afterAll(() => sandbox.stop());

const status = async (path: string): Promise<number> => (await tenant.graph("GET", path)).status;

describe("conditional access", () => {
  it("answers one request a second of a tenant, policies and locations together, and says not how long to wait", async () => {
    const paced = await sandbox.tenant();
    const locations = "/v1.0/identity/conditionalAccess/namedLocations";
    const answers = [];
    for (const path of [access, locations, access]) answers.push(await paced.graph("GET", path));
    expect(answers.map((one) => one.status)).toEqual([200, 429, 429]);
    expect(answers[1]?.headers.get("retry-after")).toBeNull();
    expect((await tenant.graph("GET", access)).status).toBe(200);
    const later = async () => (await paced.graph("GET", locations)).status;
    await expect.poll(later, { interval: 200, timeout: 5_000 }).toBe(200);
  });
});

describe("faults", () => {
  it("of a type leave the others alone, and can be over after some times", async () => {
    await tenant.behave({ typeFaults: { assignmentFilter: { status: 503, times: 2 } } });
    expect([await status(filters), await status(filters), await status(filters)]).toEqual([
      503, 503, 200,
    ]);
    expect(await status(settings)).toBe(200);
  });

  it("of a list come with its second page", async () => {
    await tenant.behave({ typeFaults: { configurationPolicy: { status: 429, later: true } } });
    const { body } = await tenant.graph<List>("GET", settings);
    const next = body["@odata.nextLink"]?.replace(sandbox.graphUrl, "") ?? "";
    expect(await status(next)).toBe(429);
    await tenant.behave({ typeFaults: null });
    expect(await status(next)).toBe(200);
  });

  it("of writes leave reads alone", async () => {
    await tenant.behave({ typeFaults: { assignmentFilter: { status: 500, on: "write" } } });
    expect(await status(filters)).toBe(200);
    expect((await tenant.graph("POST", filters, filter)).status).toBe(500);
    await tenant.behave({ typeFaults: null });
  });

  it("leave settings out of what is read, and the count as it is", async () => {
    await tenant.behave({ missingSettings: 2 });
    const { body } = await tenant.graph<List>(
      "GET",
      `${settings}?$filter=name eq 'Windows: firewall'`,
    );
    const [policy] = body.value;
    const read = await tenant.graph<List>("GET", `${settings}/${policy?.id}/settings`);
    expect([policy?.["settingCount"], read.body.value.length]).toEqual([3, 1]);
    await tenant.behave({ missingSettings: null });
  });

  it.for([
    { typeFaults: { x: { status: 200 } } },
    { typeFaults: { x: { status: 503, on: "all" } } },
  ])("that make no sense are refused: %j", async (wrong) => {
    expect((await tenant.behave(wrong)).status).toBe(400);
  });
});

it("what was written is not seen at once where consistency is eventual", async () => {
  await tenant.behave({ consistencyMs: 1_500 });
  const made = await tenant.graph<Item>("POST", filters, filter);
  expect(made.status).toBe(201);
  const path = `${filters}/${made.body.id}`;
  expect(await status(path)).toBe(404);
  await expect.poll(() => status(path), { interval: 100, timeout: 5_000 }).toBe(200);
  await tenant.graph("PATCH", path, { rule: "(device.model -eq 'y')" });
  const rule = async () => (await tenant.graph<Item>("GET", path)).body["rule"];
  expect(await rule()).toBe(filter.rule);
  await expect.poll(rule, { interval: 100, timeout: 5_000 }).toBe("(device.model -eq 'y')");
  await tenant.behave({ consistencyMs: null });
});

describe("permissions", () => {
  it("that are withdrawn are missing from the next token, and from what it may", async () => {
    const before = await sandbox.token(tenant.id);
    await sandbox.control("POST", `/tenants/${tenant.id}/consent`, {
      withdraw: [
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
      ],
    });
    const after = await sandbox.token(tenant.id);
    const read = async (token: typeof after): Promise<number> => {
      const authorization = `Bearer ${String(token.body["access_token"])}`;
      return (await tenant.graph("GET", filters, undefined, { authorization })).status;
    };
    expect([await read(before), await read(after)]).toEqual([200, 403]);
    await sandbox.control("POST", `/tenants/${tenant.id}/consent`, {
      grant: ["DeviceManagementConfiguration.Read.All"],
    });
    expect(await read(await sandbox.token(tenant.id))).toBe(200);
  });

  it("for the settings of privileged roles are of no use to an app alone", async () => {
    const scope = "scopeId eq '/' and scopeType eq 'DirectoryRole'";
    const list = "/v1.0/policies/roleManagementPolicies";
    const { body } = await tenant.graph<List>("GET", `${list}?$filter=${scope}&$expand=rules`);
    const [policy] = body.value;
    const [rule] = (policy?.["rules"] ?? []) as Item[];
    const path = `${list}/${policy?.id}/rules/${rule?.id}`;
    expect((await tenant.graph("PATCH", path, rule)).status).toBe(403);
    expect(await status(path)).toBe(200);
  });
});

describe("Intune's approval", () => {
  it("holds a write to what it covers until somebody approves it, and nothing of the directory", async () => {
    await tenant.behave({ holdWrites: true });
    const tags = "/beta/deviceManagement/roleScopeTags";
    const because = { "x-msft-approval-justification": Buffer.from("a reason").toString("base64") };
    const tag = { displayName: "Held" };
    const held = await tenant.graph("POST", tags, tag, because);
    const code = held.headers.get("x-msft-approval-code") ?? "";
    expect(held.status).toBe(412);
    const requests = "/beta/deviceManagement/operationApprovalRequests";
    const { body } = await tenant.graph<List>("GET", requests);
    expect(body.value).toMatchObject([{ id: code, status: "needsApproval" }]);
    const again = (): Promise<number> =>
      tenant.graph("POST", tags, tag, { "x-msft-approval-code": code }).then((one) => one.status);
    await sandbox.control("PUT", `/held-writes/${code}`, { status: "expired" });
    expect(await again()).toBe(400);
    await sandbox.control("PUT", `/held-writes/${code}`, { status: "approved" });
    expect(await again()).toBe(201);
    const done = await tenant.graph<Item>("GET", `${requests}/${code}`);
    expect(done.body["status"]).toBe("completed");
    const group = {
      displayName: "Free",
      mailEnabled: false,
      mailNickname: "f",
      securityEnabled: true,
    };
    expect((await tenant.graph("POST", "/v1.0/groups", group)).status).toBe(201);
    await tenant.behave({ holdWrites: null });
  });
});

describe("from outside", () => {
  it("items are added, changed and deleted, and nothing of it stands in the ledger", async () => {
    await sandbox.control("DELETE", "/ledger");
    const at = `/tenants/${tenant.id}/configuration`;
    const added = await sandbox.control<Item>("POST", `${at}/group`, { displayName: "By hand" });
    const path = `/v1.0/groups/${added.body.id}`;
    expect(await status(path)).toBe(200);
    await sandbox.control("PATCH", `${at}/group/${added.body.id}`, { description: "drift" });
    expect((await tenant.graph<Item>("GET", path)).body["description"]).toBe("drift");
    await sandbox.control("DELETE", `${at}/group/${added.body.id}`);
    expect(await status(path)).toBe(404);
    const writes = await sandbox.control("GET", `/configuration-writes?tenantId=${tenant.id}`);
    expect(writes.body["total"]).toBe(0);
    const counts = await sandbox.control<Record<string, number>>("GET", at);
    expect(counts.body["securityDefaults"]).toBe(1);
    expect((await sandbox.control("GET", `${at}/nothing`)).status).toBe(404);
  });
});
