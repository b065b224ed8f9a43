/** Roles given to groups, over HTTP: by what the token says of its caller's groups, also where there are too many. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { delegated, home, sign } from "../../shared/access/entra.ts";
import { type Answered, adminToken, type Door, openDoor, timesNow } from "./door.ts";

let door: Door;
let tenantId = "";
let group = "";
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.tenant();
  group = await groupWith({ kind: "tenants", tenantIds: [tenantId] });
});
afterAll(() => door.stop());

/** A group whose members see the devices of a scope. */
async function groupWith(scope: Scope, homeTenantId = home): Promise<string> {
  const id = randomUUID();
  const principal = { kind: "group", homeTenantId, id };
  const body = { principal, roleId: "readOnlyAnalyst", scope };
  await door.call("assignments-add", { token: adminToken, body });
  return id;
}

/** Somebody new, as a token describes them. */
const member = (more: object): Promise<string> =>
  sign(
    { ...delegated(door.directory.issuer), ...timesNow(), oid: randomUUID(), ...more },
    door.key,
    "one",
  );
const collections = (token: string, tenant = tenantId): Promise<Answered> =>
  door.call("collections-list", { token, params: { tenantId: tenant } });
const explain = (token: string) =>
  door.call("access-explain", { token, query: `?operation=collections-list&tenantId=${tenantId}` });

const overage = { _claim_names: { groups: "src1" }, _claim_sources: { src1: {} } };

describe("a role of a group", () => {
  test("is its members', as the token names them, within its scope", async () => {
    for (const groups of [[group], [randomUUID(), group.toUpperCase()]]) {
      const token = await member({ groups });
      expect((await collections(token)).status).toBe(200);
      expect((await collections(token, await door.tenant())).status).toBe(403);
    }
    const { body } = await explain(await member({ groups: [group] }));
    expect(body).toMatchObject({
      allowed: true,
      groupsComplete: true,
      asked: [{ findings: [{ assignment: { principal: { kind: "group", id: group } } }] }],
    });
  });

  test("is nobody's who is not in it, or in one of that id elsewhere", async () => {
    const elsewhere = await groupWith({ kind: "everything" }, randomUUID());
    for (const groups of [[], [randomUUID()], [elsewhere]])
      expect((await collections(await member({ groups }))).status).toBe(403);
    expect((await collections(await member({ oid: group }))).status).toBe(403);
  });
});

describe.each([
  ["_claim_names", overage],
  ["hasgroups", { hasgroups: true }],
])("somebody in more groups than a token names (%s)", (_name, claims) => {
  test("has none of their roles, and is told so, in the log and the trail too", async () => {
    const token = await member(claims);
    const answer = await collections(token);
    expect(answer).toMatchObject({
      status: 403,
      body: {
        code: "forbidden",
        detail: expect.stringContaining("more groups than a token names"),
      },
    });
    expect(door.events.at(-1)).toMatchObject({ outcome: "refused", step: "groups-overage" });
    expect((await explain(token)).body).toMatchObject({
      allowed: false,
      step: "groups-overage",
      groupsComplete: false,
      asked: [{ findings: [] }],
    });
    const { body: me } = await door.call("me-get", { token });
    expect(me).toMatchObject({ groupsComplete: false, assignments: [] });
  });

  test("keeps the roles of their own", async () => {
    const oid = randomUUID();
    const principal = { kind: "user", homeTenantId: home, id: oid };
    const scope = { kind: "tenants", tenantIds: [tenantId] };
    const body = { principal, roleId: "readOnlyAnalyst", scope };
    await door.call("assignments-add", { token: adminToken, body });
    const token = await member({ oid, ...claims });
    expect((await collections(token)).status).toBe(200);
    expect((await explain(token)).body).toMatchObject({ allowed: true, groupsComplete: false });
  });

  test("learns from the words no tenant that is there", async () => {
    const token = await member(claims);
    const said = async (tenant: string) => {
      const { body, status } = await collections(token, tenant);
      const { instance: _, ...rest } = body;
      return { status, ...rest };
    };
    const [within, other, never] = [tenantId, await door.tenant(), randomUUID()];
    expect(await said(other)).toEqual(await said(within));
    expect(await said(never)).toEqual(await said(within));
  });
});
