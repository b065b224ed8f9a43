/** Maintenance windows over the API, and tasks that mind them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDue } from "../../../shared/schedules/run-tasks.ts";
import { passTime } from "../../support/passing-time.ts";
import { adminToken, type Door, openDoor } from "../access/door.ts";

let door: Door;
let tenantId: string;
let collectionId: string;
beforeAll(async () => {
  door = await openDoor();
  tenantId = await door.fleet(3);
  const rule = { property: "operatingSystem", operator: "equals", value: "Windows" };
  const made = await call("collections-add", { kind: "rule", name: "Kiosks", rule });
  collectionId = String(made.body["collectionId"]);
});
afterAll(() => door.stop());

const call = (name: string, body?: object, more: object = {}) =>
  door.call(name, { token: adminToken, params: { tenantId, ...more }, ...(body && { body }) });
const hourMs = 3_600_000;
/** Open from so many hours from now on, each day. */
const opens = (inHours: number) => ({
  kind: "recurring",
  rule: "FREQ=DAILY",
  start: new Date(Date.now() + inHours * hourMs).toISOString().slice(0, 16),
  timeZone: "UTC",
});
const window = (inHours: number, minutes: number, more: object = {}) => ({
  displayName: "Night",
  opens: opens(inHours),
  minutes,
  ...more,
});
const scan = { action: "endpointProtectionQuickScan" };
const task = (target: object, more: object = {}) => ({
  kind: "notification",
  displayName: "Scan",
  notification: { ...scan, target },
  schedule: { kind: "now" },
  startLateUpTo: "PT6H",
  ...more,
});

async function run(taskId: string): Promise<string> {
  const { body } = await call("tasks-get", undefined, { taskId });
  const { lookedAtNext } = body["next"] as { lookedAtNext: string };
  const place = { tenantId, taskId, dueAt: Date.parse(lookedAtNext) };
  return runDue(door.services.scheduling, place);
}

describe("windows of a tenant", () => {
  it("are none at first, and then what was put, for whoever read the newest", async () => {
    expect((await call("windows-get")).body).toEqual({ windows: [], exclusions: [] });
    const put = await call("windows-replace", { windows: [window(2, 60, { cutoff: "PT10M" })] });
    expect(put.body).toMatchObject({ windows: [{ minutes: 60, cutoffSeconds: 600 }] });
    const { headers } = await call("windows-get");
    const headersOf = { headers: { "if-match": String(headers["etag"] ?? headers["ETag"]) } };
    const again = { token: adminToken, params: { tenantId }, body: { windows: [] }, ...headersOf };
    expect((await door.call("windows-replace", again)).status).toBe(200);
    expect((await door.call("windows-replace", again)).status).toBe(412);
  });

  it("hold tasks back until they open, those of the collection that a task is for as well", async () => {
    await call("windows-replace", { windows: [window(2, 180), window(3, 60, { collectionId })] });
    const ids = [{ kind: "tenant" }, { kind: "collection", collectionId }].map(async (target) =>
      String((await call("tasks-add", task(target))).body["taskId"]),
    );
    const [all = "", some = ""] = await Promise.all(ids);
    expect([await run(all), await run(some)]).toEqual(["waits", "waits"]);
    passTime(2.5 * hourMs);
    expect([await run(all), await run(some)]).toEqual(["ran", "waits"]);
    passTime(hourMs);
    expect(await run(some)).toBe("ran");
    await call("windows-replace", { windows: [] });
  });
});

describe("what is refused", () => {
  it.each([
    [
      "a collection that is none",
      { windows: [window(1, 60, { collectionId: "none" })] },
      "/windows/0/collectionId",
    ],
    [
      "a window that its cut-off eats",
      { windows: [window(1, 60, { cutoff: "PT2H" })] },
      "/windows",
    ],
    [
      "a rule that is none",
      { windows: [{ ...window(1, 60), opens: { ...opens(1), rule: "X" } }] },
      "/windows/0/opens/rule",
    ],
    [
      "an exclusion that ends before it begins",
      {
        windows: [],
        exclusions: [
          { displayName: "F", from: "2027-01-02T00:00:00Z", to: "2027-01-01T00:00:00Z" },
        ],
      },
      "/exclusions/0/to",
    ],
  ])("%s, and nothing changes", async (_, body, pointer) => {
    const refused = await call("windows-replace", body);
    expect([refused.status, refused.body["code"]]).toEqual([400, "invalid-request"]);
    expect(JSON.stringify(refused.body["errors"])).toContain(`"${pointer}"`);
    expect((await call("windows-get")).body).toEqual({ windows: [], exclusions: [] });
  });

  it("windows of a collection that are never open with those of its tenant", async () => {
    const apart = { windows: [window(1, 60), window(5, 60, { collectionId })] };
    const refused = await call("windows-replace", apart);
    expect(refused.status).toBe(400);
  });

  it("a task that fits into none of its tenant's windows", async () => {
    await call("windows-replace", { windows: [window(1, 60)] });
    const refused = await call("tasks-add", task({ kind: "tenant" }, { longestRun: "PT2H" }));
    expect(JSON.stringify(refused.body["errors"])).toContain('"/windows"');
    await call("windows-replace", { windows: [] });
  });
});
