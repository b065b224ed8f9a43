/** The relay's pure parts: a claim as its journal tells it, counts as outcomes, answers, own operations. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { begin, choose, type Entry, isClosed, type Work } from "../../relay/base/claim.ts";
import { openJournal, persistentId, replay } from "../../relay/claims/journal.ts";
import { deviceOf } from "../../relay/inventory.ts";
import { readSettings } from "../../relay/settings.ts";
import { outcomeOf, type Started, startedOf } from "../../relay/site/admin-service.ts";
import { odataReader } from "../../relay/site/transport.ts";

const targets = [1, 2, 3].map((at) => ({ deviceId: `d${at}`, resourceId: at }));
const work: Work = {
  claimId: "c1",
  mark: 100,
  notificationId: "n1",
  action: "restart",
  operationType: 17,
  parameters: {},
  expiresAt: "2026-01-01T00:00:00Z",
  devices: targets,
  again: false,
};

const { operationType: restart, ...push } = work;
const sizes = (operationType: number | undefined, size: number): number[] => {
  const cut = operationType === undefined ? push : { ...work, operationType };
  return begin(cut, size, 1).batches.map((batch) => batch.targets.length);
};

describe("a claim", () => {
  test("is cut into batches, one device each for scripts, queries and client push", () => {
    expect(sizes(restart, 2)).toEqual([2, 1]);
    expect(sizes(17, 500)).toEqual([3]);
    expect(sizes(135, 500)).toEqual([1, 1, 1]);
    expect(sizes(145, 500)).toEqual([1, 1, 1]);
    expect(sizes(undefined, 500)).toEqual([1, 1, 1]);
  });

  test("given out again begins with a look at the site", () => {
    const [batch] = begin({ ...work, again: true }, 500, 1).batches;
    expect(batch?.state).toMatchObject({ kind: "calling", after: 100, sure: false });
  });

  test("is closed when Muster knows every outcome", () => {
    const entries: Entry[] = [
      { kind: "claimed", work, batchSize: 2, term: 1 },
      { kind: "moved", claimId: "c1", batch: 0, state: { kind: "reported" } },
      {
        kind: "moved",
        claimId: "c1",
        batch: 1,
        state: { kind: "started", operationId: 7, reported: true },
      },
    ];
    const last: Entry = { kind: "moved", claimId: "c1", batch: 1, state: { kind: "reported" } };
    const closed = (count: number): boolean => {
      const lines = [...entries, last].slice(0, count).map((entry) => JSON.stringify(entry));
      const claim = replay(lines.join("\n")).get("c1");
      return claim !== undefined && isClosed(claim);
    };
    expect([closed(2), closed(3), closed(4)]).toEqual([false, false, true]);
  });
});

describe("the journal", () => {
  const settled: Entry = {
    kind: "moved",
    claimId: "c1",
    batch: 0,
    state: { kind: "settled", outcome: { outcome: "done" } },
  };

  test("gives back what was written, without closed claims and torn lines", () => {
    const home = mkdtempSync(join(tmpdir(), "journal-"));
    const first = openJournal(home);
    first.write({ kind: "claimed", work, batchSize: 2, term: 1 });
    first.write(settled);
    first.write({ kind: "claimed", work: { ...work, claimId: "c2" }, batchSize: 500, term: 1 });
    first.write({ kind: "closed", claimId: "c2" });
    const before = first.claims();
    first.close();
    const path = join(home, "journal.ndjson");
    writeFileSync(path, `${readFileSync(path, "utf8")}{"kind":"closed","cla`);
    const second = openJournal(home);
    expect(second.claims()).toEqual(before);
    expect([...second.claims().keys()]).toEqual(["c1"]);
    second.close();
    expect(replay(readFileSync(path, "utf8"))).toEqual(before);
    rmSync(home, { recursive: true });
  });

  test("that grows long begins anew with what is open", () => {
    const home = mkdtempSync(join(tmpdir(), "journal-"));
    const journal = openJournal(home, 40);
    const told: Entry = { ...settled, state: { kind: "reported" } };
    journal.write({ kind: "claimed", work, batchSize: 2, term: 1 });
    for (let times = 0; times < 25; times += 1) {
      journal.write(settled);
      journal.write(told);
    }
    journal.close();
    const text = readFileSync(join(home, "journal.ndjson"), "utf8");
    expect(text.split("\n").length).toBeLessThan(25);
    expect(replay(text)).toEqual(journal.claims());
    rmSync(home, { recursive: true });
  });

  test("unreadable in the middle is refused: a step would be forgotten", () => {
    const line = JSON.stringify({ kind: "claimed", work, batchSize: 2, term: 1 });
    expect(() => replay(`${line}\n{"kind":\n${line}\n`)).toThrow("line 2");
  });
});

const counts = (completed: number, failed: number, offline: number, unknown: number) => ({
  total: completed + failed + offline + unknown,
  completed,
  failed,
  offline,
  unknown,
});

test.skipIf(process.platform === "win32")(
  "nobody but its owner reads the journal or the ids, also where the folder and its files were open before",
  () => {
    const home = mkdtempSync(join(tmpdir(), "relay-home-"));
    writeFileSync(join(home, "journal.ndjson"), "");
    writeFileSync(join(home, "journal.ndjson.new"), "");
    writeFileSync(join(home, "old-id"), "6f3c2a10-0000-4000-8000-000000000001");
    for (const name of readdirSync(home)) chmodSync(join(home, name), 0o644);
    chmodSync(home, 0o755);
    try {
      openJournal(home).close();
      persistentId(home, "old-id");
      persistentId(home, "new-id");
      expect(statSync(home).mode & 0o777).toBe(0o700);
      const modes = readdirSync(home).map((name) => [
        name,
        (statSync(join(home, name)).mode & 0o777).toString(8),
      ]);
      expect(modes).toEqual([
        ["journal.ndjson", "600"],
        ["new-id", "600"],
        ["old-id", "600"],
      ]);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);

describe("the site's counts", () => {
  test.each([
    ["all done", counts(3, 0, 0, 0), "done", "done"],
    ["all failed", counts(0, 3, 0, 0), "failed", "failed"],
    ["all offline", counts(0, 0, 3, 0), undefined, "offline"],
    ["nobody yet", counts(0, 0, 0, 3), undefined, "unknown"],
    ["some done, some offline", counts(2, 0, 1, 0), undefined, "unknown"],
    ["done and failed, all told", counts(2, 1, 0, 0), "unknown", "unknown"],
    // A site counts late: two of three targets are not all of them.
    ["fewer than asked for", counts(2, 0, 0, 0), undefined, "unknown"],
  ])("%s", (_, given, early, final) => {
    expect(outcomeOf(given, 3, false)?.outcome).toBe(early);
    expect(outcomeOf(given, 3, true)?.outcome).toBe(final);
  });
});

const answer = (status: number, body?: unknown): Started =>
  startedOf({ kind: "answer", status, body });

const page = "<html><title>IIS 10.0 Detailed Error</title></html>";
const denied = JSON.stringify({ error: { code: "", message: "Access denied" } });

describe("the site's answer to a call", () => {
  test.each([
    ["an operation", answer(201, { ReturnValue: 0, OperationID: 7 }), "started"],
    ["a script", answer(201, { value: 7 }), "started"],
    ["a query on a device", answer(200, { value: { OperationId: 7 } }), "started"],
    ["a query on a collection", answer(200, { OperationId: 7 }), "started"],
    ["another return value", answer(200, { ReturnValue: 5, OperationID: 0 }), "refused"],
    ["success without a number", answer(200, {}), "unclear"],
    ["400", answer(400), "refused"],
    ["403", answer(403), "refused"],
    ["404", answer(404), "refused"],
    ["401", answer(401), "busy"],
    ["429", answer(429), "busy"],
    ["503", answer(503), "busy"],
    ["500", answer(500), "unclear"],
    ["504", answer(504), "unclear"],
    ["a page with 200", answer(200, page), "unclear"],
    ["a page with 403", answer(403, page), "unclear"],
    ["a page with 404", answer(404, page), "unclear"],
    ["a page with 503", answer(503, page), "unclear"],
    ["a page that asks for credentials", answer(401, page), "busy"],
    ["404 for a missing right", answer(404, denied), "refused"],
    ["never sent", startedOf({ kind: "lost", sent: false, why: "refused" }), "busy"],
    ["cut", startedOf({ kind: "lost", sent: true, why: "cut" }), "unclear"],
  ])("%s is %s", (_, started, kind) => {
    expect(started).toMatchObject(kind === "started" ? { kind, operationId: 7 } : { kind });
  });
});

const base = "https://site.example/AdminService";

const pushed = (status: number, body?: unknown): Started =>
  startedOf({ kind: "answer", status, body }, true);

describe("the site's answer to a client push", () => {
  test.each([
    ["0", pushed(201, { ReturnValue: 0 }), "started"],
    ["1, as for a system that it does not know", pushed(201, { ReturnValue: 1 }), "refused"],
    ["success without a return value", pushed(200, {}), "unclear"],
    ["a return value that is no number", pushed(200, { ReturnValue: "0" }), "unclear"],
    ["an operation's number alone", pushed(200, { OperationID: 7 }), "unclear"],
    ["404 for a missing right", pushed(404, denied), "refused"],
    ["a page with 200", pushed(200, page), "unclear"],
    ["504", pushed(504), "unclear"],
  ])("%s is read for what it says", (_, started, kind) => {
    expect(started.kind).toBe(kind);
    expect(started).not.toHaveProperty("operationId");
  });
});

const reading = (status: number, body: unknown) =>
  odataReader(() => Promise.resolve({ kind: "answer", status, body }), base);

describe("what is read from the site", () => {
  test.each([
    ["404 without a word", 404, ""],
    ["404 in the site's words", 404, { error: { code: "", message: "Not found." } }],
  ])("is not there after %s", async (_, status, body) => {
    expect(await reading(status, body).one("/x")).toBeUndefined();
  });

  test.each([
    ["a page with 404", 404, page],
    ["a page with 200", 200, page],
    ["404 for a missing right", 404, denied],
    ["an error with 200", 200, { error: { code: "c", message: "m" } }],
  ])("is unreadable after %s, and the reason is told", async (_, status, body) => {
    const { one, list } = reading(status, body);
    await expect(one("/x")).rejects.toThrow(/IIS 10.0|Access denied|: m/);
    await expect(list("/x")).rejects.toThrow(/IIS 10.0|Access denied|: m/);
  });
});

/** A site whose lists go on where `links` say; the paths that it was asked for. */
function pagesOf(links: readonly (string | undefined)[]) {
  const paths: string[] = [];
  const { list } = odataReader(({ path }) => {
    paths.push(path);
    const link = links[paths.length - 1];
    const next = link === undefined ? {} : { "@odata.nextLink": link };
    return Promise.resolve({
      kind: "answer",
      status: 200,
      body: { value: [{ ID: paths.length }], ...next },
    });
  }, base);
  return { paths, rows: list("/wmi/SMS_ClientOperation?$select=ID") };
}

describe("a list of the site that goes on elsewhere", () => {
  test("is read to its end, however its pages are linked", async () => {
    const { paths, rows } = pagesOf(["?page=2", `${base}/wmi/B?page=3`, "B?page=4", undefined]);
    expect(await rows).toEqual([{ ID: 1 }, { ID: 2 }, { ID: 3 }, { ID: 4 }]);
    expect(paths.slice(1)).toEqual([
      "/wmi/SMS_ClientOperation?page=2",
      "/wmi/B?page=3",
      "/wmi/B?page=4",
    ]);
  });

  test.each([
    ["another host", "https://elsewhere.example/AdminService/wmi/A"],
    ["another host without a scheme", "//elsewhere.example/AdminService/wmi/A"],
    ["plain http", "http://site.example/AdminService/wmi/A"],
    ["another port", "https://site.example:444/AdminService/wmi/A"],
    ["another application of the host", "https://site.example/Other/A"],
    ["a name", "https://relay:secret@site.example/AdminService/wmi/A"],
    ["no address", "https://"],
  ])("namely at %s is unreadable, and our credentials stay", async (_, link) => {
    const { paths, rows } = pagesOf([link]);
    await expect(rows).rejects.toThrow(/goes on at .*(elsewhere|site\.example|https:\/\/)/);
    expect(paths).toHaveLength(1);
  });

  test("in a circle is unreadable", async () => {
    const { paths, rows } = pagesOf(["?a", "?b", "?a", "?b"]);
    await expect(rows).rejects.toThrow("do not end");
    expect(paths).toHaveLength(3);
  });
});

describe("among the site's operations", () => {
  test.each([
    ["the one with the same targets is ours, in any order", [[3, 1, 2]], "ours"],
    ["one with fewer targets is not", [[1, 2]], "none"],
    ["one with more targets is not", [[1, 2, 3, 4]], "none"],
    ["one whose targets are not shown leaves it open", [undefined], "unsure"],
    ["ours is ours beside one that is not shown", [undefined, [1, 2, 3]], "ours"],
    ["none is none", [], "none"],
  ])("%s", (_, listed, kind) => {
    const operations = listed.map((ids, at) => ({ id: at + 1, targets: ids }));
    expect(choose(operations, targets, true).kind).toBe(kind);
  });

  test.each([
    ["the same targets are ours", [[1, 2, 3]], "ours"],
    ["some of the same may have been ours", [[3, 4]], "unsure"],
    ["none of the same were not", [[4, 5]], "none"],
  ])("without a journal, %s", (_, listed, kind) => {
    const operations = listed.map((ids, at) => ({ id: at + 1, targets: ids }));
    expect(choose(operations, targets, false).kind).toBe(kind);
  });
});

test.each([
  [
    "a full system",
    { AADDeviceID: "ABCDEF00-0000-4000-8000-00000000000A" },
    "abcdef00-0000-4000-8000-00000000000a",
  ],
  ["no Entra id", { AADDeviceID: null }, undefined],
  ["an Entra id of zeros", { AADDeviceID: "00000000-0000-0000-0000-000000000000" }, undefined],
])("%s is handed in as Muster takes it", (_, row, entraDeviceId) => {
  const device = deviceOf({ ResourceId: 5, Name: "PC", Build: "10.0.26100", Client: 1, ...row });
  expect(device).toEqual({
    resourceId: 5,
    name: "PC",
    osVersion: "10.0.26100",
    ...(entraDeviceId === undefined ? {} : { entraDeviceId }),
  });
});

test.each([
  [1, undefined],
  [true, undefined],
  [0, false],
  [null, false],
])("a system whose Client is %s is handed in with client: %s", (Client, client) => {
  expect(deviceOf({ ResourceId: 5, Name: "PC", Client }).client).toBe(client);
});

describe("settings", () => {
  const good = {
    RELAY_MUSTER_URL: "https://muster.contoso.com/",
    RELAY_MUSTER_TOKEN: "token",
    RELAY_TENANT_ID: "6F3C2A10-0000-4000-8000-000000000001",
    RELAY_SITE_CODE: "p01",
    RELAY_ADMIN_SERVICE_URL: "https://site.contoso.com/AdminService",
    RELAY_QUEUE_URL: "https://a.queue.core.windows.net/site-p01-0123abcd?sv=x&sig=y",
    RELAY_HOME: "/var/lib/muster-relay",
  };

  test("are read as they are meant", () => {
    expect(readSettings(good)).toMatchObject({
      muster: { url: "https://muster.contoso.com" },
      tenantId: good.RELAY_TENANT_ID.toLowerCase(),
      siteCode: "P01",
      site: { auth: { kind: "negotiate", curl: "curl" }, collectionId: "SMS00001" },
      queue: { kind: "url", url: good.RELAY_QUEUE_URL },
      devicesPerOperation: 500,
    });
  });

  test("that are wrong are all named at once", () => {
    const wrong = {
      ...good,
      RELAY_TENANT_ID: "x",
      RELAY_SITE_CODE: "long",
      RELAY_QUEUE_URL: undefined,
    };
    const read = () => readSettings({ ...wrong, RELAY_ADMIN_SERVICE_AUTH: "basic" });
    for (const name of [
      "RELAY_TENANT_ID",
      "RELAY_SITE_CODE",
      "RELAY_QUEUE_URL",
      "RELAY_ADMIN_SERVICE_USER",
    ])
      expect(read).toThrow(name);
  });

  test("refuse every plain address that leaves the machine, all at once", () => {
    const names = [
      "RELAY_MUSTER_URL",
      "RELAY_ADMIN_SERVICE_URL",
      "RELAY_AUTHORITY_URL",
      "RELAY_QUEUE_URL",
    ];
    const plain = Object.fromEntries(names.map((name) => [name, "http://site.contoso.com/"]));
    const connection =
      "DefaultEndpointsProtocol=http;AccountName=fleet;AccountKey=a2V5;EndpointSuffix=core.windows.net";
    const read = () => readSettings({ ...good, ...plain, RELAY_STORAGE_CONNECTION: connection });
    for (const name of [...names, "RELAY_STORAGE_CONNECTION"]) expect(read).toThrow(name);
    for (const name of names)
      expect(() => readSettings({ ...good, [name]: "http://127.0.0.1:7/x" })).not.toThrow();
  });
});
