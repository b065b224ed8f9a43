/** Functions that stream, in a running host, with its home page and what happens where no answer comes. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createConnection, type Socket } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Outcome } from "../../../local/host/app/functions.ts";
import { targetOf } from "../../../local/host/http/exchange.ts";
import { createForwarder, type Forwarder } from "../../../local/host/http/functions.ts";
import { type HostedApp, hostApp } from "./hosted-app.ts";

let app: HostedApp;
beforeAll(async () => {
  app = await hostApp("streaming");
});
afterAll(() => app[Symbol.asyncDispose]());

describe("a streaming function", () => {
  test("gets a chunked body, route values and every repeated query value", async () => {
    const body = new Blob(["x".repeat(3_000_000)]).stream();
    const response = await app.fetch("/things/a%20b/count?q=1&q=2", {
      method: "POST",
      body,
      duplex: "half",
      headers: { "x-thing": "yes" },
    });
    expect(await response.json()).toEqual({
      bytes: 3_000_000,
      id: "a b",
      q: ["1", "2"],
      search: "1",
      header: "yes",
    });
    expect(response.headers.get("x-custom")).toBe("yes");
  });

  test("is told by the host where the request came from, whatever the caller says", async () => {
    const headers = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" };
    const response = await app.fetch("/things/1/count?q=1", {
      method: "POST",
      body: "12345",
      headers,
    });
    expect(await response.json()).toMatchObject({ bytes: 5, search: "1" });
  });

  test("is never reached by a request that brings an invocation id of its own", async () => {
    const hung = app.fetch("/cookies", {
      headers: { "x-ms-invocation-id": "mine" },
      signal: AbortSignal.timeout(1_500),
    });
    await expect(hung).rejects.toThrow("timeout");
    expect((await app.fetch("/cookies")).status).toBe(201);
  });

  test("is heard before it has finished", async () => {
    const response = await app.fetch("/drip");
    const times: [string, number][] = [];
    const started = Date.now();
    for await (const chunk of response.body ?? []) {
      times.push([Buffer.from(chunk).toString(), Date.now() - started]);
    }
    expect(times.map(([part]) => part)).toEqual(["one", "two"]);
    expect((times[1]?.[1] ?? 0) - (times[0]?.[1] ?? 0)).toBeGreaterThan(200);
  });

  test("listens to this machine only", async () => {
    expect(await (await app.fetch("/listens")).json()).toEqual(["127.0.0.1"]);
  });

  test("keeps cookies apart", async () => {
    const response = await app.fetch("/cookies");
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  test("whose worker dies is a bad gateway, and the next one answers", async () => {
    expect((await app.fetch("/die")).status).toBe(502);
    expect((await app.fetch("/cookies")).status).toBe(201);
  });

  test("answers many at once", async () => {
    const init = { method: "POST", body: "12345" };
    const responses = await Promise.all(
      Array.from({ length: 100 }, () => app.fetch("/things/1/count", init)),
    );
    expect(responses.every(({ status }) => status === 200)).toBe(true);
  });
});

/** A host before a worker that answers the first request of each connection, and cuts the connection off at the next one. */
function cutting() {
  const seen = new WeakSet<Socket>();
  return before(
    createForwarder(),
    (request, response) => {
      if (seen.has(request.socket)) return void request.socket.resetAndDestroy();
      seen.add(request.socket);
      response.end("ok");
    },
    new Promise<never>(() => undefined),
  );
}

/** A host before a worker of a test's own, whose invocations end so. */
async function before(
  forwarder: Forwarder,
  answer: RequestListener,
  outcome: Promise<Outcome>,
  bodyLimit = Infinity,
) {
  const worker = createServer(answer);
  await once(worker.listen(0, "127.0.0.1"), "listening");
  const front = createServer((request, response) => {
    const exchange = { invocationId: "one", customHeaders: {}, target: targetOf(request) };
    const { port } = worker.address() as AddressInfo;
    const uri = `http://127.0.0.1:${port}`;
    forwarder.forward({ ...exchange, bodyLimit, request, response }, uri, outcome);
  });
  await once(front.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      forwarder.close();
      for (const server of [front, worker]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

describe("a worker that closes a connection at the moment in which a request comes on it", () => {
  test("gets it again on another one", async () => {
    await using served = await cutting();
    for (const nth of [1, 2, 3, 4]) {
      const answer = await fetch(`${served.url}/${nth}`, { signal: AbortSignal.timeout(5_000) });
      expect(await answer.text()).toBe("ok");
    }
  });

  test("does not get it again where a body has begun", async () => {
    await using served = await cutting();
    await (await fetch(served.url)).text();
    const signal = AbortSignal.timeout(800);
    const init = { method: "POST", body: new Blob(["{}"]).stream(), duplex: "half" as const };
    await expect(fetch(served.url, { ...init, signal })).rejects.toThrow("timeout");
  });
});

const rootOf = async (given: HostedApp, method: string, path: string) => {
  const response = await given.fetch(path, { method });
  return [response.status, response.headers.get("content-type"), await response.text()];
};

const homePage = "<!doctype html><title>Functions</title><p>Your functions host is running.</p>\n";

describe("the home page", () => {
  test.each([
    ["GET", "/", 404, "rest"],
    ["GET", "/?x", 404, "rest"],
    ["GET", "//", 404, "rest"],
    ["POST", "/", 200, homePage],
    ["HEAD", "/?x=1", 200, ""],
    ["POST", "//", 404, ""],
    ["GET", "/admin", 401, ""],
    ["GET", "/admin/", 401, ""],
    ["GET", "/admin/host/ping", 200, ""],
    ["GET", "/administrator", 404, "rest"],
  ])(
    "comes only where no function takes the request: %s %s is %d",
    async (method, path, status, text) => {
      const [given, , body] = await rootOf(app, method, path);
      expect([given, body]).toEqual([status, text]);
    },
  );

  test("is nothing at all where AzureWebJobsDisableHomepage says so, and functions are as before", async () => {
    await using bare = await hostApp("streaming", { env: { AzureWebJobsDisableHomepage: "True" } });
    expect(await rootOf(bare, "POST", "/")).toEqual([204, null, ""]);
    expect(await rootOf(bare, "GET", "/")).toMatchObject([404, expect.anything(), "rest"]);
  });
});

describe("a streaming function that gives no answer", () => {
  const streamSilenceMs = 1_000;
  let quiet: HostedApp;
  beforeAll(async () => {
    quiet = await hostApp("streaming", { streamSilenceMs });
  });
  afterAll(() => quiet[Symbol.asyncDispose]());

  test.each([
    ["throws", "/fails", { method: "POST", body: "{}" }],
    ["returns nothing", "/nothing", {}],
  ])("since it %s, leaves its request hanging until the silence ends it", async (_, path, init) => {
    const started = Date.now();
    const response = await quiet.fetch(path, init);
    expect([response.status, await response.text()]).toEqual([500, ""]);
    expect(Date.now() - started).toBeGreaterThan(streamSilenceMs * 0.9);
  });

  test("after half of it breaks the connection, no sooner", async () => {
    const started = Date.now();
    const response = await quiet.fetch("/breaks");
    await expect(response.text()).rejects.toThrow("terminated");
    expect(Date.now() - started).toBeGreaterThan(streamSilenceMs * 0.9);
  });

  test("has its fault in the log at once", async () => {
    const gone = new AbortController();
    const asked = quiet.fetch("/fails", { method: "POST", signal: gone.signal });
    await vi.waitFor(
      () => {
        const faults = quiet.logs.filter(({ functionName }) => functionName === "fails");
        expect(faults.at(-1)?.message).toContain("on purpose");
      },
      { timeout: 800, interval: 20 },
    );
    gone.abort();
    await expect(asked).rejects.toThrow("abort");
  });
});

/**
 * A caller on one connection. Not Node's own client: that hears nothing of a drained socket any more once the answer
 * is whole, so that a body which had filled the socket's buffers by then is never sent to its end.
 */
async function connect() {
  const socket = createConnection(Number(new URL(app.host.url).port), "127.0.0.1");
  await once(socket, "connect");
  let heard = "";
  socket.setEncoding("latin1").on("data", (part: string) => {
    heard += part;
  });
  // A connection that is closed under the body has had its answer before.
  const closed = new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve));
  return {
    closed,
    close: () => socket.destroy(),
    /** Resolves when the body has left. */
    async post(path: string, body: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void> {
      socket.write(`POST ${path} HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n`);
      const source = Readable.from(chunked(body));
      source.pipe(socket, { end: false });
      await once(source, "end");
    },
    heard: () => heard,
    get: (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nhost: here\r\n\r\n`),
    /** The status of the next answer, which has to say "ok". */
    async answer(): Promise<number> {
      const whole = /^HTTP\/1\.1 (\d+)[^]*?\r\n\r\n(?:ok|2\r\nok\r\n0\r\n\r\n)/;
      await vi.waitFor(() => expect(heard).toMatch(whole), { timeout: 20_000, interval: 5 });
      const [text = "", status] = whole.exec(heard) ?? [];
      heard = heard.slice(text.length);
      return Number(status);
    },
  };
}

async function* chunked(body: Iterable<Buffer> | AsyncIterable<Buffer>) {
  for await (const part of body) {
    yield `${part.byteLength.toString(16)}\r\n`;
    yield part;
    yield "\r\n";
  }
  yield "0\r\n\r\n";
}

const kibibytes = (count: number) => Array.from({ length: count }, () => Buffer.alloc(1024));

const outstanding = async (): Promise<unknown> => {
  const headers = { "x-functions-key": app.host.keys.masterKey };
  const status = await app.fetch("/admin/host/drain/status", { headers });
  return ((await status.json()) as Record<string, unknown>)["outstandingInvocations"];
};

describe("connections that are reset after their headers", () => {
  const heads = {
    "that promise a chunked body": "transfer-encoding: chunked\r\n\r\n",
    "that promise a body of known length": "content-length: 10\r\n\r\n",
    "with the first piece of a body": "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
  };
  test.for(
    Object.entries(heads).flatMap(([what, head]) =>
      [0, 5, 300].map((ms) => [what, ms, head] as const),
    ),
  )("%s, after %i ms, leave nothing hanging", async ([, ms, head]) => {
    const port = Number(new URL(app.host.url).port);
    const resets = Array.from({ length: 30 }, async () => {
      const socket = createConnection(port, "127.0.0.1").on("error", () => undefined);
      await once(socket, "connect");
      socket.write(`POST /things/1/count HTTP/1.1\r\nhost: here\r\n${head}`);
      await sleep(ms);
      socket.resetAndDestroy();
    });
    await Promise.all(resets);
    expect((await app.fetch("/cookies")).status).toBe(201);
    await vi.waitFor(async () => expect(await outstanding()).toBe(0), {
      timeout: 5_000,
      interval: 50,
    });
  });
});

describe("a streaming function that answers before it has read the body", () => {
  let caller: Awaited<ReturnType<typeof connect>>;
  beforeEach(async () => {
    caller = await connect();
  });
  afterEach(() => caller.close());

  test.for(
    ["plain", "late", "touch", "peek"].flatMap((how) =>
      // What a function has begun to read and leaves lying, nobody takes off; larger ones would not leave the host.
      [1, 60, 200, ...(how === "peek" ? [] : [4000])].map((size) => [how, size] as const),
    ),
  )("%s, of %i KiB, leaves the connections free for the next requests", async ([how, size]) => {
    const sent = caller.post(`/ignores?how=${how}`, kibibytes(size));
    expect(await caller.answer()).toBe(202);
    await sent;
    // On the caller's connection, behind what is left of the body, and on those that the host keeps to the worker.
    caller.get("/cookies");
    expect(await caller.answer()).toBe(201);
    const others = await Promise.all([1, 2, 3].map(() => app.fetch("/cookies")));
    expect(others.map(({ status }) => status)).toEqual([201, 201, 201]);
  });

  test("is not heard before its caller has sent the whole body", async () => {
    const rest = Promise.withResolvers<void>();
    const sent = caller.post("/ignores", begun(rest.promise));
    await sleep(300);
    expect(caller.heard()).toBe("");
    rest.resolve();
    await sent;
    expect(await caller.answer()).toBe(202);
  });

  test.each<readonly [string, RequestListener, number]>([
    ["reads a part of it, and leaves the connection open", leavesLying, Infinity],
    ["closes the connection under it", closesUnder, Infinity],
    ["is sent more than the host takes", (_, response) => void response.end("ok"), 1024 * 1024],
  ])("is not heard at all where it %s", async (_, answer, bodyLimit) => {
    const forwarder = createForwarder(1_000);
    const ended: Outcome = { ok: true, outputs: new Map(), returnValue: undefined };
    const outcome = Promise.resolve(ended);
    await using served = await before(forwarder, answer, outcome, bodyLimit);
    const body = new Blob(kibibytes(20_000)).stream();
    const answered = await fetch(served.url, { method: "POST", body, duplex: "half" });
    expect([answered.status, await answered.text()]).toEqual([500, ""]);
  });
});

/** A body that has begun. */
async function* begun(rest: Promise<void>): AsyncGenerator<Buffer> {
  yield Buffer.alloc(1024);
  await rest;
}

const leavesLying: RequestListener = (request, response) =>
  void request.once("data", () => {
    request.pause();
    response.end("ok");
  });
const closesUnder: RequestListener = (_, response) =>
  void response.writeHead(413, { connection: "close" }).end("no");
