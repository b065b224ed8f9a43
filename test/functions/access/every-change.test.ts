/** Every operation that changes something, by the list of operations: the trail says who did what. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../../functions/functions.ts";
import { type Azurite, startAzurite } from "../../../local/start/azurite.ts";
import type { AuditEvent } from "../../../shared/access/audit/records.ts";
import { client, home } from "../../shared/access/entra.ts";
import { triedElsewhere } from "../support/sync-bodies.ts";
import { type Change, changes, type Found, harmless } from "./changes.ts";
import { adminToken, type Door, openDoor } from "./door.ts";

const everything = { kind: "everything" } as const;
const ip = "203.0.113.7";
type Holder = Awaited<ReturnType<Door["holder"]>>;

let door: Door;
let azurite: Azurite;
let [ana, bo]: Holder[] = [];
const found: Found = new Map([
  ["tenantId", randomUUID()],
  ["inventoryId", randomUUID()],
  ["siteCode", "P01"],
  ["part", "0"],
]);
beforeAll(async () => {
  // Of its own: approval rules are one row for all, and other tests have theirs.
  azurite = await startAzurite({});
  door = await openDoor({ connectionString: azurite.connectionString });
  ana = await door.holder("fullAdministrator", everything);
  bo = await door.holder("fullAdministrator", everything);
});
afterAll(async () => {
  await door.stop();
  await azurite.stop();
});

const shapeOf = (name: string) =>
  Object.keys(operations.find((each) => each.name === name)?.params?.shape ?? {});
const paramsOf = (name: string): Record<string, string> =>
  Object.fromEntries(shapeOf(name).map((param) => [param, found.get(param) ?? "x"]));

const call = (name: string, who: Holder | undefined, body?: unknown) =>
  door.call(name, {
    token: who?.token,
    params: paramsOf(name),
    headers: { "x-forwarded-for": `198.51.100.1, ${ip}` },
    ...(body === undefined ? {} : { body }),
  });

/** The newest events of an operation by somebody, as the API shows them. */
async function trailOf(operation: string, actor: string | undefined): Promise<AuditEvent[]> {
  const query = `?operation=${operation}&actor=${actor}`;
  const inTenant = operation === "tenants-add" || shapeOf(operation).includes("tenantId");
  const list = inTenant ? "audit-list-tenant" : "audit-list";
  const params = inTenant ? { tenantId: found.get("tenantId") ?? "" } : {};
  const { body } = await door.call(list, { token: adminToken, params, query });
  return body["value"] as AuditEvent[];
}

/** What must have happened before the next call finds what it is about. */
async function settle(next: Change["next"]): Promise<void> {
  const tenantId = found.get("tenantId") ?? "";
  if (next === "refresh") await door.refresh(tenantId, found.get("refreshId") ?? "");
  if (next === "plan") {
    const told = (await door.plan()).find(({ queue }) => queue.startsWith("site-"))?.message;
    found.set("from", String(told?.["from"]));
    found.set("to", String(told?.["to"]));
  }
  if (next === "hold") {
    const body = { action: "restart", target: { kind: "tenant" } };
    const held = await call("notifications-send", ana, body);
    found.set("notificationId", String(held.body["notificationId"]));
    found.set("approvalId", String(held.body["notificationId"]));
    found.set("digest", String((await call("approvals-get", bo)).body["digest"]));
  }
}

test("every operation that is no GET is one that changes something, or is listed as harmless", () => {
  const others = operations.filter(({ method }) => method !== "GET").map(({ name }) => name);
  const tried = [changes, harmless, triedElsewhere].flatMap((table) => Object.keys(table));
  expect(new Set(others)).toEqual(new Set(tried));
});

test("a replacement and a removal say what was there before, a removal that nothing is left", () => {
  // A part of an inventory changes nothing before the inventory is complete.
  const over = operations.filter(({ method, name }) => method !== "POST" && name in changes);
  for (const { name, method } of over.filter(({ name: each }) => each !== "sites-put-part")) {
    const { before, after } = changes[name] ?? {};
    expect([name, before ?? undefined]).toEqual([name, expect.anything()]);
    expect([name, after === null]).toEqual([name, method === "DELETE"]);
  }
});

describe("the trail says who did what, from where, to what, with before and after", () => {
  test.each(Object.entries(changes))("%s", async (name, change) => {
    const who = change.second ? bo : ana;
    const answer = await call(name, who, change.body?.(found));
    expect(answer).toMatchObject({ status: expect.toSatisfy((status) => status < 300) });
    const { keep } = change;
    if (keep !== undefined) found.set(keep, String(answer.body[keep]));
    const events = await trailOf(name, who?.oid);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      actor: { kind: "user", id: who?.oid, homeTenantId: home, appId: client },
      ip,
      operation: name,
      outcome: "allowed",
      requestId: answer.headers["x-request-id"],
      object: change.object(found),
      after: change.after,
      ...(change.before === undefined ? {} : { before: change.before }),
      ...(change.second ? { approver: bo?.oid } : {}),
    });
    expect(events[0]).not.toHaveProperty("step");
    await settle(change.next);
  });
});

test("the trail of a tenant begins with its registration and ends with its removal", async () => {
  const params = { tenantId: found.get("tenantId") ?? "" };
  const { body } = await door.call("audit-list-tenant", {
    token: adminToken,
    params,
    query: "?top=1000",
  });
  const trail = (body["value"] as AuditEvent[]).map(({ operation }) => operation);
  expect([trail.at(-1), trail[0]]).toEqual(["tenants-add", "tenants-remove"]);
});

test("what somebody did anywhere is one list, for who may read everything", async () => {
  const query = `?trails=all&top=1000&actor=${ana?.oid}`;
  const { body } = await door.call("audit-list", { token: adminToken, query });
  const seen = new Set((body["value"] as AuditEvent[]).map(({ operation }) => operation));
  expect(seen).toContain("collections-add");
  expect(seen).toContain("roles-add");
  const { token } = await door.holder("fullAdministrator", {
    kind: "tenants",
    tenantIds: [found.get("tenantId") ?? ""],
  });
  expect((await door.call("audit-list", { token, query })).status).toBe(403);
});
