/** Reading the configuration of a tenant: lists in pages, filters, parts, and what is shown of an item. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";

type Item = Record<string, unknown> & { readonly id: string };
type List = { readonly value: readonly Item[]; readonly "@odata.nextLink"?: string };

let sandbox: TestSandbox;
let tenant: TestTenant;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant({ items: 200 });
  await tenant.behave({ accessPaceMs: 0 });
});
afterAll(() => sandbox.stop());

const list = async (path: string): Promise<readonly Item[]> => {
  const items: Item[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { status, body }: { status: number; body: List } = await tenant.graph<List>("GET", next);
    expect(status).toBe(200);
    items.push(...body.value);
    next = body["@odata.nextLink"]?.replace(sandbox.graphUrl, "");
  }
  return items;
};

const groupsOf = async (of: TestTenant): Promise<readonly (readonly string[])[]> => {
  const { body } = await of.graph<List>("GET", "/v1.0/groups");
  return body.value.map(({ id, displayName }) => [id, String(displayName)]);
};

const group = async (name: string): Promise<string> =>
  (await list(`/v1.0/groups?$filter=displayName eq '${name}'`))[0]?.id ?? "";

describe("a list", () => {
  it("comes in pages of twenty where nobody names a number, each item once", async () => {
    const path = "/beta/deviceManagement/configurationPolicies";
    const { body } = await tenant.graph<List>("GET", path);
    expect(body.value.length).toBe(20);
    const items = await list(path);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    expect(items.length).toBeGreaterThan(60);
    expect((await list(`${path}?$top=7`)).length).toBe(items.length);
  });

  it.for([
    ["/v1.0/policies/authenticationStrengthPolicies?$filter=policyType eq 'custom'", 1],
    ["/v1.0/groups?$filter=securityEnabled eq true&$select=id,displayName", 8],
    ["/v1.0/groups?$filter=displayName eq 'Pilot devices'", 1],
    ["/v1.0/roleManagement/directory/roleDefinitions?$filter=isBuiltIn eq false", 0],
    [
      "/v1.0/policies/roleManagementPolicyAssignments?$filter=scopeId eq '/' and scopeType eq 'DirectoryRole'&$expand=policy($expand=rules)",
      6,
    ],
  ] as const)("can be filtered: %s", async ([path, count]) => {
    expect((await list(path)).length).toBe(count);
  });

  it("refuses options and filters that it does not know", async () => {
    for (const query of ["$search=x", "$filter=displayName like 'x'", "$expand=owners"])
      expect((await tenant.graph("GET", `/v1.0/groups?${query}`)).status).toBe(400);
    const unscoped = await tenant.graph("GET", "/v1.0/policies/roleManagementPolicyAssignments");
    expect(unscoped.status).toBe(400);
  });

  it("shows assignments only where they are expanded", async () => {
    const path = "/beta/deviceManagement/deviceConfigurations";
    const [plain] = await list(path);
    const [expanded] = await list(`${path}?$expand=assignments`);
    expect(plain).not.toHaveProperty("assignments");
    expect(expanded?.["assignments"]).toMatchObject([
      { target: { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } },
      { target: { "@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget" } },
    ]);
  });
});

describe("an item", () => {
  it("has as many settings as it says, in pages of their own", async () => {
    const policies = await list("/beta/deviceManagement/configurationPolicies");
    const browser = policies.find(({ name }) => name === "Windows: browser");
    expect(browser).toMatchObject({ settingCount: 30, isAssigned: true });
    const path = `/beta/deviceManagement/configurationPolicies/${browser?.id}`;
    expect((await list(`${path}/settings`)).length).toBe(30);
    const { body } = await tenant.graph<Item>("GET", `${path}?$expand=assignments,settings`);
    expect(body["settings"]).toHaveLength(30);
    const quoted = path.replace(/\/([^/]+)$/, "('$1')");
    expect((await tenant.graph<Item>("GET", quoted)).body.id).toBe(browser?.id);
  });

  it("of conditional access is answered with all of its strength", async () => {
    const policies = await list("/v1.0/identity/conditionalAccess/policies");
    expect(policies.map(({ grantControls }) => grantControls)).toContainEqual(
      expect.objectContaining({
        authenticationStrength: expect.objectContaining({
          displayName: "Phishing-resistant for administrators",
        }) as object,
      }),
    );
  });

  it("that is not there is 404", async () => {
    const path = "/v1.0/identity/conditionalAccess/policies/9f2f4ad6-0000-4000-8000-000000000000";
    expect((await tenant.graph("GET", path)).status).toBe(404);
  });

  it("is the same in a tenant made again, and has other ids in another", async () => {
    const before = await groupsOf(tenant);
    const other = await groupsOf(await sandbox.tenant());
    expect(other.map(([, name]) => name)).toEqual(before.map(([, name]) => name));
    expect(other[0]?.[0]).not.toBe(before[0]?.[0]);
    await sandbox.control("DELETE", `/tenants/${tenant.id}`);
    const plan = { tenantId: tenant.id, displayName: "Contoso", devices: 50, seed: 1, items: 200 };
    await sandbox.control("POST", "/tenants", plan);
    await tenant.behave({ accessPaceMs: 0 });
    expect(await groupsOf(tenant)).toEqual(before);
  });
});

describe("the directory", () => {
  it("follows groups within groups", async () => {
    const id = await group("IT administrators");
    const direct = await list(`/v1.0/groups/${id}/members`);
    const all = await list(`/v1.0/groups/${id}/transitiveMembers`);
    expect([direct.length, all.length]).toEqual([3, 4]);
    const kinds = all.map((one) => one["@odata.type"]);
    expect(kinds).toContain("#microsoft.graph.group");
  });

  it("says what ids stand for, and leaves out those that stand for nothing", async () => {
    const id = await group("Pilot devices");
    const [user] = await list("/v1.0/users");
    const ids = [id, user?.id, "9f2f4ad6-0000-4000-8000-000000000000"];
    const { body } = await tenant.graph<List>("POST", "/v1.0/directoryObjects/getByIds", { ids });
    expect(body.value.map((one) => one["displayName"])).toEqual([
      "Pilot devices",
      "Break Glass One",
    ]);
  });

  it("says what the app was granted, by ids that its roles resolve", async () => {
    const path = `/v1.0/servicePrincipals(appId='${sandbox.clientId}')`;
    const { body } = await tenant.graph<Item>("GET", path);
    const graph = await tenant.graph<Item>(
      "GET",
      "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')",
    );
    const roles = graph.body["appRoles"] as { id: string; value: string }[];
    const granted = await list(`/v1.0/servicePrincipals/${body.id}/appRoleAssignments?$top=999`);
    const names = granted.map((one) => roles.find(({ id }) => id === one["appRoleId"])?.value);
    expect(names).toContain("Policy.ReadWrite.ConditionalAccess");
    // People sign in with an app of its own, and administrators consent to that one for them.
    const { signInClientId } = sandbox.home;
    const people = await tenant.graph<Item>(
      "GET",
      `/v1.0/servicePrincipals(appId='${signInClientId}')`,
    );
    const grantsOf = (id: unknown) =>
      list(
        `/v1.0/oauth2PermissionGrants?$filter=clientId eq '${String(id)}' and consentType eq 'AllPrincipals'`,
      );
    const [grant] = await grantsOf(people.body["id"]);
    expect(grant?.["scope"]).toContain("RoleManagementPolicy.ReadWrite.Directory");
    expect(await grantsOf(body["id"])).toEqual([]);
  });
});
