import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { GraphClient } from "../../../shared/graph/client.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import { answering, type Script, startOddServer } from "./odd-server.ts";

let server: Awaited<ReturnType<typeof startOddServer>>;
/** What the client asked for: tenant, and whether a fresh token. */
let tokens: [string, boolean][];
beforeAll(async () => {
  server = await startOddServer();
  // The first request of a process loads what requests need: its time is not what is tested here.
  await ask({ timeoutMs: 10_000 });
});
beforeEach(() => {
  tokens = [];
});
afterAll(() => server.stop());

const timeoutMs = 100;
const client = (change: Partial<ConstructorParameters<typeof GraphClient>[0]> = {}): GraphClient =>
  new GraphClient({
    baseUrl: server.url,
    token: (tenantId, fresh) => {
      tokens.push([tenantId, fresh]);
      return Promise.resolve(fresh ? "fresh" : "kept");
    },
    clock: systemClock,
    intercept: passThrough,
    timeoutMs,
    ...change,
  });
const ask = (change?: Parameters<typeof client>[0]) =>
  client(change).ask("t1", "v1.0", { method: "GET", path: "/devices" });

test("a request goes out as Graph wants it, with the tenant's token", async () => {
  server.answer(answering(200, { value: [] }));
  const body = { deviceIds: ["a"] };
  expect(await client().ask("t1", "beta", { method: "POST", path: "/x?y=1", body })).toEqual({
    kind: "ok",
    status: 200,
    body: { value: [] },
  });
  expect(server.seen).toMatchObject([
    {
      method: "POST",
      url: "/beta/x?y=1",
      body: JSON.stringify(body),
      headers: { authorization: "Bearer kept", "content-type": "application/json" },
    },
  ]);
  expect(server.seen[0]?.headers["client-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("no content is an answer", async () => {
  server.answer(answering(204, ""));
  expect(await ask()).toEqual({ kind: "ok", status: 204, body: undefined });
});

test.each([200, 401, 403, 404, 429, 503])("a gateway's page with %d is unclear", async (status) => {
  server.answer(answering(status, "<html>proxy</html>", { "content-type": "text/html" }));
  expect(await ask()).toMatchObject({ kind: "unclear", why: expect.stringContaining("proxy") });
  expect(server.seen).toHaveLength(1);
});

const cut: Script = (_seen, response) => void response.socket?.destroy();
const halfway: Script = (_seen, response) => {
  response.writeHead(200, { "content-length": "100" });
  response.write('{"va');
  setTimeout(() => response.socket?.destroy(), 5);
};
const never: Script = () => undefined;
const stuck: Script = (_seen, response) => {
  response.writeHead(200);
  response.write('{"va');
};

describe("nobody can tell whether it was done", () => {
  test.each([
    ["the connection is cut", cut],
    ["it is cut in the middle of the answer", halfway],
    ["no answer comes in time", never],
    ["the answer does not end in time", stuck],
  ])("when %s", async (_name, script) => {
    server.answer(script);
    const began = performance.now();
    expect(await ask()).toMatchObject({ kind: "unclear", why: expect.stringMatching(/./) });
    expect(performance.now() - began).toBeLessThan(timeoutMs * 10);
    expect(server.seen).toHaveLength(1);
  });

  test.each([never, stuck])(
    "and a smaller request may get an answer where the time was too short",
    async (script) => {
      server.answer(script);
      expect(await ask()).toMatchObject({ kind: "unclear", tooMuch: true });
      server.answer(cut);
      expect(await ask()).not.toHaveProperty("tooMuch");
    },
  );

  test("nor of what could not even be sent", async () => {
    server.answer(answering(200));
    const headers = { "If-Match": "a\nb" };
    const answer = await client().ask("t1", "v1.0", { method: "GET", path: "/x", headers });
    expect(answer).toMatchObject({ kind: "unclear", why: expect.stringContaining("If-Match") });
    expect(server.seen).toEqual([]);
  });

  test("when nobody listens", async () => {
    const gone = await startOddServer();
    await gone.stop();
    expect(await ask({ baseUrl: gone.url })).toMatchObject({ kind: "unclear" });
  });
});

const notAfresh = (_tenant: string, fresh: boolean) =>
  fresh ? Promise.reject(new Error("no network")) : Promise.resolve("kept");

const parts =
  (statusOf: (url: string, fresh: boolean) => number): Script =>
  (seen, response) => {
    const fresh = seen.headers.authorization === "Bearer fresh";
    const { requests } = JSON.parse(seen.body) as { requests: { id: string; url: string }[] };
    const responses = requests.map(({ id, url }) => ({
      id,
      status: statusOf(url, fresh),
      body: { error: { code: "c", message: "m" } },
    }));
    answering(200, { responses })(seen, response);
  };

describe("a refused token", () => {
  test("is asked for afresh, once", async () => {
    server.answer((seen, response) => {
      const isFresh = seen.headers.authorization === "Bearer fresh";
      answering(isFresh ? 200 : 401)(seen, response);
    });
    expect(await ask()).toMatchObject({ kind: "ok" });
    expect(tokens).toEqual([
      ["t1", false],
      ["t1", true],
    ]);
  });

  test("that is refused again may pass: Graph can be behind Entra", async () => {
    server.answer(answering(401, { error: { code: "InvalidAuthenticationToken", message: "" } }));
    expect(await ask()).toEqual({
      kind: "busy",
      why: "Graph refuses the token: InvalidAuthenticationToken",
    });
    expect(server.seen).toHaveLength(2);
  });

  const gets = ["/a", "/b", "/c"].map((path) => ({ method: "GET", path }) as const);

  test("in a part of a batch is renewed like outside, for that part only", async () => {
    server.answer(parts((url, fresh) => (url === "/b" ? (fresh ? 404 : 401) : 403)));
    expect(await client().askTogether("t1", "beta", gets)).toMatchObject([
      { kind: "refused", reason: "forbidden" },
      { kind: "refused", reason: "notFound" },
      { kind: "refused", reason: "forbidden" },
    ]);
    const [, second] = server.seen;
    expect(JSON.parse(second?.body ?? "").requests).toMatchObject([{ id: "0", url: "/b" }]);
    expect(server.seen).toHaveLength(2);
  });

  test("in a part that is refused again may pass", async () => {
    server.answer(parts((url) => (url === "/b" ? 401 : 403)));
    expect(await client().askTogether("t1", "beta", gets)).toMatchObject([
      { kind: "refused" },
      { kind: "busy", why: expect.stringContaining("Graph refuses the token") },
      { kind: "refused" },
    ]);
    expect(server.seen).toHaveLength(2);
  });

  test("whose successor cannot be had makes no second request", async () => {
    server.answer(answering(401));
    expect(await ask({ token: notAfresh })).toMatchObject({
      kind: "busy",
      why: expect.stringContaining("no network"),
    });
    expect(server.seen).toHaveLength(1);
  });
});

test("without a token nothing is asked of Graph, and the token is not asked for twice", async () => {
  server.answer(answering(200));
  let asked = 0;
  const token = () => {
    asked += 1;
    return Promise.reject(Object.assign(new Error("x"), { errorCode: "invalid_client" }));
  };
  expect(await ask({ token })).toMatchObject({ kind: "refused", reason: "signedOut" });
  expect(server.seen).toEqual([]);
  expect(asked).toBe(1);
});

test("signing in counts towards the time", async () => {
  const slow = { timeoutMs: 500, token: () => sleep(300, "slow") };
  server.answer((seen, response) => void setTimeout(answering(200), 300, seen, response));
  expect(await ask({ timeoutMs: 500 })).toMatchObject({ kind: "ok" });
  expect(await ask(slow)).toMatchObject({ kind: "unclear", tooMuch: true });
});

const neverToken = () => new Promise<string>(() => undefined);

test("a token that does not come in time ends the request, and nothing is asked of Graph", async () => {
  server.answer(answering(200));
  const began = performance.now();
  expect(await ask({ token: neverToken })).toMatchObject({
    kind: "busy",
    why: expect.stringContaining("does not answer in time"),
  });
  expect(performance.now() - began).toBeLessThan(timeoutMs * 10);
  expect(server.seen).toEqual([]);
});

describe("a next link", () => {
  test("is followed unchanged", async () => {
    server.answer(answering(200));
    await client().follow("t1", `${server.url}/v1.0/devices?$skiptoken=a%2Bb&$top=5`);
    expect(server.seen).toMatchObject([
      { method: "GET", url: "/v1.0/devices?$skiptoken=a%2Bb&$top=5" },
    ]);
  });

  test("is followed below a base with a path", async () => {
    server.answer(answering(200));
    const graph = client({ baseUrl: `${server.url}/graph` });
    await graph.ask("t1", "v1.0", { method: "GET", path: "/a" });
    await graph.follow("t1", `${server.url}/graph/v1.0/b`);
    expect(server.seen.map(({ url }) => url)).toEqual(["/graph/v1.0/a", "/graph/v1.0/b"]);
    expect(await graph.follow("t1", `${server.url}/other/v1.0/b`)).toMatchObject({
      code: "foreign-next-link",
    });
  });

  test.each([
    ["another host", () => "https://graph.example/v1.0/devices"],
    ["another port", () => server.url.replace(/:\d+$/, ":1/v1.0/devices")],
    ["another scheme", () => `${server.url.replace("http", "https")}/v1.0/devices`],
    ["a host dressed as ours", () => `${server.url}@graph.example/v1.0/devices`],
    ["us with a name", () => `${server.url.replace("//", "//name:word@")}/v1.0/devices`],
    ["a file", () => "file:///v1.0/devices"],
    ["nowhere", () => "/v1.0/devices"],
    ["nothing", () => ""],
  ])("to %s is refused, and our token stays here", async (_name, link) => {
    server.answer(answering(200));
    const refused = await client().follow("t1", link());
    expect(refused).toMatchObject({ code: "foreign-next-link" });
    expect(refused).toMatchObject({ message: expect.stringContaining(link()) });
    expect(server.seen).toEqual([]);
    expect(tokens).toEqual([]);
  });
});

describe("a next link that is written relative to what was asked", () => {
  test.each([
    ["/v1.0/devices?$skiptoken=a", "/v1.0/devices?$skiptoken=a"],
    ["?$skiptoken=a", "/v1.0/lists/devices?$skiptoken=a"],
    ["devices?$skiptoken=a", "/v1.0/lists/devices?$skiptoken=a"],
  ])("such as %s is followed, on the next page too", async (link, path) => {
    server.answer(answering(200, { value: [], "@odata.nextLink": link }));
    const lists = { method: "GET", path: "/lists/devices?$top=5" } as const;
    let answer = await client().ask("t1", "v1.0", lists);
    for (let page = 0; page < 2; page += 1) answer = await client().follow("t1", linkIn(answer));
    expect(server.seen.slice(1).map(({ url }) => url)).toEqual([path, path]);
  });

  test("is whole in a part of a batch too, whose address may have spaces", async () => {
    const body = { value: [], "@odata.nextLink": "?$skiptoken=a" };
    server.answer(answering(200, { responses: [{ id: "0", status: 200, body }] }));
    const path = "/lists/devices?$filter=a eq b";
    const [answer] = await client().askTogether("t1", "v1.0", [{ method: "GET", path }]);
    expect(answer && linkIn(answer)).toBe(`${server.url}/v1.0/lists/devices?$skiptoken=a`);
    expect(server.seen[0]?.body).toContain('"url":"/lists/devices?$filter=a%20eq%20b"');
  });

  test("and leads to another host by leaving the scheme out is refused", async () => {
    server.answer(answering(200, { value: [], "@odata.nextLink": "//graph.example/v1.0/devices" }));
    const answer = await client().ask("t1", "v1.0", { method: "GET", path: "/devices" });
    expect(await client().follow("t1", linkIn(answer))).toMatchObject({
      message: expect.stringContaining("http://graph.example/v1.0/devices"),
    });
    expect(server.seen).toHaveLength(1);
  });
});

const linkIn = (answer: Awaited<ReturnType<GraphClient["follow"]>>): string =>
  String(((answer.kind === "ok" ? answer.body : {}) as Record<string, unknown>)["@odata.nextLink"]);

test.each([301, 302, 303, 307, 308])("nobody is sent on elsewhere with %d", async (status) => {
  const elsewhere = await startOddServer();
  server.answer(answering(status, "", { location: `${elsewhere.url}/v1.0/x` }));
  const request = { method: "POST", path: "/x", body: { secret: "script" } } as const;
  expect(await client().ask("t1", "beta", request)).toMatchObject({
    kind: "unclear",
    why: expect.stringContaining(`sent on to ${elsewhere.url}/v1.0/x`),
  });
  expect(elsewhere.seen).toEqual([]);
  await elsewhere.stop();
});

describe("a batch", () => {
  const two = [
    { method: "GET", path: "/a" },
    { method: "GET", path: "/b" },
  ] as const;

  test("gives each request its own answer", async () => {
    const responses = [
      { id: "1", status: 404, body: { error: { code: "ResourceNotFound", message: "no" } } },
      { id: "0", status: 200, body: { x: 1 } },
    ];
    server.answer(answering(200, { responses }));
    expect(await client().askTogether("t1", "beta", two)).toMatchObject([
      { kind: "ok", body: { x: 1 } },
      { kind: "refused", reason: "notFound" },
    ]);
    expect(server.seen[0]).toMatchObject({ method: "POST", url: "/beta/$batch" });
  });

  test.each([
    [429, "throttled"],
    [503, "busy"],
    [500, "unclear"],
    [403, "refused"],
  ])("that is answered %d as a whole is %s for each", async (status, kind) => {
    server.answer(answering(status, { error: { code: "c", message: "m" } }));
    expect(await client().askTogether("t1", "v1.0", two)).toMatchObject([{ kind }, { kind }]);
  });

  test("whose answer is no batch is unclear for each", async () => {
    server.answer(answering(200, "<html>"));
    const unclear = { kind: "unclear" };
    expect(await client().askTogether("t1", "v1.0", two)).toMatchObject([unclear, unclear]);
  });
});

describe("every method", () => {
  test.each(["POST", "PATCH", "PUT"] as const)(
    "%s takes a body, by itself and in a batch",
    async (method) => {
      server.answer(answering(200, { responses: [] }));
      const request = { method, path: "/deviceManagement/x/1", body: { a: 1 } };
      await client().ask("t1", "beta", request);
      await client().askTogether("t1", "beta", [request]);
      expect(server.seen[0]).toMatchObject({
        method,
        body: '{"a":1}',
        headers: { "content-type": "application/json" },
      });
      expect(JSON.parse(server.seen[1]?.body ?? "").requests).toMatchObject([
        { method, body: { a: 1 }, headers: { "Content-Type": "application/json" } },
      ]);
    },
  );

  test("DELETE and GET take none, and what is asked beside it goes along", async () => {
    server.answer(answering(204, ""));
    const headers = { "If-Match": 'W/"1"', ConsistencyLevel: "eventual" };
    for (const method of ["DELETE", "GET"] as const)
      await client().ask("t1", "v1.0", { method, path: "/x", headers });
    expect(server.seen).toMatchObject(
      ["DELETE", "GET"].map((method) => ({
        method,
        body: "",
        headers: { "if-match": 'W/"1"', consistencylevel: "eventual" },
      })),
    );
    expect(server.seen.map((seen) => seen.headers["content-type"])).toEqual([undefined, undefined]);
    await client().follow("t1", `${server.url}/v1.0/x?$skiptoken=1`, headers);
    expect(server.seen[2]?.headers).toMatchObject({ consistencylevel: "eventual" });
  });
});

test("the answer has Graph's headers that say something, and no others", async () => {
  const kept = { etag: 'W/"2"', location: "https://x/1", "retry-after": "3", "request-id": "r" };
  server.answer(answering(201, {}, { ...kept, "set-cookie": "secret" }));
  const answer = await client().ask("t1", "beta", { method: "POST", path: "/x" });
  expect(answer.headers).toEqual(kept);
});

const reasonIn = (headers: Record<string, unknown> | undefined): string =>
  Buffer.from(String(headers?.["x-msft-approval-justification"]), "base64").toString();

describe("a write to Intune", () => {
  test("says why it is made, in a batch too; its approval code takes the place of that", async () => {
    server.answer(answering(200, { responses: [] }));
    const request = {
      method: "PATCH",
      path: "/deviceManagement/deviceConfigurations/1",
      justification: "é".repeat(2000),
    } as const;
    await client().ask("t1", "beta", request);
    await client().askTogether("t1", "beta", [{ ...request, justification: "why" }]);
    await client().ask("t1", "beta", { ...request, approvalCode: "c" });
    const [single, batch, approved] = server.seen;
    expect(reasonIn(single?.headers)).toBe("é".repeat(1024));
    expect(batch?.headers).not.toHaveProperty("x-msft-approval-justification");
    expect(reasonIn(JSON.parse(batch?.body ?? "").requests[0].headers)).toBe("why");
    expect(approved?.headers).toMatchObject({ "x-msft-approval-code": "c" });
    expect(approved?.headers).not.toHaveProperty("x-msft-approval-justification");
  });

  test("is told from a read and from writes elsewhere", async () => {
    server.answer(answering(200));
    for (const [method, path] of [
      ["GET", "/deviceManagement/x"],
      ["POST", "/groups"],
      ["POST", "/deviceManagementX/y"],
    ] as const)
      await client().ask("t1", "beta", { method, path });
    for (const { headers } of server.seen)
      expect(headers).not.toHaveProperty("x-msft-approval-justification");
  });

  test.each([403, 412])(
    "that is held is known by the header, whatever the status: %d",
    async (status) => {
      const error = { error: { code: "ApprovalRequired", message: "m" } };
      server.answer(answering(status, error, { "x-msft-approval-code": "c-1" }));
      expect(await client().ask("t1", "beta", { method: "PATCH", path: "/x" })).toMatchObject({
        kind: "approvalNeeded",
        approvalCode: "c-1",
        why: "ApprovalRequired: m",
      });
    },
  );
});

const personsToken = async (fresh: boolean) => (fresh ? "person afresh" : "person");

describe("an account that asks", () => {
  test("is asked for its own token, afresh when Graph refuses it, and never for the app's", async () => {
    server.answer((seen, response) => {
      const isFresh = seen.headers.authorization === "Bearer person afresh";
      answering(isFresh ? 200 : 401)(seen, response);
    });
    const asker = { tenantId: "t1", token: personsToken };
    expect(await client().ask(asker, "v1.0", { method: "GET", path: "/me" })).toMatchObject({
      kind: "ok",
    });
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer person",
      "Bearer person afresh",
    ]);
    expect(tokens).toEqual([]);
  });

  test("and has to sign in again is a refusal, with nothing asked of Graph", async () => {
    server.answer(answering(200));
    const gone = Object.assign(new Error("x"), { errorCode: "invalid_grant", status: 400 });
    const asker = { tenantId: "t1", token: () => Promise.reject(gone) };
    expect(await client().ask(asker, "v1.0", { method: "GET", path: "/me" })).toMatchObject({
      kind: "refused",
      reason: "signedOut",
    });
    expect(server.seen).toEqual([]);
  });
});

describe("parts that depend on each other", () => {
  test("are asked again together when the token of the first was refused", async () => {
    server.answer(parts((url, fresh) => (fresh || url === "/a" ? 204 : url === "/b" ? 401 : 424)));
    const chain = ["/a", "/b", "/c"].map(
      (path, at) => ({ method: "DELETE", path, dependsOn: at === 0 ? [] : [at - 1] }) as const,
    );
    const answers = await client().askTogether("t1", "beta", chain);
    expect(answers.map(({ kind }) => kind)).toEqual(["ok", "ok", "ok"]);
    const again = JSON.parse(server.seen[1]?.body ?? "").requests;
    expect(again).toMatchObject([{ url: "/b" }, { url: "/c", dependsOn: ["0"] }]);
    expect(again[0]).not.toHaveProperty("dependsOn");
  });

  test("are not asked for at all when they are more than a batch holds", async () => {
    server.answer(answering(200));
    const many = Array.from({ length: 21 }, () => ({ method: "GET", path: "/a" }) as const);
    await expect(client().askTogether("t1", "beta", many)).rejects.toThrow(RangeError);
    expect(server.seen).toEqual([]);
  });
});
