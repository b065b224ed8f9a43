/** Webhooks over the API: who may have which, what is said of them and to whom, and that a secret is told once. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { type Answered, adminToken, type Door, openDoor } from "../access/door.ts";

let azurite: Azurite;
let door: Door;
const home = mkdtempSync(join(tmpdir(), "muster-door-"));
let mine: string;
let theirs: string;
beforeAll(async () => {
  azurite = await startAzurite({});
  door = await openDoor({
    connectionString: azurite.connectionString,
    keyFile: join(home, "keys.json"),
  });
  [mine, theirs] = [await door.tenant(), await door.tenant()];
});
afterAll(async () => {
  await door.stop();
  await azurite.stop();
  rmSync(home, { recursive: true, force: true });
});

const url = "https://hooks.example/muster?key=abc";
const events = ["sync.statusChanged"];
const add = (token: string, over: object = {}): Promise<Answered> =>
  door.call("webhooks-add", { token, body: { url, events, ...over } });
const idOf = ({ body, status }: Answered): string => {
  expect(status, JSON.stringify(body)).toBe(201);
  return String(body["webhookId"]);
};
const infra = async (scope: Scope): Promise<string> =>
  (await door.holder("infrastructureAdministrator", scope)).token;
const inTenant = (...tenantIds: string[]): Scope => ({ kind: "tenants", tenantIds });
/** Every operation about one webhook, as a caller. */
const about = (token: string, webhookId: string): Promise<Answered[]> =>
  Promise.all(
    (
      [
        ["webhooks-get"],
        ["webhooks-change", { description: "mine" }],
        ["webhooks-rotate-secret"],
        ["webhooks-test"],
        ["webhooks-deliveries"],
        ["webhooks-delivery"],
        ["webhooks-redeliver"],
        ["webhooks-remove"],
      ] as const
    ).map(([name, body]) => {
      const deliveryId = "0".repeat(32);
      const params = /deliver(y)?$/.test(name) ? { webhookId, deliveryId } : { webhookId };
      return door.call(name, { token, params, ...(body === undefined ? {} : { body }) });
    }),
  );

const plain = (answers: readonly Answered[]) =>
  answers.map(({ status, body }) => [status, body["code"]]);

describe("a caller with some tenants", () => {
  it("has webhooks for those, and for no other", async () => {
    const token = await infra(inTenant(mine));
    idOf(await add(token, { tenantIds: [mine] }));
    for (const tenantIds of [[theirs], [mine, theirs], [randomUUID()]]) {
      const refused = await add(token, { tenantIds });
      expect([refused.status, refused.body["code"]]).toEqual([403, "forbidden"]);
      // Whether there is such a tenant is not said either.
      expect(refused.body["detail"]).not.toMatch(/[0-9a-f]{8}-/);
    }
  });

  it("cannot lead one of theirs to a tenant beyond", async () => {
    const token = await infra(inTenant(mine));
    const webhookId = idOf(await add(token, { tenantIds: [mine] }));
    const body = { tenantIds: [mine, theirs] };
    const refused = await door.call("webhooks-change", { token, params: { webhookId }, body });
    expect(refused.body["code"]).toBe("forbidden");
  });

  it.each([
    ["for other tenants", () => ({ tenantIds: [theirs] })],
    ["for theirs and others", () => ({ tenantIds: [mine, theirs] })],
    ["for everything", () => ({})],
  ])("sees nothing of one %s, whatever they ask", async (_, over) => {
    const webhookId = idOf(await add(adminToken, over()));
    const token = await infra(inTenant(mine));
    const [there, nowhere] = [await about(token, webhookId), await about(token, "0".repeat(22))];
    expect(plain(there)).toEqual(plain(nowhere));
    expect(new Set(plain(there).map(([, code]) => code))).toEqual(new Set(["unknown-webhook"]));
    const { body } = await door.call("webhooks-list", { token });
    expect(JSON.stringify(body)).not.toContain(webhookId);
    const still = await door.call("webhooks-get", { token: adminToken, params: { webhookId } });
    expect(still.body).toMatchObject({ webhookId, enabled: true });
    expect(still.body).not.toHaveProperty("description");
  });

  it("may have one for whatever they reach, which nobody else with some tenants manages", async () => {
    const token = await infra(inTenant(mine));
    const webhookId = idOf(await add(token));
    const get = (as: string) => door.call("webhooks-get", { token: as, params: { webhookId } });
    expect((await get(token)).body).toMatchObject({ webhookId });
    expect((await get(await infra(inTenant(mine)))).body["code"]).toBe("unknown-webhook");
    expect((await get(adminToken)).body).toMatchObject({ owner: { kind: "user" } });
  });
});

it("who changes a webhook becomes its owner, and needs the rights that its events take", async () => {
  const webhookId = idOf(await add(adminToken, { tenantIds: [mine] }));
  const role = await door.call("roles-add", {
    token: adminToken,
    body: { name: "Hooks", permissions: ["webhooks.manage"] },
  });
  const hooks = await door.holder(String(role.body["roleId"]), inTenant(mine));
  const params = { webhookId };
  // They manage the webhook, but may not read what it is told: so they do not say where that goes.
  const body = { url: "https://elsewhere.example/" };
  const refused = await door.call("webhooks-change", { token: hooks.token, params, body });
  expect(refused.body).toMatchObject({ code: "forbidden" });
  const { oid, token } = await door.holder("infrastructureAdministrator", inTenant(mine));
  const changed = await door.call("webhooks-change", { token, params, body });
  expect(changed.body).toMatchObject({ url: body.url, owner: { id: oid } });
});

it("a secret is told by the answers that make it, and by nothing else", async () => {
  const made = await add(adminToken, { description: "told once" });
  const webhookId = idOf(made);
  const params = { webhookId };
  const rotated = await door.call("webhooks-rotate-secret", { token: adminToken, params });
  const secrets = [made.body["secret"], rotated.body["secret"]].map(String);
  for (const secret of secrets) expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(secrets[0]).not.toBe(secrets[1]);
  const later = [
    await door.call("webhooks-get", { token: adminToken, params }),
    await door.call("webhooks-list", { token: adminToken }),
    await door.call("webhooks-change", { token: adminToken, params, body: { events } }),
    await door.call("webhooks-test", { token: adminToken, params }),
    await door.call("webhooks-deliveries", { token: adminToken, params }),
  ];
  const text = [JSON.stringify([later, door.events]), ...door.logged].join("\n");
  for (const secret of secrets) expect(text).not.toContain(secret.slice(6, 30));
});

it("the trail says who made, changed and removed one, and where it leads without its path", async () => {
  const webhookId = idOf(await add(adminToken, { description: "tickets" }));
  const params = { webhookId };
  await door.call("webhooks-change", { token: adminToken, params, body: { enabled: false } });
  await door.call("webhooks-rotate-secret", { token: adminToken, params });
  await door.call("webhooks-remove", { token: adminToken, params });
  const own = door.events.filter(({ object }) => object === `webhook/${webhookId}`);
  expect(own).toMatchObject([
    { operation: "webhooks-add", after: { host: "hooks.example", description: "tickets" } },
    {
      operation: "webhooks-change",
      before: { enabled: true },
      after: { enabled: false, disabledReason: "byPerson" },
    },
    { operation: "webhooks-rotate-secret", after: { webhookId } },
    { operation: "webhooks-remove", before: { events }, after: null },
  ]);
});

it("a version that somebody has changed meanwhile is neither changed nor removed", async () => {
  const made = await add(adminToken);
  const params = { webhookId: idOf(made) };
  const headers = { "if-match": made.headers["etag"] ?? "" };
  const change = { token: adminToken, params, headers, body: { description: "one" } };
  expect((await door.call("webhooks-change", change)).status).toBe(200);
  expect((await door.call("webhooks-change", change)).status).toBe(412);
  const removal = { token: adminToken, params, headers };
  expect((await door.call("webhooks-remove", removal)).status).toBe(412);
  expect((await door.call("webhooks-remove", { token: adminToken, params })).status).toBe(204);
  expect((await door.call("webhooks-get", { token: adminToken, params })).status).toBe(404);
});

describe("bad input", () => {
  it.each([
    ["an address into the network", { url: "https://10.0.0.1/" }, "/url"],
    ["Azure's own host", { url: "https://168.63.129.16/" }, "/url"],
    ["this machine, which the settings do not allow", { url: "http://127.0.0.1:7071/" }, "/url"],
    ["a name and password", { url: "https://a:b@hooks.example/" }, "/url"],
    ["plain http", { url: "http://hooks.example/" }, "/url"],
    ["no event", { events: [] }, "/events"],
    ["an unknown event", { events: ["tenant.exploded"] }, "/events/0"],
    ["no tenant", { tenantIds: [] }, "/tenantIds"],
  ])("is refused with its place, and nothing is made: %s", async (_, over, pointer) => {
    const before = (await door.call("webhooks-list", { token: adminToken })).body;
    const refused = await add(adminToken, over);
    expect(refused.status).toBe(400);
    expect(refused.body["errors"]).toMatchObject([{ pointer }]);
    expect((await door.call("webhooks-list", { token: adminToken })).body).toEqual(before);
  });

  it("a disabled webhook is sent no test, and there are a hundred at most", async () => {
    const params = { webhookId: idOf(await add(adminToken)) };
    await door.call("webhooks-change", { token: adminToken, params, body: { enabled: false } });
    const refused = await door.call("webhooks-test", { token: adminToken, params });
    expect(refused.body["code"]).toBe("conflict");
    const store = new WebhookStore(door.services.storage.tables);
    const [one] = await store.all();
    if (one === undefined) throw new Error("there is no webhook");
    const more = Array.from({ length: 100 }, (_, nth) => ({ ...one, webhookId: `more${nth}` }));
    await Promise.all(more.map((each) => store.insert(each)));
    const last = await add(adminToken);
    expect([last.status, last.body["code"]]).toEqual([409, "conflict"]);
  });
});
