/** Idempotency keys between callers, at every operation that takes one: an answer is its own caller's alone. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { neverSynced } from "../../../shared/sync/state/sync.ts";
import { tasks, template } from "../support/sync-bodies.ts";
import type { Answer } from "./attack/app.ts";
import { type Inhabited, inhabit } from "./attack/inhabited.ts";
import { said } from "./attack/said.ts";
import { startTwoTenants, type TwoTenants } from "./attack/two-tenants.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

let two: TwoTenants;
let baselineId = "";
let templateId = "";
beforeAll(async () => {
  two = await startTwoTenants();
  const made = await two.app.admin("POST", "/api/v1/baselines", baseline("Published"));
  const kept = await two.app.admin("POST", "/api/v1/templates", template);
  templateId = String(kept.body["templateId"]);
  baselineId = String(made.body["baselineId"]);
});
afterAll(() => two.app.stop());

type Request = { readonly path: string; readonly body?: object };
const guid = randomUUID();
const base = ({ tenantId }: Inhabited): string => `/api/v1/tenants/${tenantId}`;
const assignment = {
  principal: { kind: "user", homeTenantId: guid, id: guid },
  roleId: "partner",
  scope: { kind: "everything" },
};

const baseline = (name: string) => ({
  name,
  message: name,
  items: [{ type: "roleScopeTag", key: "Tag", body: { displayName: "Tag" } }],
});

const deployedId = "0".repeat(26);

/** Lets a tenant have a sync that ended after it may have written an item: there is something to take back. */
async function withDeployedSync(tenantId: string): Promise<void> {
  const { store } = two.app.door.services.sync;
  const now = Date.now();
  const by = { kind: "system", id: "" };
  const sync = {
    v: 1,
    tenantId,
    syncId: deployedId,
    mode: "planAndDeploy",
    trigger: "manual",
    requestedBy: by,
    startedAt: now,
    finishedAt: now,
    types: ["roleScopeTag"],
    onMissingUser: "wait",
    skipped: [],
    phase: "done",
    outcome: "succeeded",
    replans: 0,
    leaseUntil: now,
    touchedAt: now,
    losses: 0,
  } as const;
  const row = { value: neverSynced(tenantId, now), etag: "" };
  await store.change(row, {
    syncs: [{ value: { ...sync, skipped: [], types: [...sync.types] }, etag: "" }],
  });
  const of = { type: "roleScopeTag", key: "Tag", name: "Tag", action: "update" } as const;
  const moments = { writtenAt: now, touchedAt: now };
  await store.addItems(tenantId, deployedId, [
    { v: 1, changeId: "one", ...of, state: "done", tries: 1, round: 0, ...moments },
  ]);
}

/** A request that succeeds once, for every operation that takes a key; the first body is the one that is sent. */
const requests: Readonly<Record<string, (of: Inhabited) => readonly [Request, object?]>> = {
  "tenants-add": () => [
    { path: "/api/v1/tenants", body: { tenantId: randomUUID(), displayName: "New" } },
    { tenantId: randomUUID(), displayName: "Newer" },
  ],
  "collections-add": (of) => [
    { path: `${base(of)}/collections`, body: { kind: "static", name: "One", deviceIds: [] } },
    { kind: "static", name: "Other", deviceIds: [] },
  ],
  "refreshes-start": (of) => [{ path: `${base(of)}/devices/refresh` }],
  "notifications-send": (of) => [
    { path: `${base(of)}/notifications`, body: { action: "restart", target: { kind: "tenant" } } },
    { action: "wakeUp", target: { kind: "tenant" } },
  ],
  "notifications-retry": (of) => [
    {
      path: `${base(of)}/notifications/${of.unsupported}/retry`,
      body: { only: ["notSupported"] },
    },
    { only: ["notSupported"], note: "Other" },
  ],
  "notifications-pause": (of) => [
    { path: `${base(of)}/notifications/${of.notifications[0]}/pause` },
  ],
  "notifications-resume": (of) => [
    { path: `${base(of)}/notifications/${of.notifications[0]}/resume` },
  ],
  "notifications-cancel": (of) => [
    { path: `${base(of)}/notifications/${of.notifications[1]}/cancel` },
  ],
  "registrations-submit": (of) => [
    { path: `${base(of)}/registrations?dryRun=true`, body: { devices: [{ productId: "1" }] } },
    { devices: [{ productId: "2" }] },
  ],
  "registrations-submit-many": ({ tenantId }) => [
    {
      path: "/api/v1/registrations",
      body: { devices: [{ customer: tenantId, serialNumber: "PF1" }] },
    },
    { devices: [{ customer: tenantId, serialNumber: "PF2" }] },
  ],
  "registration-lists-open": (of) => [{ path: `${base(of)}/registration-lists` }],
  "autopilot-devices-deregister": (of) => [
    { path: `${base(of)}/autopilot-devices/deregister`, body: { serialNumbers: ["PF1"] } },
    { serialNumbers: ["PF2"] },
  ],
  "registrations-pause": (of) => [
    { path: `${base(of)}/registrations/${of.registrations[0]}/pause` },
  ],
  "registrations-resume": (of) => [
    { path: `${base(of)}/registrations/${of.registrations[0]}/resume` },
  ],
  "registrations-cancel": (of) => [
    { path: `${base(of)}/registrations/${of.registrations[0]}/cancel` },
  ],
  "registrations-retry": (of) => [
    { path: `${base(of)}/registrations/${of.registrations[1]}/retry` },
  ],
  "tasks-add": (of) => [
    { path: `${base(of)}/tasks`, body: { ...tasks[0], schedule: { kind: "none" } } },
    { ...tasks[0], displayName: "Other" },
  ],
  "templates-add": () => [
    { path: "/api/v1/templates", body: template },
    { ...template, name: "Other" },
  ],
  "templates-schedule": ({ tenantId }) => [
    { path: `/api/v1/templates/${templateId}/schedule`, body: { tenantId } },
    { tenantId, displayName: "Other" },
  ],
  "provisioning-runs-start": (of) => [
    {
      path: `${base(of)}/provisioning-runs`,
      body: { templateId: of.templateId, targets: { deviceIds: of.devices } },
    },
    { templateId: of.templateId, targets: { deviceIds: of.devices }, note: "Other" },
  ],
  "provisioning-runs-cancel": (of) => [
    { path: `${base(of)}/provisioning-runs/${of.runs[0]}/cancel` },
  ],
  "provisioning-runs-restart": (of) => [
    {
      path: `${base(of)}/provisioning-runs/${of.runs[1]}/restarts`,
      body: { mode: "whole", include: ["notAttempted"] },
    },
    { mode: "whole" },
  ],
  "provisioning-runs-pause": (of) => [
    { path: `${base(of)}/provisioning-runs/${of.runs[0]}/pause` },
  ],
  "provisioning-runs-resume": (of) => [
    { path: `${base(of)}/provisioning-runs/${of.runs[0]}/resume` },
  ],
  "syncs-start": (of) => [
    { path: `${base(of)}/syncs`, body: { mode: "exportOnly" } },
    { mode: "plan" },
  ],
  "syncs-start-many": (of) => [
    { path: "/api/v1/syncs", body: { tenantIds: [of.tenantId], mode: "exportOnly" } },
    { tenantIds: [of.tenantId], mode: "plan" },
  ],
  "syncs-undo": (of) => [{ path: `${base(of)}/syncs/${deployedId}/undo` }],
  "baselines-add": () => [{ path: "/api/v1/baselines", body: baseline("One") }, baseline("Other")],
  "baselines-publish": ({ tenantId }) => [
    { path: `/api/v1/baselines/${baselineId}/publish`, body: { tenantIds: [tenantId] } },
    { tenantIds: [tenantId], version: 1 },
  ],
  "roles-add": () => [
    { path: "/api/v1/access/roles", body: { name: "One", permissions: ["devices.read"] } },
    { name: "Other", permissions: ["devices.read"] },
  ],
  "assignments-add": () => [
    { path: "/api/v1/access/assignments", body: assignment },
    { ...assignment, note: "Other" },
  ],
  "approvals-approve": (of) => [
    { path: `${base(of)}/approvals/${of.approvals[0]}/approve`, body: { digest: of.digests[0] } },
    { digest: of.digests[0], comment: "Other" },
  ],
  "approvals-reject": (of) => [
    { path: `${base(of)}/approvals/${of.approvals[1]}/reject`, body: { digest: of.digests[1] } },
    { digest: of.digests[1], comment: "Other" },
  ],
};

const everything = { kind: "everything" } as const;
const post = ({ path, body }: Request, token: string | undefined, key: string): Promise<Answer> =>
  two.app.call({
    method: "POST",
    path,
    token,
    headers: [["idempotency-key", key]],
    ...(body === undefined ? {} : { body }),
  });
const replayed = ({ headers }: Answer) => headers["idempotency-replayed"];
const outcome = (answer: Answer) => [answer.status, answer.body["code"], replayed(answer)];

/** What each hands in for many customers has a report of its own. */
const reportOf = ({ body }: Answer) => ({ reportId: String(body["reportId"]) });

test("every operation that takes a key is tried", () => {
  const taking = two.app.operations.filter(({ headerParameters }) =>
    headerParameters.includes("Idempotency-Key"),
  );
  expect(new Set(taking.map(({ id }) => id))).toEqual(new Set(Object.keys(requests)));
});

test.each(Object.keys(requests))("%s answers again to its own caller alone", async (id) => {
  const { app, mine, token } = two;
  // A tenant of its own: what one operation has done is not there for the next to do.
  const theirs = await inhabit(app, 1000 + 10 * Object.keys(requests).indexOf(id), "CCC");
  await withDeployedSync(theirs.tenantId);
  const [request, otherBody] = requests[id]?.(theirs) ?? [{ path: "" }];
  const key = randomUUID();
  const [owner, other] = [
    await app.holder("fullAdministrator", everything),
    await app.holder("fullAdministrator", everything),
  ];
  const first = await post(request, owner.token, key);
  expect(first.status, first.text).toBeLessThan(300);
  const again = await post(request, owner.token, key);
  expect([again.status, again.text, replayed(again)]).toEqual([first.status, first.text, "true"]);

  for (const body of otherBody === undefined ? [] : [otherBody])
    expect(outcome(await post({ ...request, body }, owner.token, key))).toEqual([
      409,
      "idempotency-key-reused",
      undefined,
    ]);
  // Somebody else with the same rights, and those who have none, with the key and with another one.
  expect(replayed(await post(request, other.token, key))).toBeUndefined();
  for (const name of ["administrator", "partner", "nobody"] as const) {
    const [guessed, fresh] = [
      await post(request, token(name), key),
      await post(request, token(name), randomUUID()),
    ];
    // A list for many customers is taken from whoever may register somewhere; theirs are unknown to them.
    const isMany = id === "registrations-submit-many" && guessed.status === 200;
    expect(isMany ? guessed.text.match(/unknown-tenant/g)?.length : guessed.status).toBe(
      isMany ? 1 : 403,
    );
    const report = isMany ? reportOf : () => ({});
    expect(said(guessed, report(guessed))).toEqual(said(fresh, report(fresh)));
  }
  expect(outcome(await post(request, undefined, key))).toEqual([401, "unauthenticated", undefined]);
  // The same caller in another tenant, and with other operations: other ones for each.
  const nth = Object.keys(requests).indexOf(id);
  for (const [at, [name, make]] of Object.entries(requests).entries()) {
    if (name !== id && (at + nth) % inject("oneWalkIn") !== 0) continue;
    const [elsewhere] = make(name === id ? mine : theirs);
    if (name === id && elsewhere.path === request.path) continue;
    const [, code, mark] = outcome(await post(elsewhere, owner.token, key));
    expect([name, mark]).toEqual([name, undefined]);
    expect(code, name).not.toBe("idempotency-key-reused");
  }
});

test("an answer is not given again to who has lost the right to it", async () => {
  const { app, theirs } = two;
  const { token, oid } = await app.holder("fullAdministrator", everything);
  const [request] = requests["notifications-send"]?.(theirs) ?? [{ path: "" }];
  const key = randomUUID();
  expect((await post(request, token, key)).status).toBe(202);
  const { body } = await app.admin("GET", "/api/v1/access/assignments?top=1000");
  const given = body["value"] as { assignmentId: string; principal: { id: string } }[];
  const mine = given.find(({ principal }) => principal.id === oid);
  await app.admin("DELETE", `/api/v1/access/assignments/${mine?.assignmentId}`);
  expect(outcome(await post(request, token, key))).toEqual([403, "forbidden", undefined]);
});
