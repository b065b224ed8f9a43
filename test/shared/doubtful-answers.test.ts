/** Answers that must not be believed: lists whose links lead in a circle, that are empty, or in the words of somebody in between. */
import { expect, test } from "vitest";
import type { GraphClient } from "../../shared/graph/client.ts";
import { grantedPermissions } from "../../shared/identity/consent.ts";
import { systemClock } from "../../shared/kernel/clock.ts";
import {
  ListWatch,
  managedDevices,
  registeredDevices,
} from "../../shared/provisioning/actions/watch.ts";
import { deregisteringBackEnd } from "../../shared/registration/graph/deregister.ts";
import { Inventory } from "../../shared/registration/graph/inventory.ts";
import { AutopilotLists } from "../../shared/registration/graph/lists.ts";
import { typeOf } from "../../shared/sync/catalogue/catalogue.ts";
import { named, shaped } from "../../shared/sync/items/canonical.ts";
import { nothingRead, type Reads, readType } from "../../shared/sync/reading/read-type.ts";

/** Graph, which answers every request in the same way, and counts them. */
function always(body: object) {
  let requests = 0;
  const answer = () => {
    requests += 1;
    return Promise.resolve({ kind: "ok", status: 200, body });
  };
  const readTogether = async (_: unknown, paths: readonly string[]) => ({
    kind: "answers",
    answers: await Promise.all(paths.map(answer)),
  });
  const graph = { ask: answer, follow: answer, read: answer, readTogether };
  return { graph: graph as unknown as GraphClient & Reads, requests: () => requests };
}

const asking = {
  tenantId: "t",
  asker: "t",
  graph: "beta",
  workload: "configurationReads",
} as const;
const partnerDevices = { of: () => Promise.resolve(undefined) };
const wait = () => Promise.resolve();
const type = typeOf("configurationPolicy");

const circle = { id: "a", value: [{ id: "a" }], "@odata.nextLink": "https://graph/next" };
const foreign = { status: "all is well" };

test.each([
  ["circle", circle],
  ["foreign", foreign],
])("no list is taken for whole: %s", async (_, body) => {
  const { graph, requests } = always(body);
  const lists = new AutopilotLists(graph, systemClock);
  expect(await lists.devices("t", 0)).toMatchObject({ kind: "unreadable" });
  const inventory = new Inventory({ graph, wait, partnerDevices });
  expect(await inventory.find("t", "1")).toMatchObject({ ok: false });
  const listed = await new ListWatch(graph, systemClock).latest("t", managedDevices);
  expect(listed.wholeSince).toBeUndefined();
  expect(listed.why).toBeDefined();
  const of = { tenantId: "t", clientId: "c" };
  expect(await grantedPermissions(graph, () => Promise.reject(new Error()), of)).toMatchObject({
    kind: "unknown",
  });
  const read = type && (await readType(graph, asking, type, nothingRead));
  expect(read).toMatchObject({ kind: "failed" });
  expect(requests()).toBeLessThan(80);
});

test("a nested list in a circle makes its item incomplete", async () => {
  const { graph, requests } = always(circle);
  const read =
    type &&
    (await readType(graph, asking, type, { ...nothingRead, items: [{ id: "a" }], listed: true }));
  expect(read).toMatchObject({
    kind: "read",
    reading: { incomplete: { a: expect.stringContaining("circle") } },
  });
  expect(requests()).toBeLessThan(10);
});

const page = (more: object) => ({
  kind: "ok",
  status: 200,
  body: { value: [{ id: "a", roleScopeTagIds: [] }], ...more },
});

test("a link that has run out begins the list anew", async () => {
  let first = true;
  const gone = {
    kind: "refused",
    reason: "other",
    code: "Directory_ExpiredPageToken",
    message: "",
  };
  const graph = {
    read: (_: unknown, target: object) => {
      if ("nextLink" in target) {
        first = false;
        return Promise.resolve(gone);
      }
      return Promise.resolve(page(first ? { "@odata.nextLink": "https://graph/next" } : {}));
    },
  } as unknown as Reads;
  const filter = typeOf("assignmentFilter");
  const read = filter && (await readType(graph, asking, filter, nothingRead));
  expect(read).toMatchObject({ kind: "read", reading: { items: [{ id: "a" }], requests: 3 } });
});

test("an item that moved from one page to the next while they were read is one item", async () => {
  const pages = [
    ["a", "b"],
    ["b", "c", "c"],
  ].map((ids) => ids.map((id) => ({ id })));
  const graph = {
    read: (_: unknown, target: object) => {
      const [value] = "nextLink" in target ? pages.slice(1) : pages;
      const more = "nextLink" in target ? {} : { "@odata.nextLink": "https://graph/next" };
      return Promise.resolve({ kind: "ok", status: 200, body: { value, ...more } });
    },
  } as unknown as Reads;
  const filter = typeOf("assignmentFilter");
  const read = filter && (await readType(graph, asking, filter, nothingRead));
  expect(read?.reading.items).toEqual([{ id: "a" }, { id: "b" }, { id: "c" }]);
});

const settings = (ids: readonly string[]) => ids.map((id) => ({ id }));

/** Reads a policy of three settings that brings two of them along, and where the list goes on. */
async function readPolicy(rest: readonly string[]) {
  const policy = typeOf("configurationPolicy");
  const more = { "settings@odata.nextLink": "https://graph/next", settingCount: 3 };
  const item = { id: "p", name: "P", assignments: [], settings: settings(["0", "1"]), ...more };
  const graph = {
    readTogether: () =>
      Promise.resolve({ kind: "answers", answers: [{ kind: "ok", status: 200, body: item }] }),
    read: () => Promise.resolve({ kind: "ok", status: 200, body: { value: settings(rest) } }),
  } as unknown as Reads;
  const from = { ...nothingRead, items: [{ id: "p" }], listed: true };
  const read = policy && (await readType(graph, asking, policy, from));
  const [raw] = read?.reading.items ?? [];
  const { flaw } = (policy && raw && named(shaped(policy, raw), () => undefined).entry) ?? {};
  return { incomplete: read?.reading.incomplete, flaw };
}

test("a setting that comes twice does not stand for one that is missing", async () => {
  const { incomplete } = await readPolicy(["1"]);
  expect(incomplete).toEqual({ p: "2 of 3 settings were read" });
});

test("a policy whose settings go on behind a link is whole when the link was followed", async () => {
  expect(await readPolicy(["2"])).toEqual({ incomplete: {}, flaw: undefined });
});

const toGroup = (groupId: string) => ({ id: groupId, target: { groupId } });

test("assignments that go on behind a link are followed to their end, too", async () => {
  const first = { assignments: [toGroup("a")], "assignments@odata.nextLink": "https://graph/next" };
  const listed = [
    { id: "p", ...first },
    { id: "q", assignments: [] },
  ];
  const graph = {
    read: (_: unknown, target: object) =>
      Promise.resolve({
        kind: "ok",
        status: 200,
        body: { value: "path" in target ? listed : [toGroup("b")] },
      }),
  } as unknown as Reads;
  const configuration = typeOf("deviceConfiguration");
  const read = configuration && (await readType(graph, asking, configuration, nothingRead));
  expect(read?.reading.incomplete).toEqual({});
  expect(read?.reading.items).toEqual([
    { id: "p", assignments: [toGroup("a"), toGroup("b")] },
    { id: "q", assignments: [] },
  ]);
});

const found = (value: readonly object[]) => ({ kind: "ok", status: 200, body: { value } });

test.each([
  ["later", found([{ id: "a", serialNumber: "S1" }])],
  ["done", found([])],
  ["later", { kind: "refused", status: 400, reason: "other", code: "BadRequest", message: "" }],
])(
  "an empty list of devices is %s to whoever takes one out and is told %j of it",
  async (kind, answer) => {
    const empty = { kind: "ok", status: 200, body: { value: [] } };
    const asksOnce = {
      ask: () => Promise.resolve(empty),
      askTogether: () => Promise.resolve([answer]),
    } as unknown as GraphClient;
    const lists = new AutopilotLists(asksOnce, systemClock);
    const backEnd = deregisteringBackEnd({ graph: asksOnce, lists, sync: () => Promise.resolve() });
    const asked = [{ item: { targetId: "1", at: 0 }, hardware: { serial: "S1" } }];
    const outcomes = await backEnd.execute({ tenantId: "t" } as never, asked as never, () => true);
    expect(outcomes.get("1")).toMatchObject({ kind });
  },
);

test("an empty list of devices takes none for gone, and one of registered devices only the second time", async () => {
  let now = Date.now();
  const watch = new ListWatch(always({ value: [] }).graph, { now: () => now });
  const whole = async () => {
    now += 20_000;
    const managed = await watch.latest("t", managedDevices);
    const registered = await watch.latest("t", registeredDevices);
    return [managed, registered].map(({ wholeSince }) => wholeSince !== undefined);
  };
  expect(await whole()).toEqual([false, false]);
  expect(await whole()).toEqual([false, true]);
  expect(await whole()).toEqual([false, true]);
});
