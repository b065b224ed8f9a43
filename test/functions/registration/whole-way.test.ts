/**
 * A real registration over HTTP from a partner's program to the last device: held for a second person, released, told of by a
 * webhook and written down in the trail; a list for many customers with its report; group tags that are the partner's.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  automationToken,
  claimsOf,
  type SignInPlace,
  trust,
} from "../../local/sandbox/sign-in/person.ts";
import { csv, hashOf, intune } from "../../shared/registration/lists.ts";
import { startReceiver } from "../../shared/webhooks/webhook-rig.ts";
import { type RunningApp, startApp } from "../support/running-app.ts";

const [fabrikam, contoso, stranger] = [randomUUID(), randomUUID(), randomUUID()];
let app: RunningApp;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let secret = "";
/** What the program says who it is with. */
let program: { readonly authorization: string };

beforeAll(async () => {
  receiver = await startReceiver();
  app = await startApp(({ home: { tenantId, api } }) => ({
    MUSTER_WEBHOOKS_TO_LOOPBACK: "true",
    MUSTER_HOME_TENANT_IDS: tenantId,
    MUSTER_AUDIENCES: [api.audience, api.identifier].join(","),
    MUSTER_API_SCOPE: api.scope,
    MUSTER_APP_ROLE: api.appRole,
  }));
  for (const tenantId of [fabrikam, contoso, stranger]) {
    await app.makeFleet(tenantId, 3);
    await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "A customer" } });
  }
  const place = app.signInPlace as SignInPlace;
  trust(place);
  const token = await automationToken(place);
  program = { authorization: `Bearer ${token}` };
  const { oid, tid } = claimsOf(token);
  const made = await app.call("POST", "/api/v1/access/assignments", {
    body: {
      principal: { kind: "app", homeTenantId: tid, id: oid },
      roleId: "partner",
      scope: { kind: "tenants", tenantIds: [fabrikam, contoso] },
    },
  });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  const hook = await app.call("POST", "/api/v1/webhooks", {
    body: {
      url: receiver.url,
      events: ["registration.approvalPending", "registration.ended"],
      tenantIds: [fabrikam],
    },
  });
  secret = (hook.body as { secret: string }).secret;
}, 60_000);
afterAll(async () => {
  await app.stop();
  receiver.stop();
});

type Body = Record<string, never>;
const ended = async (path: string, headers?: Record<string, string>): Promise<Body> => {
  for (let tries = 0; tries < 200; tries += 1) {
    const { body } = await app.call("GET", path, headers ? { headers } : {});
    if ((body as { final: boolean }).final) return body as Body;
    await sleep(200);
  }
  throw new Error(`${path} does not end`);
};
/** What the webhook was told of a registration, each with a signature that holds. */
const told = (registrationId: string) =>
  receiver.received
    .map(({ headers, body }) => {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return JSON.parse(body) as { type: string; data: { registrationId: string; state?: string } };
    })
    .filter(({ data }) => data.registrationId === registrationId)
    .map(({ type, data }) => [type, data.state]);

test("a list is held for a second person, released, registered, told of and written down", async () => {
  const rule = { kind: "registration", actions: ["register"], tenantIds: [fabrikam], moreThan: 1 };
  const rules = await app.call("PUT", "/api/v1/access/approval-rules", {
    body: { rules: [{ ...rule, approvers: ["user", "bootstrap"] }] },
  });
  expect([rules.status, JSON.stringify(rules.body)]).toEqual([200, expect.anything()]);
  const serials = ["PF1", "PF2", "PF3"];
  const raw = csv(intune, ...serials.map((serial) => `${serial},,${hashOf(serial)},shop,`));
  const path = `/api/v1/tenants/${fabrikam}/registrations`;
  const headers = { ...program, "content-type": "text/csv", "idempotency-key": "vendor-4711" };
  const sent = await app.call("POST", path, { raw, headers });
  expect([sent.status, sent.body]).toMatchObject([202, { state: "waitingForApproval" }]);
  const { registrationId } = sent.body as { registrationId: string };
  expect((await app.call("POST", path, { raw, headers })).body).toMatchObject({ registrationId });
  const approval = `/api/v1/tenants/${fabrikam}/approvals/${registrationId}`;
  const { digest, ...asked } = (await app.call("GET", approval)).body as { digest: string };
  expect(asked).toMatchObject({
    subject: { summary: "register 3 device(s) into Autopilot", count: 3 },
    requestedBy: { kind: "app" },
  });
  expect(JSON.stringify(asked)).not.toMatch(/PF\d|T0E/);
  const own = await app.call("POST", `${approval}/approve`, { body: { digest }, headers: program });
  expect(own.status).toBe(403);
  expect((await app.call("POST", `${approval}/approve`, { body: { digest } })).status).toBe(200);
  expect(await ended(`${path}/${registrationId}`, program)).toMatchObject({
    state: "finished",
    counts: { total: 3, registered: 3 },
  });
  for (let tries = 0; tries < 100 && told(registrationId).length < 2; tries += 1) await sleep(100);
  expect(told(registrationId)).toEqual([
    ["registration.approvalPending", undefined],
    ["registration.ended", "finished"],
  ]);
  const { body } = await app.call("GET", `/api/v1/tenants/${fabrikam}/audit?top=20`);
  const events = (body as { value: { operation: string; object: string }[] }).value.filter(
    ({ object }) => object === `registration/${registrationId}`,
  );
  expect(events.map(({ operation }) => operation)).toEqual(
    expect.arrayContaining(["registrations-submit", "approvals-approve"]),
  );
  expect(JSON.stringify([events, app.logged()])).not.toMatch(/PF[123]|T0E/);
}, 60_000);

test("the partner's tags hold for each customer, beside the customer's own", async () => {
  const lists = [{ name: "Shops", tags: ["Till"] }];
  const put = await app.call("PUT", "/api/v1/partner/group-tags", { body: { lists } });
  expect([put.status, put.body]).toMatchObject([200, { lists }]);
  const changed = await app.call("PUT", "/api/v1/partner/group-tags", {
    body: { lists: [] },
    headers: { "if-match": '"other"' },
  });
  expect(changed.status).toBe(412);
  const raw = csv(intune, `PF8,,${hashOf("PF8")},TILL,`, `PF9,,${hashOf("PF9")},Till,`);
  const { body } = await app.call("POST", `/api/v1/tenants/${contoso}/registrations?dryRun=true`, {
    raw,
    headers: { ...program, "content-type": "text/csv" },
  });
  expect(body).toMatchObject({
    backEnd: { id: "graph", allowed: true, why: expect.stringContaining("own devices") },
    findings: [{ code: "E_TAG_CASE", row: 1, reason: expect.stringContaining("Till") }],
  });
});

test("a tag that is named beside a list, or given to a registered device, is judged like those of rows", async () => {
  const tag = "microsoft365managed_KIOSK";
  const raw = csv(intune, `PF7,,${hashOf("PF7")},,`);
  const headers = { ...program, "content-type": "text/csv" };
  const path = `/api/v1/tenants/${contoso}`;
  const answers = [
    await app.call("POST", `${path}/registrations?defaultTag=${tag}`, { raw, headers }),
    await app.call("PATCH", `${path}/autopilot-devices/${randomUUID()}`, {
      body: { groupTag: tag },
    }),
  ];
  const detail = expect.stringMatching(/^E_TAG_CASE: .*Microsoft365Managed_Kiosk,/);
  expect(answers.map(({ status, body }) => [status, body])).toMatchObject([
    [400, { errors: [{ pointer: "/query/defaultTag", detail }] }],
    [400, { errors: [{ pointer: "/groupTag", detail }] }],
  ]);
});

const device = (customer: string, serialNumber: string) => ({
  customer,
  serialNumber,
  hardwareHash: hashOf(serialNumber),
});

test("a list for many customers has one report that adds up, and shows each reader their own", async () => {
  const devices = [
    device(contoso, "PG1"),
    device(contoso, "PG2"),
    device(stranger, "PG3"),
    { ...device(fabrikam, "PG4"), hardwareHash: "T0E" },
  ];
  const sent = await app.call("POST", "/api/v1/registrations", {
    body: { devices },
    headers: program,
  });
  expect(sent.status).toBe(200);
  const path = `/api/v1/registrations/${(sent.body as { reportId: string }).reportId}`;
  const report = await ended(path, program);
  expect(report).toMatchObject({
    final: true,
    summary: { customers: 3, rows: 4, refused: 2, registered: 2, waiting: 0, failed: 0 },
  });
  const customers = report["customers"] as unknown as { customer: string }[];
  const byId = new Map(customers.map((each) => [each.customer, each]));
  expect(byId.get(contoso)).toMatchObject({ registration: { state: "finished" } });
  expect(byId.get(fabrikam)).toMatchObject({ code: "device-list-refused" });
  expect(byId.get(stranger)).toMatchObject({ code: "unknown-tenant" });
  // Of what the program may not see, a reader who may see all learns nothing from its report, but the rows that are theirs.
  expect((await app.call("GET", path)).body).toMatchObject({ summary: { customers: 2, rows: 3 } });
  const nobodys = `${path.slice(0, -1)}${path.endsWith("0") ? "1" : "0"}`;
  expect((await app.call("GET", nobodys, { headers: program })).status).toBe(404);
}, 60_000);
