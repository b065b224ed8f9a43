/** The relay's role over HTTP: what it may do in its tenant, and every other operation, which it may not. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operations } from "../../../functions/functions.ts";
import { requirementOf } from "../../../shared/access/roles/requirements.ts";
import { appOnly, home, sign } from "../../shared/access/entra.ts";
import { queries, triedElsewhere } from "../support/sync-bodies.ts";
import { anyIds, changes, harmless } from "./changes.ts";
import { type Answered, adminToken, type Door, openDoor, timesNow } from "./door.ts";

let door: Door;
let [mine, theirs] = ["", ""];
let token = "";
/** Its own: what other tests give to the usual app holds for this one as well. */
const [client, robot] = [randomUUID(), randomUUID()];
beforeAll(async () => {
  door = await openDoor();
  [mine, theirs] = [await door.tenant(), await door.tenant()];
  const body = {
    principal: { kind: "app", homeTenantId: home, id: client },
    roleId: "relay",
    scope: { kind: "tenants", tenantIds: [mine] },
  };
  await door.call("assignments-add", { token: adminToken, body });
  const app = { azp: client, oid: robot, sub: robot };
  const claims = { ...appOnly(door.directory.issuer), ...timesNow(), ...app };
  token = await sign(claims, door.key, "one");
});
afterAll(() => door.stop());

const ids = () => new Map([...anyIds, ["inventoryId", randomUUID()]]);
const call = (name: string, tenantId: string, found = ids()): Promise<Answered> => {
  const shape = operations.find((each) => each.name === name)?.params?.shape ?? {};
  const params = Object.fromEntries(
    Object.keys(shape).map((param) => [param, found.get(param) ?? "x"]),
  );
  return door.call(name, {
    token,
    params: "tenantId" in params ? { ...params, tenantId } : params,
    query: queries[name] ?? "",
    body: changes[name]?.body?.(found) ?? harmless[name] ?? triedElsewhere[name],
  });
};

test("a relay's app hands in devices, claims and reports in its tenant, and is named in the trail", async () => {
  const found = ids();
  expect((await call("sites-put-part", mine, found)).status).toBe(204);
  expect((await call("sites-complete", mine, found)).status).toBe(202);
  expect((await call("sites-lease", mine)).status).toBe(200);
  expect((await call("sites-claim", mine)).status).toBe(204);
  // Nobody has sent such a notification; the door was open all the same.
  expect((await call("sites-report", mine)).body).toMatchObject({ code: "unknown-notification" });
  expect(door.events.at(-1)).toMatchObject({
    tenantId: mine,
    actor: { kind: "app", id: robot, appId: client },
    operation: "sites-report",
  });
});

test("it is nobody in another tenant", async () => {
  const own = ["sites-put-part", "sites-complete", "sites-lease", "sites-claim", "sites-report"];
  for (const name of own) expect([name, (await call(name, theirs)).status]).toEqual([name, 403]);
});

test("it can neither see nor send anything in its own", async () => {
  const closed = operations.filter(({ name, path }) => {
    const open = ["anonymous", "signedIn"].includes(requirementOf(name)?.kind ?? "");
    return !open && !path.includes("{siteCode}");
  });
  for (const { name } of closed)
    expect([name, (await call(name, mine)).status]).toEqual([name, 403]);
  expect(closed.length).toBeGreaterThan(30);
});
