/** People of customers' directories: their tokens for Graph, and what becomes of these in trouble. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { tokenFailures } from "../../../../local/sandbox/behaviour.ts";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";
import { askForCode, claimsOf, poll, post, trust, typeCode } from "./person.ts";

let sandbox: TestSandbox;
let tenant: TestTenant;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  trust(sandbox);
  tenant = await sandbox.tenant();
  const grantScopes = ["RoleManagementPolicy.Read.Directory"];
  await sandbox.control("POST", `/tenants/${tenant.id}/consent`, { grantScopes });
});
afterAll(() => sandbox.stop());

const graph = "https://graph.microsoft.com";
const readsRules = `${graph}/RoleManagementPolicy.Read.Directory`;
const newCode = () => {
  const form = {
    client_id: sandbox.home.signInClientId,
    scope: `${readsRules} openid profile offline_access`,
  };
  return post(sandbox, "devicecode", form, tenant.id);
};
const tokens = (form: Readonly<Record<string, string>>) =>
  post(sandbox, "token", { client_id: sandbox.home.signInClientId, ...form }, tenant.id);

/** Signs in as one of the customer's people; what the token's address answered. */
async function signIn(user: string) {
  const { body } = await newCode();
  await typeCode(sandbox, { user_code: String(body["user_code"]), user });
  return tokens({ grant_type: "device_code", device_code: String(body["device_code"]) });
}

it("a customer's person gets a token for Graph, with what may be done and the roles they have", async () => {
  const { body } = await signIn("operator@contoso.example");
  expect(claimsOf(body["access_token"])).toMatchObject({
    aud: graph,
    tid: tenant.id,
    scp: "RoleManagementPolicy.Read.Directory",
    appid: sandbox.home.signInClientId,
    idtyp: "user",
    preferred_username: "operator@contoso.example",
  });
  expect(claimsOf(body["access_token"])["wids"]).toContain("e8611ab8-c189-46e8-94e1-60213ab1f814");
  const member = await signIn("member@contoso.example");
  expect(claimsOf(member.body["access_token"])["wids"]).toEqual([
    "b79fbf4d-3ef9-4689-8143-76b194e85509",
  ]);
});

it("the page names a customer's people only where a code of theirs is out", async () => {
  const quiet = await sandbox.tenant({ displayName: "Quiet" });
  const grantScopes = ["RoleManagementPolicy.Read.Directory"];
  await sandbox.control("POST", `/tenants/${quiet.id}/consent`, { grantScopes });
  const page = async (): Promise<string> => (await fetch(sandbox.home.devicePage)).text();
  expect(await page()).not.toContain("quiet.example");
  const form = { client_id: sandbox.home.signInClientId, scope: readsRules };
  await post(sandbox, "devicecode", form, quiet.id);
  expect(await page()).toContain("operator@quiet.example");
});

it("a code of one customer takes nobody from another directory", async () => {
  const { body } = await newCode();
  const user = "full@muster.example";
  expect(await typeCode(sandbox, { user_code: String(body["user_code"]), user })).toMatchObject({
    status: 400,
  });
  const home = await askForCode(sandbox);
  await typeCode(sandbox, {
    user_code: String(home.body["user_code"]),
    user: "member@contoso.example",
  });
  expect((await poll(sandbox, home.body["device_code"])).body["error"]).toBe(
    "authorization_pending",
  );
});

it.each(tokenFailures)(
  "%s is what people's tokens come to, as long as it is set",
  async (trouble) => {
    const { body } = await signIn("operator@contoso.example");
    const refresh = {
      grant_type: "refresh_token",
      refresh_token: String(body["refresh_token"]),
      scope: readsRules,
    };
    await tenant.behave({ signIn: trouble });
    const troubled = await tokens(refresh).catch(() => undefined);
    expect(troubled?.body["access_token"]).toBeUndefined();
    expect(troubled === undefined).toBe(trouble === "cut");
    expect((await sandbox.token(tenant.id)).status, "the app's own token").toBe(200);
    await tenant.behave({ signIn: null });
    expect((await tokens(refresh)).status).toBe(200);
  },
);
