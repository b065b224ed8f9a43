/** Tasks over the API: the page's folders, who may schedule what, and what is refused. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDueTasksFunction } from "../../../functions/schedules/tasks-due.queue.ts";
import type { Scope } from "../../../shared/access/roles/decide.ts";
import { taskRunsCsv, taskRunsLines } from "../../../shared/schedules/contract.ts";
import type { Task } from "../../../shared/schedules/state/task.ts";
import { idOf as deviceIdOf } from "../../shared/devices/support/refresh-rig.ts";
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
const folder = async (token: string, name: string, owner = ""): Promise<string[]> => {
  const { body: page } = await door.call("tasks-list", {
    token,
    params: { tenantId: mine },
    query: `?folder=${name}&top=100${owner && `&owner=${owner}`}`,
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

describe("the folders, for four callers", () => {
  /** Scenario: Ben schedules Ana's public task. Carl owns a private one, and an administrator looks on. */
  it("follow a public task to whoever schedules it, and nothing else", async () => {
    const [ana, ben, carl] = [await operator(), await operator(), await operator()];
    const boss = await holder("infrastructureAdministrator");
    const [open, secret] = [
      idOf(await add(ana.token, { public: true })),
      idOf(await add(carl.token, { displayName: "Carl's" })),
    ];
    const all = [ana, ben, carl, boss];
    const where = async (taskId: string) => {
      const seen = await Promise.all(
        all.map(async ({ token }) => {
          const folders = ["mine", "public", "all", "users"];
          const lists = await Promise.all(folders.map((name) => folder(token, name)));
          return folders.filter((_, at) => lists[at]?.includes(taskId)).join(" ");
        }),
      );
      return Object.fromEntries(
        seen.map((folders, at) => [["ana", "ben", "carl", "boss"][at], folders]),
      );
    };
    const others = { carl: "public all", boss: "public all users" };
    expect(await where(open)).toEqual({ ana: "mine public all", ben: "public all", ...others });
    expect(await where(secret)).toEqual({ ana: "", ben: "", carl: "mine all", boss: "users" });

    const before = door.events.length;
    expect((await about("tasks-schedule", ben.token, open, { body: soon })).status).toBe(200);
    expect(await where(open)).toEqual({ ana: "public all", ben: "mine public all", ...others });
    // It shows among Ben's user tasks, and no longer among Ana's.
    const [bens, anas] = await Promise.all(
      [ben, ana].map(({ oid }) => folder(boss.token, "users", oid)),
    );
    expect([bens, anas]).toEqual([[open], []]);
    const query = `?owner=${ben.oid}`;
    const elsewhere = { token: boss.token, params: { tenantId: mine }, query };
    expect((await door.call("tasks-list", elsewhere)).body).toMatchObject({
      status: 400,
      errors: [{ pointer: "/query/owner" }],
    });
    const told = door.events.slice(before).filter(({ object }) => object === `task/${open}`);
    expect(told).toMatchObject([
      {
        actor: { id: ben.oid },
        before: { owner: { id: ana.oid } },
        after: { owner: { id: ben.oid }, public: true },
      },
    ]);

    // Whoever does not own it may schedule a public one and nothing else; a private one is not there for them.
    for (const [name, more] of [
      ["tasks-replace", { body }],
      ["tasks-remove", {}],
    ] as const) {
      expect((await about(name, ana.token, open, more)).body["code"]).toBe("forbidden");
      expect((await about(name, ana.token, secret, more)).body["code"]).toBe("unknown-task");
    }
    for (const name of ["tasks-get", "tasks-runs"])
      expect((await about(name, ana.token, secret)).status).toBe(404);
    const stolen = await about("tasks-schedule", ana.token, secret, { body: soon });
    expect(stolen.body["code"]).toBe("unknown-task");

    // It stays public: who had it takes it back the same way.
    expect((await about("tasks-schedule", ana.token, open, { body: soon })).status).toBe(200);
    expect(await where(open)).toMatchObject({ ana: "mine public all", ben: "public all" });
    expect((await about("tasks-remove", boss.token, secret)).status).toBe(204);
  });
});

describe("before a task is saved", () => {
  it("its next times are shown, which are moved, which no window lets begin, and to how many devices it goes", async () => {
    const { token } = await operator();
    // Two nights: one whose time the clock jumps over, and within a window; one a month later.
    const schedule = {
      kind: "recurring",
      rule: "FREQ=MONTHLY;BYMONTH=3,4;BYDAY=-1SU",
      start: "2026-01-01T02:30",
      timeZone: "Europe/Paris",
    };
    const march = { ...schedule, rule: "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU" };
    const tried = await door.call("tasks-preview", {
      token,
      params: { tenantId: mine },
      query: "?top=2",
      body: { ...body, schedule, windows: [{ opens: march, minutes: 60 }] },
    });
    expect(tried.body, JSON.stringify(tried.body)).toMatchObject({
      notification: { dryRun: true, action: scan.action, total: 3 },
    });
    const times = tried.body["value"] as { name: string; at: string }[];
    expect(times).toHaveLength(2);
    const [gap, plain] = times.toSorted((a, b) => a.name.slice(5).localeCompare(b.name.slice(5)));
    expect(gap).toMatchObject({
      moved: true,
      at: expect.stringMatching(/T01:00/),
      beginsAt: gap?.at,
    });
    expect(plain).toMatchObject({ moved: false, missed: "outside-windows" });
    expect(await folder(token, "mine")).toEqual([]);
  });

  it("is refused what saving it would be", async () => {
    const { token } = await operator();
    const restart = { action: "restart", target: { kind: "tenant" } };
    const params = { tenantId: mine };
    for (const [over, status] of [
      [{ notification: restart }, 403],
      [{ schedule: { kind: "at", at: "2020-01-01T00:00:00Z" } }, 400],
    ] as const) {
      const tried = await door.call("tasks-preview", { token, params, body: { ...body, ...over } });
      expect(tried.status).toBe(status);
    }
  });
});

it("gives a task's runs as CSV and as lines of JSON, as the list has them", async () => {
  const { token } = await operator();
  const taskId = idOf(await add(token, { schedule: { kind: "now" } }));
  await runNow(taskId, (await about("tasks-get", token, taskId)).body);
  const { body: page } = await about("tasks-runs", token, taskId);
  const [run] = page["value"] as { runId: string; decidedAt: string }[];
  const { tasks: book, scheduling } = door.services;
  const task = (await scheduling.store.get(mine, taskId))?.value as Task;
  const lines = await Array.fromAsync(taskRunsLines(book.allRuns(task)));
  expect(lines.map((line) => JSON.parse(line))).toEqual([run]);
  const csv = (await Array.fromAsync(taskRunsCsv(book.allRuns(task), undefined))).join("");
  const [header, row] = csv.split("\r\n");
  expect(header).toBe("runId,at,name,moved,outcome,code,reason,notToldSingly,decidedAt");
  expect(row).toMatch(new RegExp(`^${run?.runId},.*,started,,,,${run?.decidedAt}$`));
  for (const type of ["application/x-ndjson", "text/csv"]) {
    const sent = await about("tasks-runs", token, taskId, { headers: { accept: type } });
    expect(new Headers(sent.headers).get("content-type")).toContain(type);
  }
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

it("keeps a task for thousands of devices whole", async () => {
  const { token } = await operator();
  const deviceIds = Array.from({ length: 5_000 }, (_, nth) => deviceIdOf(nth));
  const notification = { action: scan.action, target: { kind: "devices", deviceIds } };
  const { body: kept } = await about("tasks-get", token, idOf(await add(token, { notification })));
  expect(kept).toMatchObject({ notification });
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
    ["an offset", { schedule: { ...daily, timeZone: "+01:00" } }, "/schedule/timeZone"],
    [
      "a window that its cut-off leaves only an instant of",
      { windows: [{ opens: daily, minutes: 30 }], cutoff: "PT30M" },
      "/windows",
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

it("a task of a type that nobody knows is refused with its place, and so are settings without any type", async () => {
  const task = { kind: "sync", displayName: "Night", sync: { types: ["roleScopeTag", "tags"] } };
  const params = { tenantId: mine };
  const refused = await door.call("tasks-add", { token: adminToken, params, body: task });
  expect(refused).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: "/sync/types/1", detail: "is no type of configuration" }] },
  });
  const none = { token: adminToken, params, body: { types: [] } };
  expect(await door.call("sync-settings-change", none)).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: "/types" }] },
  });
});
