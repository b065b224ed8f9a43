/** People and programs of the sandbox at a running Muster: who has which role, and for how long. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededUsers } from "../../local/sandbox/sign-in/entra/users.ts";
import { builtInRoles } from "../../shared/access/roles/roles.ts";
import {
  automationToken,
  claimsOf,
  post,
  type SignInPlace,
  tokenOf,
  trust,
} from "../local/sandbox/sign-in/person.ts";
import { type Launch, launchMuster, makeHome, readReady } from "../support/start-muster.ts";

type Me = {
  readonly kind: string;
  readonly objectId: string;
  readonly assignments: readonly {
    readonly assignment: { readonly assignmentId: string; readonly roleId: string };
  }[];
};

let home = "";
let muster: Launch;
beforeAll(async () => {
  home = makeHome();
  muster = launchMuster(home);
  await muster.ready;
  trust(place());
});
afterAll(async () => {
  muster.signal("SIGKILL");
  await muster.exit;
  rmSync(home, { recursive: true, force: true });
});

/** The sandbox of this Muster, as `ready.json` tells of it. */
function place(): SignInPlace {
  const { authorityUrl, caFile, tenantId, clientId, devicePage, automation, relay, scope } =
    readReady(home).signIn;
  const [, identifier = "", permission = ""] = /^(.*)\/([^/]*)$/.exec(scope) ?? [];
  const audience = identifier.slice("api://".length);
  const api = { identifier, audience, scope: permission, appRole: permission };
  const users = seededUsers;
  return {
    authorityUrl,
    caFile,
    home: { tenantId, signInClientId: clientId, devicePage, automation, relay, api, users },
  };
}

async function call(
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`${readReady(home).url}/api/v1/${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      // Muster is restarted meanwhile, perhaps at the same address.
      connection: "close",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? {} : (JSON.parse(text) as unknown) };
}

async function me(token: string): Promise<Me> {
  const { status, body } = await call(token, "GET", "me");
  expect(status).toBe(200);
  return body as Me;
}

const rolesOf = ({ assignments }: Me): string[] =>
  assignments.map(({ assignment }) => assignment.roleId);

async function rolesOfUser(userName: string): Promise<string[]> {
  const person = await me(await tokenOf(place(), userName));
  expect(person.objectId).toBe(seededUsers.find((user) => user.userName === userName)?.id);
  return rolesOf(person);
}

describe("the sandbox's users", () => {
  it("hold one built-in role each, and every built-in role is held by one of them", async () => {
    const held: string[] = [];
    for (const { userName } of seededUsers) held.push(...(await rolesOfUser(userName)));
    // A relay is no person.
    const forPeople = builtInRoles.map(({ roleId }) => roleId).filter((id) => id !== "relay");
    expect(held.toSorted()).toEqual(forPeople.toSorted());
  });

  it("the administrator is one by the setting, so that no assignment is stored for them", async () => {
    const { assignments } = await me(await tokenOf(place(), "full@muster.example"));
    expect(assignments.map(({ assignment }) => assignment.assignmentId)).toEqual(["setting-user"]);
  });

  it("may do what their role says and nothing else", async () => {
    const analyst = await tokenOf(place(), "analyst@muster.example");
    expect((await call(analyst, "GET", "tenants")).status).toBe(200);
    const tenant = { tenantId: "0f0f0f0f-1111-4222-8333-555555555555", displayName: "Mine" };
    const refused = await call(analyst, "POST", "tenants", tenant);
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  it("a newcomer may do nothing, until the group they are in is given a role", async () => {
    const [newcomer] = seededUsers.filter(({ groups }) => groups.length > 0);
    const token = await tokenOf(place(), newcomer?.userName ?? "");
    expect((await call(token, "GET", "tenants")).status).toBe(403);
    const given = await call(readReady(home).adminToken, "POST", "access/assignments", {
      principal: { kind: "group", homeTenantId: place().home.tenantId, id: newcomer?.groups[0] },
      roleId: "readOnlyAnalyst",
      scope: { kind: "everything" },
    });
    expect(given.status).toBe(201);
    await expect.poll(async () => (await call(token, "GET", "tenants")).status).toBe(200);
  });
});

/** A token that an app gets in its own name. */
async function ownToken(
  app: { readonly clientId: string; readonly clientSecret: string },
  scope: string,
  tenantId = place().home.tenantId,
): Promise<string> {
  const { clientId: client_id, clientSecret: client_secret } = app;
  const form = { client_id, client_secret, grant_type: "client_credentials", scope };
  return String((await post(place(), "token", form, tenantId)).body["access_token"]);
}

/** The app that reads devices: it is known in every tenant, and has no role at the API. */
const graphApp = () => ({
  clientId: "11111111-1111-4111-8111-111111111111",
  clientSecret: readFileSync(join(home, "sandbox", "client-secret.txt"), "utf8"),
});
const ownScope = () => readReady(home).signIn.automation.scope;

describe("programs", () => {
  it("the sandbox's own is let in with its role", async () => {
    const program = await me(await automationToken(place()));
    expect(program.kind).toBe("app");
    expect(rolesOf(program)).toEqual(["operationsAdministrator"]);
  });

  it("a relay is let in as nothing but a relay", async () => {
    const { relay } = readReady(home).signIn;
    const token = await ownToken(relay, relay.scope);
    expect(rolesOf(await me(token))).toEqual(["relay"]);
    expect((await call(token, "GET", "tenants")).status).toBe(403);
  });

  it("one without an app role is refused, although its token is genuine", async () => {
    const token = await ownToken(graphApp(), ownScope());
    expect((await call(token, "GET", "me")).status).toBe(403);
  });

  it("a token for Graph, or from another tenant, is none for Muster", async () => {
    const { automation } = place().home;
    const forGraph = await ownToken(automation, "https://graph.microsoft.com/.default");
    expect((await call(forGraph, "GET", "me")).status).toBe(401);
    const tenantId = "0f0f0f0f-1111-4222-8333-666666666666";
    await fetch(`${readReady(home).sandboxUrl}/_sandbox/tenants`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tenantId, displayName: "Fabrikam" }),
    });
    const fromElsewhere = await ownToken(graphApp(), ownScope(), tenantId);
    expect(claimsOf(fromElsewhere)["tid"]).toBe(tenantId);
    expect((await call(fromElsewhere, "GET", "me")).status).toBe(401);
  });
});

describe("after a restart", () => {
  it("a role that was taken away stays away, and tokens of before are good", async () => {
    const { adminToken } = readReady(home);
    const partner = await tokenOf(place(), "partner@muster.example");
    const security = await tokenOf(place(), "security@muster.example");
    const id = (await me(partner)).assignments[0]?.assignment.assignmentId;
    expect((await call(adminToken, "DELETE", `access/assignments/${id}`)).status).toBe(204);
    muster.signal("SIGTERM");
    expect(await muster.exit).toBe(0);
    muster = launchMuster(home);
    await muster.ready;
    expect(rolesOf(await me(partner))).toEqual([]);
    expect(await rolesOfUser("partner@muster.example")).toEqual([]);
    expect(rolesOf(await me(security))).toEqual(["securityAdministrator"]);
    expect(await rolesOfUser("operations@muster.example")).toEqual(["operationsAdministrator"]);
  }, 60_000);
});
