/** On real sockets: what a server may do to an exchange, byte by byte, and what is kept between two. */
import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { generate } from "selfsigned";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { Deadline, exchange } from "../../../shared/graph/exchange.ts";
import { answering, type Script, startOddServer } from "./odd-server.ts";

/** Bytes that a server of plain sockets writes for a request, and what it does then. */
type Answer = (socket: Socket, nth: number) => unknown;

/** A server that writes answers byte by byte as it is told; `asked` has the requests' first lines, and `open` its connections. */
async function startRaw(answer: Answer) {
  const asked: string[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
    socket.on("data", (data) => {
      asked.push(data.toString().split("\r\n")[0] ?? "");
      answer(socket, asked.length);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const stop = (): void => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  onTestFinished(stop);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    asked,
    open,
    connections: () => connections,
    stop,
  };
}

/** A server of whole answers. */
async function startOdd(script: Script) {
  const server = await startOddServer();
  server.answer(script);
  onTestFinished(() => server.stop());
  return server;
}

const deadlines: Deadline[] = [];
const within = (ms: number): Deadline => {
  const until = new Deadline(ms);
  deadlines.push(until);
  return until;
};
afterEach(() => {
  for (const until of deadlines.splice(0)) until.clear();
});

type Asked = Parameters<typeof exchange>[1];
const get = { method: "GET", headers: {} };
const post = { method: "POST", headers: {}, body: "{}" };
const ask = (url: string, asked: Asked = get, until = within(10_000)) =>
  exchange(url, asked, until);

const head = (headers: string, status = "200 OK"): string =>
  `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`;

const empty: Answer = (socket) => socket.write(head("content-length: 0"));

describe("the text", () => {
  test("is whole where a character comes in two parts, and begins behind a byte order mark", async () => {
    const bytes = Buffer.from("\u{feff}é€𝄞");
    const server = await startRaw(async (socket) => {
      socket.setNoDelay(true).write(head(`content-length: ${bytes.length}`));
      for (const byte of bytes) {
        socket.write(Buffer.of(byte));
        await sleep(1);
      }
    });
    expect((await ask(server.url)).text).toBe("é€𝄞");
  });

  const text = JSON.stringify({ value: "é".repeat(1000) });
  const codings: [string, Buffer][] = [
    ["gzip", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["GZIP", gzipSync(text)],
    ["gzip, br", brotliCompressSync(gzipSync(text))],
    ["br", brotliCompressSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
  ];

  test.each(codings)("is unpacked: %s", async (coding, bytes) => {
    const server = await startRaw((socket) => {
      socket.write(head(`content-encoding: ${coding}\r\ncontent-length: ${bytes.length}`));
      socket.write(bytes);
    });
    expect((await ask(server.url)).text).toBe(text);
  });

  test.each(codings)("that is packed and breaks off is an error: %s", async (coding, bytes) => {
    const half = bytes.subarray(0, bytes.length - 8);
    const server = await startRaw((socket) => {
      socket.write(head(`content-encoding: ${coding}\r\ncontent-length: ${half.length}`));
      socket.write(half);
    });
    await expect(ask(server.url)).rejects.toThrow(/^the answer broke off/);
  });

  test("that is said to be packed and is not is an error; in a coding of no name it is as it came", async () => {
    const server = await startOdd(answering(200, "{}", { "content-encoding": "gzip" }));
    await expect(ask(server.url)).rejects.toThrow(/or is not packed as it says$/);
    server.answer(answering(200, "{}", { "content-encoding": "identity" }));
    expect((await ask(server.url)).text).toBe("{}");
  });

  test.each([200, 204, 304])(
    "is none where there is none, whatever its head says: %d",
    async (status) => {
      const headers = {
        "content-encoding": "gzip",
        ...(status === 304 ? { "content-length": "9" } : {}),
      };
      const server = await startOdd(answering(status, "", headers));
      expect(await ask(server.url)).toMatchObject({ status, text: "" });
      // The connection is in order after it.
      expect(await ask(server.url)).toMatchObject({ status, text: "" });
    },
  );
});

describe("half an answer is none", () => {
  const parts = [
    ["before it", ""],
    ["in its head", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["in its body", head("content-length: 10") + '{"a":1}'],
    [
      "in a body whose length nobody knows",
      `${head("transfer-encoding: chunked")}7\r\n{"a":1}\r\n`,
    ],
  ] as const;
  const ends = ["end", "destroy", "resetAndDestroy"] as const;
  test.each(parts.flatMap(([where, bytes]) => ends.map((how) => [where, how, bytes] as const)))(
    "where the connection is cut %s (%s)",
    async (_where, how, bytes) => {
      for (const asked of [get, post]) {
        const server = await startRaw((socket) => socket.write(bytes, () => socket[how]()));
        await expect(ask(server.url, asked)).rejects.toThrow(/./);
        expect(server.asked).toHaveLength(1);
      }
    },
  );

  test("nor is one that goes on in another protocol, or is not HTTP", async () => {
    const upgrade = head("connection: upgrade\r\nupgrade: x", "101 Switching Protocols");
    for (const bytes of [upgrade, "220 mail.example ESMTP\r\n"]) {
      const server = await startRaw((socket) => socket.write(bytes));
      await expect(ask(server.url)).rejects.toThrow(/./);
      await expect.poll(() => server.open.size).toBe(0);
    }
  });
});

const silent: Answer = () => undefined;
const trickling: Answer = (socket) => {
  socket.write(head("transfer-encoding: chunked"));
  const drip = setInterval(() => socket.write("1\r\n \r\n"), 5);
  socket.on("close", () => clearInterval(drip));
};

describe("an answer that is late", () => {
  test.each([
    ["shakes no hands", "https", silent],
    ["says nothing", "http", silent],
    ["trickles", "http", trickling],
  ])(
    "because its server %s ends in time, and so does its connection",
    async (_how, scheme, answer) => {
      const server = await startRaw(answer);
      const began = performance.now();
      const asking = ask(server.url.replace("http", scheme), get, within(50));
      await expect(asking).rejects.toMatchObject({ name: "TimeoutError" });
      expect(performance.now() - began).toBeLessThan(1_000);
      expect(server.connections()).toBe(1);
      await expect.poll(() => server.open.size).toBe(0);
    },
  );

  test("is not waited for where no connection is made in ten seconds, which is no sign of too much", async () => {
    const server = await startRaw(silent);
    const began = performance.now();
    const asking = ask(server.url.replace("http", "https"), get, within(60_000));
    await expect(asking).rejects.toMatchObject({
      name: "Error",
      message: "no connection was made within 10 seconds",
    });
    expect(performance.now() - began).toBeGreaterThan(9_900);
    await expect.poll(() => server.open.size).toBe(0);
  }, 20_000);

  test("is not asked for at all where it is too late already", async () => {
    const server = await startRaw(empty);
    const until = within(1);
    await sleep(20);
    await expect(ask(server.url, get, until)).rejects.toMatchObject({ name: "TimeoutError" });
    await sleep(20);
    expect(server.connections()).toBe(0);
  });

  test("disturbs nobody who has been given the connection since", async () => {
    const server = await startRaw((socket, nth) => {
      if (nth === 1) socket.write(head("content-length: 0"));
      else setTimeout(() => socket.write(head("content-length: 0")), 100);
    });
    await ask(server.url, get, within(50));
    expect(await ask(server.url)).toMatchObject({ status: 200 });
    expect(server.connections()).toBe(1);
  });
});

describe("what goes out", () => {
  test("has an address whose characters are escaped as fetch does it", async () => {
    const server = await startOdd(answering(200));
    await ask(`${server.url}/a b/é?$filter=x eq 'é<"'&y=%2F+#part`);
    expect(server.seen[0]?.url).toBe("/a%20b/%C3%A9?$filter=x%20eq%20%27%C3%A9%3C%22%27&y=%2F+");
  });

  test("says what it takes and who it is, and how long its body is", async () => {
    const server = await startOdd(answering(200));
    for (const asked of [
      get,
      post,
      { ...post, method: "DELETE", body: '"é"' },
      { ...get, method: "PATCH" },
    ])
      await ask(server.url, asked);
    expect(server.seen.map(({ headers }) => headers["content-length"])).toEqual([
      undefined,
      "2",
      "4",
      "0",
    ]);
    expect(server.seen.map(({ body }) => body)).toEqual(["", "{}", '"é"', ""]);
    expect(server.seen[0]?.headers).toMatchObject({
      "accept-encoding": "br, gzip, deflate",
      connection: "keep-alive",
      "user-agent": "Muster",
    });
  });

  test.each(["a\nb", "€", "\0"])("is nothing where a header cannot be sent: %j", async (value) => {
    const server = await startRaw(empty);
    await expect(ask(server.url, { ...get, headers: { "if-match": value } })).rejects.toThrow(
      /if-match/,
    );
    await sleep(20);
    expect(server.connections()).toBe(0);
  });
});

describe("what comes back", () => {
  test("has what came several times in one, and comes after what is only on the way to it", async () => {
    const early = head("x: 1", "103 Early Hints") + head("x: 2", "102 Processing");
    const several = "ETag: a\r\netag: b\r\nRetry-After: 1\r\nretry-after: 2\r\nRequest-Id: c";
    const server = await startRaw((socket) =>
      socket.write(`${early}${head(`${several}\r\ncontent-length: 2`)}{}`),
    );
    expect(await ask(server.url)).toMatchObject({
      status: 200,
      headers: { etag: "a, b", "retry-after": "1, 2", "request-id": "c" },
      text: "{}",
    });
  });

  test("without a length ends with its connection", async () => {
    const server = await startRaw((socket) => socket.end(`${head("connection: close")}{}`));
    expect((await ask(server.url)).text).toBe("{}");
  });
});

describe("a kept connection", () => {
  test("is used again", async () => {
    const server = await startRaw(empty);
    for (const asked of [get, post, get]) await ask(server.url, asked);
    expect([server.connections(), server.asked.length]).toEqual([1, 3]);
  });

  test("is kept for each that was needed at once", async () => {
    const server = await startRaw((socket) => setTimeout(() => empty(socket, 0), 20));
    const many = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 300 }, () => ask(server.url)));
    await many();
    await many();
    expect(server.connections()).toBe(300);
  });

  test.each([
    ["nothing", undefined, 4_000],
    ["60 seconds", 60, 4_000],
    ["5 seconds", 5, 3_000],
  ])("is closed in time where its server says %s", async (_words, seconds, idleMs) => {
    const hint = seconds === undefined ? "" : `keep-alive: timeout=${seconds}\r\n`;
    const server = await startRaw((socket) => socket.write(head(`${hint}content-length: 0`)));
    const sockets: Socket[] = [];
    const note = (message: unknown): void =>
      void sockets.push((message as { socket: Socket }).socket);
    subscribe("net.client.socket", note);
    await ask(server.url);
    unsubscribe("net.client.socket", note);
    const own = sockets.filter(({ remotePort }) => remotePort === server.port);
    expect(own.map(({ timeout }) => timeout)).toEqual([idleMs]);
  });

  test("is closed before its server closes it", async () => {
    const server = await startRaw((socket) =>
      socket.write(head("keep-alive: timeout=3\r\ncontent-length: 0")),
    );
    await ask(server.url);
    await sleep(500);
    expect(server.open.size).toBe(1);
    await expect.poll(() => server.open.size, { timeout: 2_000 }).toBe(0);
  });

  test.each([get, post])(
    "that was closed while nobody looked has nothing written on it: $method",
    async (asked) => {
      const server = await startRaw((socket) => setTimeout(() => empty(socket, 0), 20));
      const three = (): Promise<unknown> =>
        Promise.all([1, 2, 3].map(() => ask(server.url, asked)));
      await three();
      for (const socket of server.open) socket.destroy();
      // At once: this process has had no time to hear of it.
      await three();
      expect([server.connections(), server.asked.length]).toEqual([6, 6]);
    },
  );

  test("whose server has had enough of waiting answers nothing by saying so", async () => {
    const server = await startRaw(empty);
    await ask(server.url);
    for (const socket of server.open) socket.end(head("content-length: 0", "408 Request Timeout"));
    expect(await ask(server.url)).toMatchObject({ status: 200 });
    expect([server.connections(), server.asked.length]).toEqual([2, 2]);
  });

  test.each([get, post])(
    "that is cut when a request has come is an error, and it does not come again: $method",
    async (asked) => {
      const server = await startRaw((socket, nth) =>
        nth === 1 ? empty(socket, nth) : socket.destroy(),
      );
      await ask(server.url, asked);
      await expect(ask(server.url, asked)).rejects.toThrow(/./);
      await sleep(20);
      expect([server.connections(), server.asked.length]).toEqual([1, 2]);
    },
  );

  test.each([
    ["speaks unasked", (socket: Socket) => socket.write(head("content-length: 0").repeat(2))],
    [
      "is reset",
      (socket: Socket) => socket.write(head("content-length: 0"), () => socket.resetAndDestroy()),
    ],
  ])("that %s after its answer does no harm, and answers nobody else", async (_what, answer) => {
    const server = await startRaw((socket) => void answer(socket));
    for (const nth of [1, 2]) {
      expect(await ask(server.url)).toMatchObject({ status: 200 });
      await expect.poll(() => server.open.size).toBe(0);
      expect([server.connections(), server.asked.length]).toEqual([nth, nth]);
    }
  });
});

/** A process that asks for addresses one after the other, with a minute for each, says what came, and ends by itself. */
const program = `
  import { Deadline, exchange } from ${JSON.stringify(new URL("../../../shared/graph/exchange.ts", import.meta.url))};
  for (const address of process.argv.slice(1)) {
    const until = new Deadline(60_000);
    const { text } = await exchange(address, { method: "GET", headers: {} }, until).finally(() => until.clear());
    console.log(text);
  }`;
const inProcess = async (addresses: readonly string[], env: NodeJS.ProcessEnv): Promise<string> => {
  const args = ["--input-type=module", "-e", program, ...addresses];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 10_000 });
  return stdout;
};

describe("a process", () => {
  test("trusts what its environment adds, takes up sessions, and ends while connections lie idle", async () => {
    const { private: key, cert } = await generate([{ name: "commonName", value: "Muster" }], {
      keySize: 2048,
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
    });
    const sessions: boolean[] = [];
    const server = createTlsServer({ key, cert, keepAliveTimeout: 60_000 }, (request, response) => {
      if (request.url === "/last") response.setHeader("connection", "close");
      response.end(String(request.headers.host));
    });
    server.on("secureConnection", (socket) => sessions.push(socket.isSessionReused()));
    await once(server.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => void server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const folder = await mkdtemp(join(tmpdir(), "muster-trust-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const trusted = join(folder, "ca.pem");
    await writeFile(trusted, cert);
    const addresses = ["", "last", ""].map((path) => `https://${host}/${path}`);
    const said = await inProcess(addresses, { ...process.env, NODE_EXTRA_CA_CERTS: trusted });
    expect(said.trim().split("\n")).toEqual([host, host, host]);
    expect(sessions).toEqual([false, true]);
    const doubted = inProcess(addresses, { ...process.env, NODE_EXTRA_CA_CERTS: "" });
    await expect(doubted).rejects.toThrow(/self-signed certificate/);
  });

  test("asks by the proxy that it was told to use", async () => {
    const proxy = await startOdd(answering(200, "by the proxy"));
    const env = { ...process.env, NODE_USE_ENV_PROXY: "1", HTTP_PROXY: proxy.url, NO_PROXY: "" };
    expect(await inProcess(["http://graph.example/v1.0/me"], env)).toBe("by the proxy\n");
    expect(proxy.seen[0]?.url).toBe("http://graph.example/v1.0/me");
  });
});
