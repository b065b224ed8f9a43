/** Paging tokens of every list of the document: sealed, and good for one list and one caller. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bootstrapCaller, principalOf } from "../../../shared/access/sign-in/caller.ts";
import { pageSeal, pageToken } from "../../../shared/http/paging.ts";
import type { Task } from "../../../shared/schedules/state/task.ts";
import { TaskStore } from "../../../shared/schedules/state/task-store.ts";
import { neverSynced, type Sync } from "../../../shared/sync/state/sync.ts";
import { deliveryOf } from "../../../shared/webhooks/deliver.ts";
import { WebhookStore } from "../../../shared/webhooks/webhook-store.ts";
import { template, webhookFor } from "../support/sync-bodies.ts";
import { clientSecret } from "./attack/app.ts";
import { type Described, pathWith } from "./attack/document.ts";
import type { Inhabited } from "./attack/inhabited.ts";
import { startTwoTenants, type TwoTenants } from "./attack/two-tenants.ts";
import { adminToken } from "./door.ts";

// Hundreds of requests each, beside whatever else the machine is doing.
vi.setConfig({ testTimeout: 120_000 });

let two: TwoTenants;
/** A token of every list, taken by whoever sees everything: where it was taken, and the token. */
const taken: { readonly from: string; readonly path: string; readonly token: string }[] = [];
beforeAll(async () => {
  two = await startTwoTenants();
  for (const reason of ["one", "two"])
    await two.app.door.services.deadLetters.add({ queue: "q", reason, content: "c" });
  for (const { tenantId } of [two.mine, two.theirs]) await keepSyncs(tenantId);
  const items = [{ type: "roleScopeTag", key: "Tag", body: { displayName: "Tag" } }];
  for (const name of ["one", "two"])
    await two.app.admin("POST", "/api/v1/baselines", { name, message: name, items });
  templateId = await keepTemplates();
  for (const name of ["one", "two"])
    await two.app.admin("PUT", `/api/v1/calendars/${name}`, { displayName: name, dates: [] });
  await tellWebhook(two.theirs);
  for (const of of [two.mine, two.theirs]) await keepTasks(of);
  for (const each of lists())
    for (const of of each.path.includes("{tenantId}") ? [two.mine, two.theirs] : [two.theirs])
      taken.push({ from: each.id, ...(await secondPageOf(pathIn(each, of))) });
});
afterAll(() => two.app.stop());

let templateId = "";
/** Two templates, and two versions of one of them. */
async function keepTemplates(): Promise<string> {
  await two.app.admin("POST", "/api/v1/templates", template);
  const { body } = await two.app.admin("POST", "/api/v1/templates", template);
  const id = String(body["templateId"]);
  await two.app.admin("PUT", `/api/v1/templates/${id}`, {
    ...template,
    platforms: ["windows", "macOS"],
  });
  return id;
}

const taskId = "k".repeat(22);
/** Two tasks that everybody may see, and two times of one of them. */
async function keepTasks({ tenantId }: Inhabited): Promise<void> {
  const store = new TaskStore(two.app.door.services.storage.tables);
  const task: Task = {
    v: 1,
    taskId,
    tenantId,
    displayName: "one",
    kind: "sync",
    what: {},
    whole: true,
    schedule: { kind: "none" },
    startLateUpToMs: 0,
    overlap: "forbid",
    windows: [],
    longestRunMs: 0,
    cutoffMs: 0,
    enabled: true,
    isPublic: true,
    owner: bootstrapCaller,
    createdBy: principalOf(bootstrapCaller),
    createdAt: 0,
    updatedAt: 0,
  };
  for (const id of [taskId, "l".repeat(22)]) await store.insert({ ...task, taskId: id });
  const occurrence = { at: 0, name: "then", moved: false };
  for (const runId of ["1".repeat(22), "2".repeat(22)])
    await store.settle(task, { v: 1, runId, occurrence, outcome: "missed", decidedAt: 0 });
}

const webhookId = "w".repeat(22);
/** A webhook of the other tenant that was told two things; written as rows, since this app has no key for its secret. */
async function tellWebhook({ tenantId }: Inhabited): Promise<void> {
  const store = new WebhookStore(two.app.door.services.storage.tables);
  const owner = { kind: "user", tid: tenantId, oid: tenantId };
  const { url } = webhookFor(tenantId);
  await store.insert({
    v: 1,
    webhookId,
    url,
    events: ["sync.statusChanged"],
    tenantIds: [tenantId],
    owner,
    secrets: [],
    createdAt: 0,
    updatedAt: 0,
  });
  for (const eventId of ["one", "two"]) {
    const event = { eventId, at: 0, type: "sync.statusChanged", tenantId, data: {} } as const;
    await store.add({ ...deliveryOf({ webhookId }, event, ""), state: "delivered" });
  }
}

/** Two syncs that have ended, so that their list has a second page. */
async function keepSyncs(tenantId: string): Promise<void> {
  const syncs = ["1", "2"].map(
    (digit): Sync => ({
      v: 1,
      tenantId,
      syncId: digit.repeat(22),
      mode: "exportOnly",
      trigger: "manual",
      requestedBy: { kind: "user", id: tenantId },
      startedAt: 0,
      types: [],
      onMissingUser: "wait",
      skipped: [],
      phase: "done",
      replans: 0,
      leaseUntil: 0,
      touchedAt: 0,
      losses: 0,
    }),
  );
  const { store } = two.app.door.services.sync;
  const tenant = { value: neverSynced(tenantId, 0), etag: "" };
  await store.change(tenant, { syncs: syncs.map((value) => ({ value, etag: "" })) });
}

/** Lists that are read from Graph, which nobody answers for here: their tokens are sealed by the same door. */
const fromGraph: ReadonlySet<string> = new Set(["autopilot-devices-list"]);
const lists = (): Described[] =>
  two.app.operations.filter(
    ({ id, queryParameters }) => queryParameters.includes("pageToken") && !fromGraph.has(id),
  );

/** The path of a list, about what lies inside of the collection that some callers are limited to. */
const pathIn = (list: Described, { ids, collections, notifications, devices }: Inhabited): string =>
  pathWith(list, {
    ...ids,
    webhookId,
    taskId,
    templateId,
    collectionId: collections[0],
    notificationId: notifications[1],
    deviceId: devices[0] ?? "",
  });

async function secondPageOf(path: string, as = adminToken) {
  const { text, body } = await two.app.call({ path: `${path}?top=1`, token: as });
  const token = new URL(String(body["nextLink"]), "http://x").searchParams.get("pageToken");
  if (token === null) throw new Error(`${path} has no second page: ${text}`);
  return { path, token };
}

const follow = (path: string, token: string, as: string) =>
  two.app.call({ path: `${path}?top=1&pageToken=${encodeURIComponent(token)}`, token: as });

/** Every id of a tenant. */
const idsOf = ({ ids, devices, collections, notifications, approvals }: Inhabited): string[] => {
  const { part: _, siteCode: __, ...own } = ids;
  return [...Object.values(own), ...devices, ...collections, ...notifications, ...approvals];
};

/** Everything that can be read out of a token without a key: as it is, and unpacked as often as it goes. */
function readable(token: string): string {
  let text = token;
  for (let seen = "", depth = 0; depth < 4 && seen !== text; depth += 1) {
    seen = text;
    text += [...text.matchAll(/[\w+/-]{8,}={0,2}/g)]
      .map(([part]) => Buffer.from(part, "base64").toString("latin1"))
      .join(" ");
  }
  return text;
}

/** The id of the notification to everybody, where it is no secret. */
const history = (path: string): string =>
  path.endsWith("/history") ? two.mine.notifications[0] : "no id";

test("every list of the document gave a token", () => {
  expect(new Set(taken.map(({ from }) => from))).toEqual(new Set(lists().map(({ id }) => id)));
  expect(taken.length).toBeGreaterThan(20);
});

test("a token shows nobody what comes next, not even who may see it", () => {
  const ids = [...idsOf(two.mine), ...idsOf(two.theirs)];
  for (const { from, token } of taken)
    expect(
      ids.filter((id) => readable(token).includes(id)),
      from,
    ).toEqual([]);
});

test("a token is taken by its own list alone", async () => {
  for (const { path, token } of taken)
    for (const other of taken) {
      const { status, body } = await follow(other.path, token, adminToken);
      expect([status, body["code"]], `${path} at ${other.path}`).toEqual(
        path === other.path ? [200, undefined] : [400, "bad-page-token"],
      );
    }
});

describe("somebody else's token", () => {
  test.each(["administrator", "limited", "scanner", "partner", "nobody"] as const)(
    "gives the %s nothing of another tenant",
    async (name) => {
      const { mine, theirs, token: tokenOf } = two;
      for (const { path, token } of taken) {
        const { status, text } = await follow(path, token, tokenOf(name));
        // A webhook of others looks as if it were not there.
        expect(path.includes(webhookId) ? [403, 404] : [200, 400, 403], path).toContain(status);
        const shown = status === 200 ? text : text.replaceAll(path, "");
        expect(
          idsOf(theirs).filter((id) => shown.includes(id)),
          path,
        ).toEqual([]);
        expect(status === 403 || !path.includes(theirs.tenantId), path).toBe(true);
      }
      expect(taken.filter(({ path }) => path.includes(mine.tenantId)).length).toBeGreaterThan(8);
    },
  );

  test.each(["limited", "scanner"] as const)(
    "gives the %s nothing outside of their collection",
    async (name) => {
      const { mine, token: tokenOf } = two;
      const outside = [mine.collections[1], mine.notifications[0], ...mine.devices.slice(2)];
      const [inside = ""] = mine.devices;
      let shown = 0;
      for (const { path, token } of taken.filter((each) => each.path.includes(mine.tenantId))) {
        const pages = [
          await follow(path, token, tokenOf(name)),
          await two.app.call({ path, token: tokenOf(name) }),
        ];
        for (const { status, body } of pages) {
          // What one of their devices got is theirs to see, whoever else got it.
          const items = JSON.stringify(body["value"] ?? []).replaceAll(history(path), "");
          expect(
            outside.filter((id) => items.includes(id)),
            path,
          ).toEqual([]);
          if (status === 200 && items.includes(inside)) shown += 1;
        }
      }
      expect(shown).toBeGreaterThan(2);
    },
  );
});

test("a token that was made up is refused by every list, whoever presents it", async () => {
  // What is inside, as only the app can read it: whoever has the source can make such a thing.
  const { open } = pageSeal(clientSecret);
  for (const { path, token } of taken) {
    const inside = open(token) ?? "";
    const [, list = ""] = JSON.parse(Buffer.from(inside, "base64url").toString()) as string[];
    const forged = [
      inside,
      pageToken(list, "x"),
      token.slice(0, -4),
      token.slice(4),
      `${token}AAAA`,
      `${token.slice(0, 20)}${token[20] === "A" ? "B" : "A"}${token.slice(21)}`,
      "",
      "..",
      "%00",
    ];
    for (const text of forged) {
      const { status, body } = await follow(path, text, adminToken);
      expect([status, body["code"]], path).toEqual([400, "bad-page-token"]);
    }
  }
});

test("a list of tenants is as long as one's own tenants, page by page", async () => {
  const { app, mine, theirs, token } = two;
  const seen: string[] = [];
  let path: string | undefined = "/api/v1/tenants?top=1";
  let pages = 0;
  while (path !== undefined) {
    const { text, body } = await app.call({ path, token: token("administrator") });
    seen.push(text);
    pages += 1;
    const next = body["nextLink"] as string | undefined;
    path = next?.replace(app.url, "");
  }
  expect(pages).toBe(1);
  expect(seen.join()).toContain(mine.tenantId);
  expect(seen.join()).not.toContain(theirs.tenantId);
});
