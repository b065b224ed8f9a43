/** Writing configuration: what is kept, what moves by itself, what is refused, and what the ledger says. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";

type Item = Record<string, unknown> & { readonly id: string };
type Kept = { readonly value: readonly Item[] };

const access = "/v1.0/identity/conditionalAccess";
const devices = "/beta/deviceManagement";
let sandbox: TestSandbox;
let tenant: TestTenant;

beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

/** A fresh tenant whose conditional access is not paced. */
async function fresh(): Promise<void> {
  tenant = await sandbox.tenant();
  await tenant.behave({ accessPaceMs: 0 });
}

const kept = async (type: string): Promise<readonly Item[]> =>
  (await sandbox.control<Kept>("GET", `/tenants/${tenant.id}/configuration/${type}`)).body.value;
const named = async (type: string, name: string): Promise<Item> => {
  const found = (await kept(type)).find((one) => (one["displayName"] ?? one["name"]) === name);
  if (found === undefined) throw new Error(`there is no ${type} ${name}`);
  return found;
};

const wipe = {
  "@odata.type": "#microsoft.graph.windows10GeneralConfiguration",
  cameraBlocked: true,
};
const block = { operator: "OR", builtInControls: ["block"] };
const policy = {
  displayName: "CA100",
  state: "disabled",
  conditions: { users: { includeUsers: ["All"] }, applications: { includeApplications: ["All"] } },
  grantControls: block,
};

describe("a write", () => {
  beforeAll(fresh);

  it("makes an item with an id, dates and what was not said", async () => {
    const { status, body } = await tenant.graph<Item>("POST", `${access}/policies`, policy);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      displayName: "CA100",
      modifiedDateTime: null,
      templateId: null,
      conditions: { clientAppTypes: ["all"], users: { excludeGroups: [] }, locations: null },
      grantControls: { authenticationStrength: null, customAuthenticationFactors: [] },
    });
    const again = await tenant.graph<Item>("GET", `${access}/policies/${body.id}`);
    expect(again.body["conditions"]).toEqual(body["conditions"]);
  });

  it("replaces members at the top whole, and moves the date and the version", async () => {
    const before = await named("deviceConfiguration", "Windows: restrictions");
    const path = `${devices}/deviceConfigurations/${before.id}`;
    const change = { ...wipe, roleScopeTagIds: ["0", "1"] };
    const { status, body } = await tenant.graph<Item>("PATCH", path, change);
    expect(status).toBe(200);
    expect(body).toMatchObject({ version: 2, cortanaBlocked: true, roleScopeTagIds: ["0", "1"] });
    expect(body["lastModifiedDateTime"]).not.toBe(before["lastModifiedDateTime"]);
  });

  it("of assignments takes the list's place and moves no date", async () => {
    const before = await named("deviceCompliancePolicy", "Windows: baseline");
    const target = { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" };
    const path = `${devices}/deviceCompliancePolicies/${before.id}`;
    await tenant.graph("POST", `${path}/assign`, { assignments: [{ target }] });
    const after = await tenant.graph<Item>("GET", `${path}?$expand=assignments`);
    expect(after.body["assignments"]).toMatchObject([{ target }]);
    expect(after.body["lastModifiedDateTime"]).toBe(before["lastModifiedDateTime"]);
    expect((await tenant.graph("POST", `${path}/assign`, { assignments: [{}] })).status).toBe(400);
    const misnamed = { deviceManagementScriptAssignments: [{ target }] };
    expect((await tenant.graph("POST", `${path}/assign`, misnamed)).status).toBe(400);
  });

  it("of a whole policy of the settings catalogue is a PUT", async () => {
    const before = await named("configurationPolicy", "Windows: browser");
    const path = `${devices}/configurationPolicies('${before.id}')`;
    const [setting] = before["settings"] as Item[];
    const { name, platforms, technologies, templateReference } = before;
    const body = { name, platforms, technologies, templateReference, settings: [setting] };
    expect((await tenant.graph("PATCH", path, { settings: [] })).status).toBe(400);
    expect((await tenant.graph("PUT", path, body)).status).toBe(204);
    const after = await tenant.graph<Item>("GET", path);
    expect(after.body).toMatchObject({ settingCount: 1, isAssigned: true });
  });

  it("of the rules of a compliance policy and of a strength's combinations has its own address", async () => {
    const rules = [
      { scheduledActionConfigurations: [{ actionType: "block", gracePeriodHours: 0 }] },
    ];
    const { id } = await named("deviceCompliancePolicy", "Windows: pilot");
    const path = `${devices}/deviceCompliancePolicies/${id}`;
    const sent = { deviceComplianceScheduledActionForRules: rules };
    expect((await tenant.graph("POST", `${path}/scheduleActionsForRules`, sent)).status).toBe(204);
    expect(
      (await named("deviceCompliancePolicy", "Windows: pilot"))["scheduledActionsForRule"],
    ).toMatchObject(rules);
    const strength = await named("authenticationStrength", "Phishing-resistant for administrators");
    const at = `/v1.0/policies/authenticationStrengthPolicies/${strength.id}`;
    const combinations = { allowedCombinations: ["fido2"] };
    expect((await tenant.graph("PATCH", at, combinations)).status).toBe(400);
    const answer = await tenant.graph("POST", `${at}/updateAllowedCombinations`, combinations);
    expect(answer.body).toMatchObject({ currentCombinations: ["fido2"] });
  });

  it("of one authentication method needs its type", async () => {
    const path =
      "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/Fido2";
    expect((await tenant.graph("PATCH", path, { state: "disabled" })).status).toBe(400);
    const type = "#microsoft.graph.fido2AuthenticationMethodConfiguration";
    const body = { "@odata.type": type, state: "disabled" };
    expect((await tenant.graph("PATCH", path, body)).status).toBe(204);
    expect((await tenant.graph("GET", path)).body).toMatchObject({
      id: "Fido2",
      state: "disabled",
    });
  });

  it("stands in the ledger with its body, and doubled ones are counted", async () => {
    await sandbox.control("DELETE", "/ledger");
    const filter = { displayName: "Twice", platform: "macOS", rule: "(device.model -eq 'x')" };
    for (const _ of [1, 2]) await tenant.graph("POST", `${devices}/assignmentFilters`, filter);
    await tenant.graph("POST", `${devices}/assignmentFilters`, {});
    const { body } = await sandbox.control("GET", `/configuration-writes?tenantId=${tenant.id}`);
    expect(body).toMatchObject({ total: 2, distinct: 1, doubled: 1 });
    expect((body["value"] as Item[])[0]).toMatchObject({
      method: "POST",
      path: "/beta/deviceManagement/assignmentFilters",
      type: "assignmentFilter",
      body: filter,
    });
  });
});

describe("what is deleted", () => {
  beforeAll(fresh);

  it("of conditional access can be brought back", async () => {
    const { id } = await named("conditionalAccessPolicy", "CA003: Block what is not modern");
    expect((await tenant.graph("DELETE", `${access}/policies/${id}`)).status).toBe(204);
    expect((await tenant.graph("GET", `${access}/policies/${id}`)).status).toBe(404);
    const deleted = await tenant.graph<Kept>("GET", `${access}/deletedItems/policies`);
    expect(deleted.body.value.map((one) => one.id)).toEqual([id]);
    const restore = `${access}/deletedItems/policies/${id}/restore`;
    expect((await tenant.graph("POST", restore)).status).toBe(200);
    expect((await tenant.graph("GET", `${access}/policies/${id}`)).status).toBe(200);
  });

  it.for([
    ["namedLocation", "Head office", `${access}/namedLocations`, 400],
    ["namedLocation", "Countries we work in", `${access}/namedLocations`, 400],
    [
      "authenticationStrength",
      "Passwordless MFA",
      "/v1.0/policies/authenticationStrengthPolicies",
      403,
    ],
    [
      "authenticationContext",
      "Privileged roles",
      `${access}/authenticationContextClassReferences`,
      400,
    ],
    ["roleScopeTag", "Default", `${devices}/roleScopeTags`, 403],
  ] as const)("is not %s %s", async ([type, name, path, status]) => {
    const { id } = await named(type, name);
    expect((await tenant.graph("DELETE", `${path}/${id}`)).status).toBe(status);
  });

  it("is a context that is no longer available", async () => {
    const path = `${access}/authenticationContextClassReferences/c2`;
    expect((await tenant.graph("PATCH", path, { isAvailable: false })).status).toBe(204);
    expect((await tenant.graph("DELETE", path)).status).toBe(204);
  });
});

describe("a body that is wrong is refused", () => {
  beforeAll(fresh);
  const nobody = "9f2f4ad6-0000-4000-8000-000000000000";
  const ca = (users: object): object => ({ ...policy, conditions: { users } });

  it.for([
    ["without a type", `${devices}/deviceConfigurations`, { displayName: "x" }],
    ["without a name", `${devices}/deviceConfigurations`, wipe],
    ["with a group that is not there", `${access}/policies`, ca({ includeGroups: [nobody] })],
    ["with a role that is not there", `${access}/policies`, ca({ includeRoles: [nobody] })],
    ["with a state that there is not", `${access}/policies`, { ...policy, state: "on" }],
    ["without any control", `${access}/policies`, { ...policy, grantControls: null }],
    [
      "with an id past c99",
      `${access}/authenticationContextClassReferences`,
      { id: "c100", displayName: "x" },
    ],
    [
      "without scheduled actions",
      `${devices}/deviceCompliancePolicies`,
      { "@odata.type": "#microsoft.graph.windows10CompliancePolicy", displayName: "x" },
    ],
    ["as a list", `${devices}/assignmentFilters`, []],
  ] as const)("%s", async ([, path, body]) => {
    expect((await tenant.graph("POST", path, body)).status).toBe(400);
  });

  it("where it changes what is fixed", async () => {
    const { id } = await named("assignmentFilter", "Kiosks");
    const path = `${devices}/assignmentFilters/${id}`;
    expect((await tenant.graph("PATCH", path, { platform: "macOS" })).status).toBe(400);
    expect((await tenant.graph("PATCH", path, { rule: "x" })).status).toBe(200);
  });

  it("where security defaults meet policies that are enabled", async () => {
    const path = "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy";
    expect((await tenant.graph("PATCH", path, { isEnabled: true })).status).toBe(400);
    expect((await tenant.graph("PATCH", path, { isEnabled: false })).status).toBe(204);
  });
});

it("a seed of every type that may be made can be sent back as it was read", async () => {
  await fresh();
  const made: Record<string, number> = {};
  for (const [type, path] of [
    ["group", "/v1.0/groups"],
    ["namedLocation", `${access}/namedLocations`],
    ["conditionalAccessPolicy", `${access}/policies`],
    ["roleScopeTag", `${devices}/roleScopeTags`],
    ["assignmentFilter", `${devices}/assignmentFilters`],
    ["deviceCompliancePolicy", `${devices}/deviceCompliancePolicies`],
    ["configurationPolicy", `${devices}/configurationPolicies`],
  ] as const) {
    const [first] = await kept(type);
    const { id: _, ...body } = { ...first, displayName: "Again", name: "Again" } as Item;
    made[type] = (await tenant.graph("POST", path, body)).status;
  }
  expect(Object.values(made)).toEqual([201, 201, 201, 201, 201, 201, 201]);
});
