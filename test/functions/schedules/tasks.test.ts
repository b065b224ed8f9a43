/** Tasks over the API: the page's folders, who may schedule what, and what is refused. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDueTasksFunction } from "../../../functions/schedules/tasks-due.queue.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { type Answered, adminToken, type Door, openDoor } from "../access/door.ts";
import { tasks } from "../support/sync-bodies.ts";

let door: Door;
let mine: string;
let theirs: string;
beforeAll(async () => {
  door = await openDoor();
  [mine, theirs] = [await door.fleet(3), await door.tenant()];
});
afterAll(() => door.stop());

const inTenant = (...tenantIds: string[]): Scope => ({ kind: "tenants", tenantIds });
const holder = (role: string, scope: Scope = inTenant(mine)) => door.holder(role, scope);
const operator = () => holder("operationsAdministrator");

const scan = { action: "endpointProtectionQuickScan", target: { kind: "tenant" } };
const body = { kind: "notification", displayName: "Scan", notification: scan };
const add = (token: string, over: object = {}, tenantId = mine): Promise<Answered> =>
  door.call("tasks-add", { token, params: { tenantId }, body: { ...body, ...over } });
const idOf = ({ body: made, status }: Answered): string => {
  expect(status, JSON.stringify(made)).toBe(201);
  return String(made["taskId"]);
};
const about = (name: string, token: string, taskId: string, more: object = {}) =>
  door.call(name, { token, params: { tenantId: mine, taskId }, ...more });
const folder = async (token: string, name: string): Promise<string[]> => {
  const { body: page } = await door.call("tasks-list", {
    token,
    params: { tenantId: mine },
    query: `?folder=${name}&top=100`,
  });
  return ((page["value"] as { taskId: string }[] | undefined) ?? []).map(({ taskId }) => taskId);
};
const soon = { schedule: { kind: "at", at: "2999-01-01T00:00:00Z" } };

describe("a task without a target or a time", () => {
  it("waits in the list until both are given, or it is deleted", async () => {
    const { token } = await operator();
    const { action } = scan;
    const made = await add(token, { notification: { action } });
    const taskId = idOf(made);
    expect(made.body).toMatchObject({ state: "waiting", waitsFor: ["target", "schedule"] });
    const timed = await about("tasks-schedule", token, taskId, { body: soon });
    expect(timed.body).toMatchObject({ state: "waiting", waitsFor: ["target"] });
    const aimed = await about("tasks-replace", token, taskId, { body: { ...body, ...soon } });
    expect(aimed.body).toMatchObject({
      state: "scheduled",
      stateNames: { en: "Scheduled", fr: "Planifiée" },
      next: { at: "2999-01-01T00:00:00.000Z" },
    });
    expect(await folder(token, "mine")).toContain(taskId);
    expect((await about("tasks-remove", token, taskId)).status).toBe(204);
    expect(await folder(token, "mine")).not.toContain(taskId);
  });
});

describe("the folders", () => {
  it("show one's own, public ones, both, and everybody's to administrators alone", async () => {
    const [ana, ben] = [await operator(), await operator()];
    const boss = await holder("infrastructureAdministrator");
    const secret = idOf(await add(ana.token));
    const open = idOf(await add(ana.token, { public: true }));
    const [seen, unseen] = [expect.arrayContaining([open]), expect.not.arrayContaining([secret])];
    expect(await folder(ana.token, "mine")).toEqual(expect.arrayContaining([secret, open]));
    for (const name of ["public", "all"]) expect(await folder(ben.token, name)).toEqual(seen);
    for (const name of ["mine", "public", "all"])
      expect(await folder(ben.token, name)).toEqual(unseen);
    expect(await folder(ben.token, "mine")).toEqual([]);
    expect((await about("tasks-get", ben.token, secret)).body["code"]).toBe("unknown-task");
    const users = await door.call("tasks-list", {
      token: ben.token,
      params: { tenantId: mine },
      query: "?folder=users",
    });
    expect(users.status).toBe(403);
    expect(await folder(boss.token, "users")).toEqual(expect.arrayContaining([secret, open]));
  });

  it("a public task becomes the task of whoever schedules it, and stays public", async () => {
    const [ana, ben] = [await operator(), await operator()];
    const taskId = idOf(await add(ana.token, { public: true }));
    const refused = await about("tasks-replace", ben.token, taskId, { body });
    expect(refused.body["code"]).toBe("forbidden");
    const taken = await about("tasks-schedule", ben.token, taskId, { body: soon });
    expect(taken.body).toMatchObject({ public: true, owner: { id: ben.oid } });
    expect(await folder(ben.token, "mine")).toContain(taskId);
    expect(await folder(ana.token, "mine")).not.toContain(taskId);
    expect(await folder(ana.token, "public")).toContain(taskId);
  });
});

async function runNow(taskId: string, task: Record<string, unknown>): Promise<void> {
  const { lookedAtNext } = task["next"] as { lookedAtNext: string };
  const places = [{ tenantId: mine, taskId, dueAt: Date.parse(lookedAtNext) }];
  const tools = { services: door.services, log: () => undefined };
  await runDueTasksFunction.handle({ places } as never, tools);
}

describe("what a task may do", () => {
  it("is what its owner may do when it is made", async () => {
    const { token } = await operator();
    const refused = await add(token, {
      notification: { action: "restart", target: { kind: "tenant" } },
    });
    expect([refused.status, refused.body["code"]]).toEqual([403, "forbidden"]);
    const sync = await door.call("tasks-add", {
      token,
      params: { tenantId: mine },
      body: { kind: "sync", displayName: "Night", sync: { mode: "plan" } },
    });
    expect(sync.body["code"]).toBe("forbidden");
    expect((await add(token, {}, theirs)).status).toBe(403);
  });

  it("is asked again when it runs: who may no longer is told so in its run, and nothing is sent", async () => {
    const ana = await operator();
    const taskId = idOf(await add(ana.token));
    const now = await about("tasks-schedule", ana.token, taskId, {
      body: { schedule: { kind: "now" } },
    });
    const { assignmentId } = ana;
    await door.call("assignments-remove", { token: adminToken, params: { assignmentId } });
    await runNow(taskId, now.body);
    const { body: runs } = await about("tasks-runs", adminToken, taskId);
    expect(runs["value"]).toMatchObject([{ outcome: "failed", code: "forbidden" }]);
  });

  it("runs at once where that is what was asked for, with its notification under the run's id", async () => {
    const { token } = await operator();
    const taskId = idOf(await add(token, { schedule: { kind: "now" } }));
    const { body: task } = await about("tasks-get", token, taskId);
    await runNow(taskId, task);
    const { body: runs } = await about("tasks-runs", token, taskId);
    const [run] = runs["value"] as { runId: string; outcome: string }[];
    expect(run).toMatchObject({ outcome: "started" });
    const sent = await door.call("notifications-get", {
      token,
      params: { tenantId: mine, notificationId: run?.runId ?? "" },
    });
    expect(sent.body).toMatchObject({ action: scan.action });
    expect((await about("tasks-get", token, taskId)).body).toMatchObject({ state: "done" });
  });
});

it("takes the example of docs/tasks.md as printed", async () => {
  const page = readFileSync(new URL("../../../docs/tasks.md", import.meta.url), "utf8");
  const printed = JSON.parse(/ -d '([^']*)'/.exec(page)?.[1] ?? "");
  const { token } = await operator();
  const params = { tenantId: mine };
  const made = await door.call("tasks-add", { token, params, body: printed });
  expect(made.body).toMatchObject({ state: "scheduled", next: { moved: false } });
});

describe("what is refused", () => {
  const daily = {
    kind: "recurring",
    rule: "FREQ=DAILY",
    start: "2026-12-01T02:00",
    timeZone: "UTC",
  };
  it.each([
    [
      "a zone that is none",
      { schedule: { ...daily, timeZone: "Mars/Olympus" } },
      "/schedule/timeZone",
    ],
    [
      "a day that is none",
      { schedule: { ...daily, start: "2026-02-30T02:00" } },
      "/schedule/start",
    ],
    ["a rule that is none", { schedule: { ...daily, rule: "FREQ=NEVER" } }, "/schedule/rule"],
    [
      "a rule that never happens",
      { schedule: { ...daily, rule: "FREQ=DAILY;UNTIL=20200101" } },
      "/schedule",
    ],
    ["a time in the past", { schedule: { kind: "at", at: "2020-01-01T00:00:00Z" } }, "/schedule"],
    [
      "a window that nothing fits",
      { windows: [{ opens: daily, minutes: 30 }], longestRun: "PT1H" },
      "/windows",
    ],
    [
      "a window with a rule that is none",
      { windows: [{ opens: { ...daily, rule: "X=1" }, minutes: 30 }] },
      "/windows/0/opens/rule",
    ],
    ["an action that is none", { notification: { action: "dance" } }, "/notification/action"],
    ["a kind that is none", { kind: "party" }, "/kind"],
  ])("%s, by its place, and nothing is kept", async (_, over, pointer) => {
    const { token } = await operator();
    const refused = await add(token, over);
    expect([refused.status, refused.body["code"]]).toEqual([400, "invalid-request"]);
    const pointers = (refused.body["errors"] as { pointer: string }[]).map((each) => each.pointer);
    expect(pointers).toContain(pointer);
    expect(await folder(token, "mine")).toEqual([]);
  });

  it("a version that somebody else has changed, and another kind", async () => {
    const { token } = await operator();
    const made = await add(token);
    const taskId = idOf(made);
    const headers = { "if-match": String(made.headers["etag"] ?? made.headers["ETag"]) };
    expect((await about("tasks-schedule", token, taskId, { body: soon, headers })).status).toBe(
      200,
    );
    const late = await about("tasks-schedule", token, taskId, { body: soon, headers });
    expect(late.status).toBe(412);
    const other = await about("tasks-replace", adminToken, taskId, { body: tasks[1] });
    expect([other.status, other.body["code"]]).toEqual([400, "invalid-request"]);
  });
});
