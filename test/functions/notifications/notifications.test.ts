/** Notifications over HTTP: those whose target is a rule, and lists that are filtered or reach over tenants. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { plan } from "../../../shared/fanout/engine/plan.ts";
import { notificationShape } from "../../../shared/notifications/kind.ts";
import { idOf } from "../../shared/devices/support/refresh-rig.ts";
import { type Answered, adminToken, type Door, openDoor } from "../access/door.ts";

const size = 30;
let door: Door;
let tenantId = "";
let smallId = "";
beforeAll(async () => {
  door = await openDoor();
  [tenantId, smallId] = [await door.fleet(size), await door.fleet(3)];
});
afterAll(() => door.stop());

type More = { readonly query?: string; readonly token?: string; readonly of?: string };
const send = (target: object, { of = tenantId, token = adminToken, query = "" }: More = {}) =>
  door.call("notifications-send", {
    token,
    params: { tenantId: of },
    query,
    body: { action: "restart", target },
  });
const idIn = ({ body }: Answered): string => String(body["notificationId"]);
const show = async (notificationId: string) =>
  (
    await door.call("notifications-get", {
      token: adminToken,
      params: { tenantId, notificationId },
    })
  ).body;

/** All pages of a list: ids in their order. */
async function listed(name: string, { query = "", token = adminToken, of = tenantId }: More = {}) {
  const ids: string[] = [];
  let next: string | undefined = `?${query}`;
  while (next !== undefined) {
    const { body }: Answered = await door.call(name, {
      token,
      params: { tenantId: of },
      query: next,
    });
    const { value, nextLink } = body as {
      readonly value: readonly { readonly notificationId: string }[];
      readonly nextLink?: string;
    };
    ids.push(...value.map(({ notificationId }) => notificationId));
    next = nextLink === undefined ? undefined : new URL(nextLink).search;
  }
  return ids;
}

/** Of the fleet's devices, by its ids: three. */
const numbers = [3, 13, 23];
const chosen = numbers.map(idOf).toSorted();
const rule = {
  or: numbers.map((n) => ({ property: "deviceName", operator: "equals", value: `PC-${n}` })),
};

test("all that a rule finds get it, as many as a dry run counts, and the trail has the rule", async () => {
  const { body: would } = await send({ kind: "rule", rule }, { query: "?dryRun=true" });
  expect(would).toMatchObject({ total: chosen.length });
  const sent = await send({ kind: "rule", rule });
  expect(sent).toMatchObject({ status: 202, body: { target: { kind: "rule", rule } } });
  const ids = { kind: notificationShape.id, tenantId, jobId: idIn(sent) };
  expect(await plan(door.services.engine, ids)).toBe("planned");
  const { body } = await door.call("notifications-deliveries", {
    token: adminToken,
    params: { tenantId, notificationId: idIn(sent) },
  });
  const reached = (body["value"] as { deviceId: string }[]).map(({ deviceId }) => deviceId);
  expect(reached).toEqual(chosen);
  expect(await show(idIn(sent))).toMatchObject({
    counts: { total: chosen.length },
    actionName: { en: "Restart", fr: "Redémarrer" },
  });
  const { body: trail } = await door.call("audit-list-tenant", {
    token: adminToken,
    params: { tenantId },
    query: "?top=1",
  });
  expect(trail).toMatchObject({
    value: [{ operation: "notifications-send", after: { target: { kind: "rule", rule } } }],
  });
});

test("who is limited to a collection reaches with a rule its members only, and learns of no others", async () => {
  const { body } = await door.call("collections-add", {
    token: adminToken,
    params: { tenantId },
    body: { kind: "static", name: "Mine", deviceIds: [idOf(3), idOf(4)] },
  });
  const collections = [{ tenantId, collectionId: String(body["collectionId"]) }];
  const { token } = await door.holder("infrastructureAdministrator", {
    kind: "collections",
    collections,
  });
  const target = { kind: "rule", rule };
  const would = await send(target, { token, query: "?dryRun=true" });
  expect(would.body).toMatchObject({ total: 1 });
  const sent = await send(target, { token });
  expect(sent.body["target"]).toEqual({
    ...target,
    within: { collectionIds: collections.map(({ collectionId }) => collectionId) },
  });
  expect(await door.services.notify.jobs.targets(idIn(sent))).toEqual([idOf(3)]);
  // Of both tenants' notifications it sees what went to its collection.
  for (const query of ["", "final=false"])
    expect(await listed("notifications-everywhere", { token, query })).toEqual([idIn(sent)]);
});

test("a rule that finds more than an approval rule allows waits, and says in the end who approved", async () => {
  const rules = [{ kind: "notification", actions: "all", tenantIds: [tenantId], moreThan: 2 }];
  const putRules = (given: object) =>
    door.call("approval-rules-replace", { token: adminToken, body: { rules: given } });
  expect((await putRules(rules)).status).toBe(200);
  const everything = { kind: "everything" } as const;
  const [ana, bo] = [
    await door.holder("fullAdministrator", everything),
    await door.holder("fullAdministrator", everything),
  ];
  const two = { or: rule.or.slice(0, 2) };
  expect((await send({ kind: "rule", rule: two }, ana)).body["state"]).not.toBe("pendingApproval");
  const sent = await send({ kind: "rule", rule }, ana);
  expect(sent.body).toMatchObject({ state: "pendingApproval", counts: { total: chosen.length } });
  const params = { tenantId, approvalId: idIn(sent) };
  const { body: approval } = await door.call("approvals-get", { token: bo.token, params });
  const body = { digest: approval["digest"], comment: "Yes" };
  const approved = await door.call("approvals-approve", { token: bo.token, params, body });
  expect(approved.status).toBe(200);
  expect(await show(idIn(sent))).toMatchObject({
    requestedBy: { id: ana.oid },
    approvedBy: { id: bo.oid },
  });
  expect((await putRules([])).status).toBe(200);
  const mine = { query: `by=${ana.oid}` };
  expect(await listed("notifications-list", mine)).toHaveLength(2);
  expect(await listed("notifications-everywhere", mine)).toContain(idIn(sent));
});

test("a list holds what is sought, newest first, and once", async () => {
  const since = new Date(door.services.engine.clock.now()).toISOString();
  const fresh: string[] = [];
  for (const of of [tenantId, smallId, tenantId])
    fresh.push(idIn(await send({ kind: "tenant" }, { of })));
  const [first = "", other = "", last = ""] = fresh;
  const here = await listed("notifications-list", { query: `since=${since}&top=1` });
  expect(here).toEqual([last, first]);
  const open = await listed("notifications-everywhere", {
    query: `since=${since}&final=false&top=1`,
  });
  // Other tests have tenants beside these, with clocks of their own.
  const ours = (ids: readonly string[]) => ids.filter((id) => fresh.includes(id));
  expect(ours(open)).toEqual([last, other, first]);
  const each = await listed("notifications-everywhere", { query: `since=${since}&top=1` });
  expect(ours(each).toSorted()).toEqual(fresh.toSorted());
  expect(await listed("notifications-list", { query: `since=${since}&action=wakeUp` })).toEqual([]);
  await door.call("notifications-cancel", {
    token: adminToken,
    params: { tenantId, notificationId: first },
  });
  const query = `since=${since}&state=planning`;
  expect(await listed("notifications-list", { query })).not.toContain(first);
  const { body } = await door.call("notifications-list", {
    token: adminToken,
    params: { tenantId },
    query: "?action=nothing&state=odd&by=me",
  });
  const faults = (body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer);
  expect(faults.toSorted()).toEqual(["/query/action", "/query/by", "/query/state"]);
});

test("deliveries are counted by their reason, and found by it, by their name and by their id", async () => {
  const { body } = await door.call("notifications-send", {
    token: adminToken,
    params: { tenantId },
    body: { action: "collectDiscoveryData", target: { kind: "tenant" } },
  });
  const notificationId = String(body["notificationId"]);
  await plan(door.services.engine, { kind: notificationShape.id, tenantId, jobId: notificationId });
  const read = (name: string, query = "") =>
    door.call(name, { token: adminToken, params: { tenantId, notificationId }, query });
  const { body: counted } = await read("notifications-reasons");
  const [reason] = counted["value"] as { readonly code: string; readonly deliveries: number }[];
  expect(counted).toMatchObject({
    value: [{ state: "notSupported", names: { fr: expect.stringMatching(/./) }, deliveries: size }],
    complete: true,
  });
  const found = async (query: string) => {
    const { body: page } = await read("notifications-deliveries", query);
    return (page["value"] as { readonly deviceName: string }[]).map((each) => each.deviceName);
  };
  expect(await found(`?top=100&code=${reason?.code}`)).toHaveLength(size);
  expect(await found("?code=another")).toEqual([]);
  expect((await found("?search=pc-2")).toSorted()).toEqual(
    ["PC-2", ...Array.from({ length: 10 }, (_, n) => `PC-${20 + n}`)].toSorted(),
  );
  expect(await found(`?search=${idOf(7)}`)).toEqual(["PC-7"]);
});
