/** Callers that the running app refuses: at every operation, by every lack, whatever else they send. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Answer, type AttackApp, secondHome, startAttackApp } from "./attack/app.ts";
import { pathWith } from "./attack/document.ts";
import { nowhere } from "./attack/inhabited.ts";
import { address, eventOf, expectRefused, from, lineOf } from "./attack/refused.ts";
import { adminToken, timesNow } from "./door.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

let app: AttackApp;
beforeAll(async () => {
  app = await startAttackApp();
});
afterAll(() => app.stop());

/** Done, or refused for what it says and not for who says it. */
const expectOpen = ({ status, text }: Answer) => expect([200, 400], text).toContain(status);

test("every operation of the document refuses an expired token before it says anything else", async () => {
  const expired = await app.person({ ...timesNow(), exp: Math.floor(Date.now() / 1000) - 120 });
  const ids = { ...nowhere(), roleId: "partner", assignmentId: "x" };
  for (const operation of app.operations) {
    const sent = { method: operation.method, path: pathWith(operation, ids), ...from(expired) };
    const answer = await app.call(operation.takesBody ? { ...sent, body: "nonsense" } : sent);
    await (operation.open ? expectOpen(answer) : expectRefused(app, answer, "expired"));
  }
});

test("a genuine caller whose assignment was taken away is refused by name", async () => {
  const { token, oid } = await app.holder("readOnlyAnalyst", { kind: "everything" });
  const ask = () => app.call({ path: "/api/v1/tenants", ...from(token) });
  expect((await ask()).status).toBe(200);
  const { body } = await app.admin("GET", "/api/v1/access/assignments?top=1000");
  const given = body["value"] as { assignmentId: string; principal: { id: string } }[];
  const mine = given.find(({ principal }) => principal.id === oid);
  await app.admin("DELETE", `/api/v1/access/assignments/${mine?.assignmentId}`);
  const answer = await ask();
  expect([answer.status, answer.body["code"]]).toEqual([403, "forbidden"]);
  expect(lineOf(app, answer)).toContain('"step":"assignment"');
  expect(await eventOf(app, answer)).toMatchObject({
    actor: { kind: "user", id: oid },
    ip: address,
    operation: "tenants-list",
    step: "assignment",
  });
});

test("an id counts in its own directory alone", async () => {
  const { token, oid } = await app.holder("fullAdministrator", { kind: "everything" });
  expect((await app.call({ path: "/api/v1/tenants", token })).status).toBe(200);
  const iss = `${app.directory.authorityUrl}/${secondHome}/v2.0`;
  const twin = await app.person({ oid, tid: secondHome, iss });
  const me = await app.call({ path: "/api/v1/me", token: twin });
  expect(me.body).toMatchObject({ objectId: oid, homeTenantId: secondHome, assignments: [] });
  const answer = await app.call({ path: "/api/v1/tenants", ...from(twin) });
  expect([answer.status, answer.body["code"]]).toEqual([403, "forbidden"]);
  expect(lineOf(app, answer)).toContain('"step":"assignment"');
});

test("what is longer than the server takes at all never reaches the app, which goes on", async () => {
  const answer = await app.call({ path: "/api/v1/me", token: "x".repeat(40_000) });
  expect([answer.status, answer.text]).toEqual([431, ""]);
  expect((await app.call({ path: "/api/v1/me", token: adminToken })).status).toBe(200);
});
