/**
 * Every item of configuration that a tenant starts with, judged by Microsoft's own description of its type. Skipped,
 * visibly, where no copy of the description lies beside the checkout.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configurationJudge, graphDescriptionPresent } from "../../../contracts/graph-schemas.ts";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";

const access = "/v1.0/identity/conditionalAccess";
const devices = "/beta/deviceManagement";
const scope = "$filter=scopeId eq '/' and scopeType eq 'DirectoryRole'";

const types = [
  ["group", "/v1.0/groups"],
  ["namedLocation", `${access}/namedLocations`],
  ["authenticationStrengthPolicy", "/v1.0/policies/authenticationStrengthPolicies"],
  ["authenticationContextClassReference", `${access}/authenticationContextClassReferences`],
  ["conditionalAccessPolicy", `${access}/policies`],
  [
    "identitySecurityDefaultsEnforcementPolicy",
    "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy",
  ],
  ["authorizationPolicy", "/v1.0/policies/authorizationPolicy"],
  ["authenticationMethodsPolicy", "/v1.0/policies/authenticationMethodsPolicy"],
  [
    "unifiedRoleManagementPolicyAssignment",
    `/v1.0/policies/roleManagementPolicyAssignments?${scope}&$expand=policy($expand=rules)`,
  ],
  ["roleScopeTag", `${devices}/roleScopeTags?$expand=assignments`],
  ["deviceAndAppManagementAssignmentFilter", `${devices}/assignmentFilters`],
  ["deviceCompliancePolicy", `${devices}/deviceCompliancePolicies?$expand=assignments`],
  ["deviceConfiguration", `${devices}/deviceConfigurations?$expand=assignments`],
  ["deviceManagementConfigurationPolicy", `${devices}/configurationPolicies?$expand=assignments`],
  ["user", "/v1.0/users"],
  ["servicePrincipal", "/v1.0/servicePrincipals"],
  ["oAuth2PermissionGrant", "/v1.0/oauth2PermissionGrants"],
  ["unifiedRoleAssignment", "/v1.0/roleManagement/directory/roleAssignments"],
  ["directoryRoleTemplate", "/v1.0/directoryRoleTemplates"],
  ["organization", "/v1.0/organization"],
] as const;

describe.skipIf(!graphDescriptionPresent)("configuration, judged by its description", () => {
  let sandbox: TestSandbox;
  let tenant: TestTenant;
  beforeAll(async () => {
    sandbox = await startTestSandbox();
    tenant = await sandbox.tenant();
    await tenant.behave({ accessPaceMs: 0 });
  });
  afterAll(() => sandbox.stop());

  it.for(types)("%s", async ([type, path]) => {
    const { status, body } = await tenant.graph("GET", path);
    expect(status).toBe(200);
    const judge = configurationJudge(path.startsWith("/beta") ? "beta" : "v1.0");
    const schema = judge.description.components.schemas[`microsoft.graph.${type}`];
    if (schema === undefined) throw new Error(`${type} is not described`);
    const items = Array.isArray(body["value"]) ? (body["value"] as unknown[]) : [body];
    expect(items.length).toBeGreaterThan(0);
    // Methods that are used together travel as one text with a comma, which the description's list does not know.
    const problems = items.flatMap((item) => judge.problems(schema, item));
    expect(problems.filter((one) => !one.startsWith("/allowedCombinations/"))).toEqual([]);
  });
});
