/** Shared calendars over the API: named by tasks and windows, changed under them, and not removed from under them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calendarPlaces } from "../../../shared/schedules/calendars.ts";
import { runDue, tellDue } from "../../../shared/schedules/run-tasks.ts";
import { TaskStore } from "../../../shared/schedules/state/task-store.ts";
import { passTime } from "../../support/passing-time.ts";
import { adminToken, type Door, openDoor } from "../access/door.ts";

let door: Door;
let tenantId: string;
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(2);
});
afterAll(() => door.stop());

const call = (name: string, ids: Record<string, string>, body?: object) => {
  const params = name.startsWith("calendars") ? ids : { tenantId, ...ids };
  return door.call(name, { token: adminToken, params, ...(body && { body }) });
};
const dayMs = 24 * 3_600_000;
const dateIn = (days: number) => new Date(Date.now() + days * dayMs).toISOString().slice(0, 10);
let made = 0;
/** A calendar of its own with dates. */
async function calendar(...dates: string[]): Promise<string> {
  made += 1;
  const calendarId = `days-${made}-${Date.now()}`;
  const put = await call("calendars-replace", { calendarId }, { displayName: "Days", dates });
  expect(put.status, JSON.stringify(put.body)).toBe(200);
  return calendarId;
}
const change = (calendarId: string, ...dates: string[]) =>
  call("calendars-replace", { calendarId }, { displayName: "Days", dates });
const daily = (calendarId: string, time = "12:00") => ({
  kind: "recurring",
  rule: "FREQ=DAILY",
  start: `${dateIn(-1)}T${time}`,
  timeZone: "UTC",
  calendars: [calendarId],
});
const body = (schedule: object, more: object = {}) => ({
  kind: "notification",
  displayName: "Scan",
  notification: { action: "endpointProtectionQuickScan", target: { kind: "tenant" } },
  schedule,
  ...more,
});
async function add(schedule: object, more: object = {}) {
  const { body: task } = await call("tasks-add", {}, body(schedule, more));
  expect(task, JSON.stringify(task)).toHaveProperty("taskId");
  return String(task["taskId"]);
}
async function nextDay(taskId: string): Promise<string | undefined> {
  const { body: task } = await call("tasks-get", { taskId });
  return (task["next"] as { at: string } | undefined)?.at.slice(0, 10);
}

/** What the minutes after a change do: for this file's calendars and tenant alone. */
async function minutesPass(calendarId: string): Promise<void> {
  class Own extends TaskStore {
    override async due(now: number, top: number, token?: string) {
      const page = await super.due(now, top, token);
      const own = new Map([
        [tenantId, undefined],
        [calendarPlaces, calendarId],
      ]);
      const places = page.places.filter(
        (place) =>
          own.has(place.tenantId) && [undefined, place.taskId].includes(own.get(place.tenantId)),
      );
      return { ...page, places };
    }
  }
  const { scheduling, storage } = door.services;
  for (let round = 0; round < 2; round += 1) {
    passTime(61_000);
    const places: { tenantId: string; taskId: string; dueAt: number }[] = [];
    const keep = {
      send: (_: string, { places: more }: { places: typeof places }) => places.push(...more),
    };
    const parts = { ...scheduling, store: new Own(storage.tables), queues: keep as never };
    await tellDue(parts, () => true);
    for (const place of places) await runDue(scheduling, place);
  }
}

describe("a calendar that a task names", () => {
  it("leaves its days out, and moves the task's next time when it changes, there and back", async () => {
    const [tomorrow, after, third] = [dateIn(1), dateIn(2), dateIn(3)];
    const calendarId = await calendar(dateIn(0), tomorrow);
    const taskId = await add(daily(calendarId));
    expect(await nextDay(taskId)).toBe(after);
    await change(calendarId, dateIn(0), tomorrow, after);
    await minutesPass(calendarId);
    expect(await nextDay(taskId)).toBe(third);
    await change(calendarId, dateIn(0));
    await minutesPass(calendarId);
    expect(await nextDay(taskId)).toBe(tomorrow);
  });

  it("is asked again when a task is due, before anybody has looked at the task anew", async () => {
    const calendarId = await calendar();
    const soon = new Date(Date.now() + 60_000).toISOString().slice(11, 16);
    const taskId = await add({ ...daily(calendarId, soon), start: `${dateIn(0)}T${soon}` });
    const { body: task } = await call("tasks-get", { taskId });
    const { lookedAtNext } = task["next"] as { lookedAtNext: string };
    await change(calendarId, lookedAtNext.slice(0, 10));
    passTime(120_000);
    const place = { tenantId, taskId, dueAt: Date.parse(lookedAtNext) };
    expect(await runDue(door.services.scheduling, place)).toBe("none");
    const { body: runs } = await call("tasks-runs", { taskId });
    expect(runs["value"]).toMatchObject([{ outcome: "missed", code: "excluded" }]);
  });

  it("cannot be removed, and says by whom; afterwards it can", async () => {
    const calendarId = await calendar(dateIn(9));
    const taskId = await add(daily(calendarId));
    const opens = daily(calendarId, "00:00");
    const window = { displayName: "Days", opens, minutes: 1440 };
    expect((await call("windows-replace", {}, { windows: [window] })).status).toBe(200);
    const refused = await call("calendars-remove", { calendarId });
    expect([refused.status, refused.body["code"]]).toEqual([409, "conflict"]);
    for (const user of [
      `task ${taskId} of tenant ${tenantId}`,
      `the windows of tenant ${tenantId}`,
    ])
      expect(refused.body["detail"]).toContain(user);
    await call("windows-replace", {}, { windows: [] });
    await call("tasks-replace", { taskId }, body({ kind: "none" }));
    expect((await call("calendars-remove", { calendarId })).status).toBe(204);
    expect((await call("calendars-get", { calendarId })).body["code"]).toBe("unknown-calendar");
  });

  it("keeps windows closed on its days", async () => {
    const calendarId = await calendar(dateIn(0), dateIn(1));
    const opens = daily(calendarId, "00:00");
    await call("windows-replace", {}, { windows: [{ displayName: "Days", opens, minutes: 60 }] });
    const tried = await call("tasks-preview", {}, body({ kind: "now" }, { startLateUpTo: "P7D" }));
    expect(tried.body["value"]).toMatchObject([{ beginsAt: `${dateIn(2)}T00:00:00.000Z` }]);
    await call("windows-replace", {}, { windows: [] });
  });
});

describe("what is refused", () => {
  it.each([
    ["a calendar that is none", { ...daily("nobodys-days") }, "/schedule/calendars"],
    ["a rule that a calendar leaves nothing of", { rule: "FREQ=DAILY;COUNT=1" }, "/schedule"],
  ])("%s", async (_, over, pointer) => {
    const calendarId = await calendar(dateIn(1));
    const start = `${dateIn(1)}T12:00`;
    const refused = await call("tasks-add", {}, body({ ...daily(calendarId), start, ...over }));
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body["errors"])).toContain(`"${pointer}"`);
  });
});
