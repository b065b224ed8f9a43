/** Permissions of Graph: which there are, what each is called by its id, and which the app was granted here. */
import { seedOf } from "../../fleet/chance.ts";
import { guidFamily } from "../../fleet/guids.ts";
import type { Tenant } from "../../fleet/tenants.ts";
import { apiClientId, signInClientId } from "../../sign-in/entra/apps.ts";
import { graphScopes } from "../../sign-in/entra/resources.ts";
import { approvalRequests } from "../approvals.ts";
import { readCondition } from "../conditions.ts";
import { badRequest } from "../errors.ts";
import { type GraphAnswer, type GraphCall, ok } from "../exchange.ts";
import { entityBody, listBody } from "../query-options.ts";
import { itemMissing } from "./reads.ts";
import { type Body, configurationSorts } from "./types.ts";

const graphAppId = "00000003-0000-0000-c000-000000000000";

/** What the app's registration asks for: with `.default`, an administrator consents to all of it. */
export const manifestRoles: readonly string[] = sorted([
  ...configurationSorts.flatMap(({ read, write = [], people }) => [
    ...(people === "all" ? [] : read.flatMap(([first = ""]) => first)),
    ...(people === "none" ? write.flatMap(([first = ""]) => first) : []),
  ]),
  "Application.Read.All",
  "AuditLog.Read.All",
  "DeviceManagementManagedDevices.PrivilegedOperations.All",
  "DeviceManagementManagedDevices.Read.All",
  "DeviceManagementRBAC.Read.All",
  "DeviceManagementServiceConfig.ReadWrite.All",
  "Directory.Read.All",
  "Device.ReadWrite.All",
  "GroupMember.Read.All",
  "GroupMember.ReadWrite.All",
  "Policy.Read.AuthenticationMethod",
  "RoleManagement.Read.Directory",
]);

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted();
}

/** A permission's id is the same in every tenant. */
const permissionId = (kind: "role" | "scope", name: string): string =>
  guidFamily(seedOf(`${kind} ${name}`)).at(0);

/** The object id of what stands for an app in a tenant; Muster's own is what its tokens say. */
function principalId(tenant: Tenant, appId: string): string {
  return appId === apiClientId
    ? guidFamily(tenant.fleet.seed).at(0)
    : guidFamily(seedOf(`${tenant.id}/app ${appId}`)).at(0);
}

function principals(tenant: Tenant): readonly Body[] {
  const graph = sorted([...manifestRoles, ...tenant.roles]);
  const app = (appId: string, displayName: string) => ({
    accountEnabled: true,
    servicePrincipalType: "Application",
    id: principalId(tenant, appId),
    appId,
    displayName,
    appRoles: [],
    oauth2PermissionScopes: [],
  });
  return [
    app(apiClientId, "Muster"),
    app(signInClientId, "Muster sign-in"),
    {
      ...app(graphAppId, "Microsoft Graph"),
      appRoles: graph.map((value) => ({
        id: permissionId("role", value),
        value,
        displayName: value,
        description: value,
        allowedMemberTypes: ["Application"],
        isEnabled: true,
      })),
      oauth2PermissionScopes: sorted([...graphScopes, ...tenant.scopes]).map((value) => ({
        id: permissionId("scope", value),
        value,
        type: "Admin",
        isEnabled: true,
      })),
    },
    app("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    app("00000003-0000-0ff1-ce00-000000000000", "Office 365 SharePoint Online"),
  ];
}

/** `GET /servicePrincipals`, one by its id or `(appId='…')`, and what it was granted. */
export function answerPrincipals(
  call: GraphCall,
  [id, part]: readonly (string | undefined)[],
): GraphAnswer {
  const { tenant } = call;
  const all = principals(tenant);
  if (id === undefined) return listed(call, "servicePrincipals", all);
  const appId = /^appId=(.*)$/i.exec(id)?.[1];
  const found = all.find((one) =>
    appId === undefined ? one["id"] === id : one["appId"] === appId,
  );
  if (found === undefined) return itemMissing(call, id);
  if (part === undefined)
    return ok(entityBody(call, "servicePrincipals", JSON.stringify(chosen(call, found))));
  const isOurs = found["appId"] === apiClientId;
  const resourceId = principalId(tenant, graphAppId);
  const grants = tenant.roles.map((role) => ({
    id: permissionId("role", `${tenant.id} ${role}`),
    deletedDateTime: null,
    appRoleId: permissionId("role", role),
    createdDateTime: new Date(tenant.fleet.createdAt).toISOString(),
    principalDisplayName: "Muster",
    principalId: found["id"],
    principalType: "ServicePrincipal",
    resourceDisplayName: "Microsoft Graph",
    resourceId,
  }));
  return listed(
    call,
    `servicePrincipals('${String(found["id"])}')/appRoleAssignments`,
    isOurs ? grants : [],
  );
}

/** `GET /oauth2PermissionGrants`: what administrators have let the app that people sign in with do in everybody's name. */
export function answerGrants(call: GraphCall): GraphAnswer {
  const { tenant } = call;
  const grant = {
    id: permissionId("scope", `${tenant.id} grant`),
    clientId: principalId(tenant, signInClientId),
    consentType: "AllPrincipals",
    principalId: null,
    resourceId: principalId(tenant, graphAppId),
    scope: tenant.scopes.join(" "),
  };
  return listed(call, "oauth2PermissionGrants", tenant.scopes.length === 0 ? [] : [grant]);
}

/** `GET /deviceManagement/operationApprovalRequests` and one of them. */
export function answerApprovals(
  call: GraphCall,
  [id]: readonly (string | undefined)[],
): GraphAnswer {
  const context = "deviceManagement/operationApprovalRequests";
  const requests = approvalRequests(call) as readonly Body[];
  if (id === undefined) return listed(call, context, requests);
  const found = requests.find((one) => one["id"] === id);
  return found === undefined
    ? itemMissing(call, id)
    : ok(entityBody(call, context, JSON.stringify(found)));
}

function listed(call: GraphCall, context: string, bodies: readonly Body[]): GraphAnswer {
  const condition = readCondition(call.query.get("$filter") ?? undefined);
  if ("wrong" in condition) return badRequest(call, condition.wrong);
  const entities = bodies.filter(condition.test).map((body) => JSON.stringify(chosen(call, body)));
  return ok(listBody(call, { context, entities }));
}

function chosen({ query }: GraphCall, body: Body): Body {
  const select = query.get("$select")?.split(",");
  if (select === undefined) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => select.includes(name)));
}
