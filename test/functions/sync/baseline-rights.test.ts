/** Who may do what with baselines: what a caller cannot reach looks like what is not there, tenant by tenant. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { home } from "../../shared/access/entra.ts";
import { adminToken, type Door, openDoor } from "../access/door.ts";

let azurite: Azurite;
let door: Door;
let tenants: readonly [string, string, string];
let baselineId: string;
/** Sees baselines, runs the first tenant, and sees the second. */
let ana: { readonly token: string; readonly oid: string };
/** Runs the first tenant, and sees no baseline. */
let bo: { readonly token: string };
const ghost = randomUUID();
const only = (...tenantIds: string[]): Scope => ({ kind: "tenants", tenantIds });
const items = [{ type: "roleScopeTag", key: "Branch", body: { displayName: "Branch" } }];

beforeAll(async () => {
  // Of its own: roles and baselines are of the whole installation.
  azurite = await startAzurite({});
  door = await openDoor({ connectionString: azurite.connectionString });
  tenants = [await door.tenant(), await door.tenant(), await door.tenant()];
  const made = async (name: string, body: unknown, id: string): Promise<string> => {
    const answer = await door.call(name, { token: adminToken, body });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return String(answer.body[id]);
  };
  baselineId = await made("baselines-add", { name: "Tags", message: "tags", items }, "baselineId");
  const role = { name: "Sees baselines", permissions: ["baselines.read"] };
  const roleId = await made("roles-add", role, "roleId");
  ana = await door.holder("infrastructureAdministrator", only(tenants[0]));
  bo = await door.holder("infrastructureAdministrator", only(tenants[0]));
  const principal = { kind: "user", homeTenantId: home, id: ana.oid };
  const give = (given: string, scope: Scope) =>
    made("assignments-add", { principal, roleId: given, scope }, "assignmentId");
  await give(roleId, { kind: "everything" });
  await give("readOnlyAnalyst", only(tenants[1]));
  for (const tenantId of tenants)
    await ask("baseline-tailorings-replace", adminToken, { tenantId }, {});
});
afterAll(async () => {
  await door.stop();
  await azurite.stop();
});

const ask = (name: string, token: string, params: object = {}, body?: unknown) =>
  door.call(name, {
    token,
    params: { baselineId, ...params },
    ...(body === undefined ? {} : { body }),
  });
const without = (text: unknown, id: string): string => JSON.stringify(text).replaceAll(id, "it");
const toldOf = (answer: { readonly body: Record<string, unknown> }, tenantId: string) => {
  const { instance: _, requestId: __, ...body } = answer.body;
  return without(body, tenantId);
};

const put = (tenantId: string, token: string) =>
  ask("baseline-tailorings-replace", token, { tenantId }, {});

test("a publication goes to the tenants that the caller may change and synchronise, and no further", async () => {
  const tenantIds = [...tenants, ghost];
  const answer = await ask("baselines-publish", ana.token, {}, { tenantIds });
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  const [first, ...others] = answer.body["value"] as { tenantId: string }[];
  expect(first).toMatchObject({ tenantId: tenants[0], state: "queued" });
  expect(others).toMatchObject(tenantIds.slice(1).map(() => ({ code: "unknown-tenant" })));
  // One that is seen, one that is not, and one that is not there read alike.
  expect(new Set(others.map((each) => without(each, each.tenantId))).size).toBe(1);
  const rows = await door.services.publishing.rows.publications(baselineId);
  expect(rows.map(({ tenantId }) => tenantId)).toEqual([tenants[0]]);
});

test("a publication to all goes to those within reach, and says nothing of the others", async () => {
  const answer = await ask("baselines-publish", ana.token, {}, {});
  expect(answer.body["value"]).toMatchObject([{ tenantId: tenants[0], state: "queued" }]);
  expect(JSON.stringify(answer.body)).not.toContain(tenants[1]);
  const all = await ask("baselines-publish", adminToken, {}, {});
  expect(all.body["value"]).toHaveLength(3);
});

test("a baseline shows those of its tenants that the caller sees", async () => {
  const { body } = await ask("baselines-get", ana.token);
  const seen = (body["tenants"] as { tenantId: string }[]).map(({ tenantId }) => tenantId);
  expect(seen).toEqual([tenants[0], tenants[1]].toSorted());
  expect(body["counts"]).toMatchObject({ tenants: 2 });
});

test("nothing is copied from a tenant that the caller does not see, and it looks like none", async () => {
  const cara = await door.holder("infrastructureAdministrator", only(tenants[0]));
  const role = { name: "Makes baselines", permissions: ["baselines.read", "baselines.manage"] };
  const { body } = await door.call("roles-add", { token: adminToken, body: role });
  const principal = { kind: "user", homeTenantId: home, id: cara.oid };
  const scope = { kind: "everything" };
  const assignment = { principal, roleId: body["roleId"], scope };
  await door.call("assignments-add", { token: adminToken, body: assignment });
  const copy = (tenantId: string) =>
    door.call("baselines-add", {
      token: cara.token,
      body: { name: "Copy", message: "copy", from: { tenantId } },
    });
  const [theirs, nobodys] = [await copy(tenants[2]), await copy(ghost)];
  expect(theirs).toMatchObject({ status: 404, body: { code: "unknown-tenant" } });
  expect(toldOf(theirs, tenants[2])).toEqual(toldOf(nobodys, ghost));
});

test("a tailoring is changed by who may change what is wanted of the tenant, and others learn nothing", async () => {
  expect((await put(tenants[0], ana.token)).status).toBe(200);
  const [seen, unseen, nobodys] = await Promise.all(
    [tenants[1], tenants[2], ghost].map((tenantId) => put(tenantId, ana.token)),
  );
  expect(seen?.status).toBe(403);
  for (const answer of [seen, unseen])
    expect(answer?.body).toMatchObject({ code: "forbidden", detail: nobodys?.body["detail"] });
});

test("whoever sees no baselines is told of none, though the tenant is theirs", async () => {
  expect((await ask("baselines-list", bo.token)).status).toBe(403);
  expect((await ask("baselines-publish", bo.token, {}, {})).status).toBe(403);
  const tenantId = tenants[0];
  for (const name of ["baseline-tailorings-get", "baseline-tailorings-preview"]) {
    const real = await ask(name, bo.token, { tenantId });
    const none = await ask(name, bo.token, { tenantId, baselineId: "0".repeat(22) });
    expect(real).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(toldOf(real, baselineId)).toEqual(toldOf(none, "0".repeat(22)));
  }
});
