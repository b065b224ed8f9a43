/** The ways to AdminService, against a server that answers, refuses, dawdles and hangs up. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  curlTransport,
  fetchTransport,
  type Transport,
  throttled,
} from "../../relay/site/transport.ts";

let server: Server;
let base = "";
/** Where `/moved` has moved to. */
let elsewhere = "";
beforeAll(async () => {
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (part) => (text += String(part)));
    request.on("end", () => {
      if (request.url?.endsWith("/cut")) return void request.socket.destroy();
      if (request.url?.endsWith("/slow")) return;
      if (request.url?.endsWith("/moved"))
        return void response.writeHead(307, { location: `${elsewhere}/moved` }).end();
      if (request.url?.endsWith("/html")) return void response.writeHead(500).end("<html>");
      const { authorization = "", "content-type": type = "" } = request.headers;
      const seen = { method: request.method, url: request.url, text, type, authorization };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(seen));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/AdminService`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** An address on which nobody listens any more. */
async function nobody(): Promise<string> {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  return `http://127.0.0.1:${port}/AdminService`;
}

const ways: readonly (readonly [string, (at: string) => Transport])[] = [
  ["Node itself", (at) => fetchTransport(at, { kind: "none" }, 700)],
  ["curl", (at) => curlTransport(at, "curl", 700)],
];

describe.each(ways)("by %s", (_, open) => {
  test("a request arrives whole, and so does its answer", async () => {
    const body = { Type: 8, TargetResourceIDs: Array.from({ length: 500 }, (_each, at) => at) };
    const path = "/wmi/SMS_ClientOperation?$filter=ID gt 5";
    const answer = await open(base)({ method: "POST", path, body });
    expect(answer).toMatchObject({
      kind: "answer",
      status: 200,
      body: {
        method: "POST",
        url: "/AdminService/wmi/SMS_ClientOperation?$filter=ID%20gt%205",
        text: JSON.stringify(body),
        type: "application/json",
      },
    });
  });

  test("a read carries no body", async () => {
    const answer = await open(base)({ method: "GET", path: "/wmi/SMS_R_System" });
    expect(answer).toMatchObject({ body: { method: "GET", text: "", type: "" } });
  });

  test("an error page is an answer, told by its words", async () => {
    const answer = await open(base)({ method: "GET", path: "/html" });
    expect(answer).toEqual({ kind: "answer", status: 500, body: "<html>" });
  });

  test.each(["/cut", "/slow"])("nobody can tell what became of %s", async (path) => {
    const answer = await open(base)({ method: "POST", path, body: {} });
    expect(answer).toMatchObject({ kind: "lost", sent: true });
  });

  test("nobody is sent on elsewhere, with what was to be done", async () => {
    let asked = 0;
    const other = createServer((_request, response) => {
      asked += 1;
      response.end("{}");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const answer = await open(base)({ method: "POST", path: "/moved", body: {} });
    other.close();
    expect(answer).toMatchObject({ kind: "answer", status: 307 });
    expect(asked).toBe(0);
  });

  test("a server that is not there has surely not heard it", async () => {
    const answer = await open(await nobody())({ method: "GET", path: "/" });
    expect(answer).toMatchObject({ kind: "lost", sent: false });
  });
});

test("curl obeys no configuration file and no proxy of the machine's", async () => {
  const home = mkdtempSync(join(tmpdir(), "curl-home-"));
  writeFileSync(join(home, ".curlrc"), 'request = "DELETE"\nuser = "somebody:else"\n');
  const proxy = new URL(await nobody()).origin;
  vi.stubEnv("CURL_HOME", home).stubEnv("HOME", home).stubEnv("http_proxy", proxy);
  const answer = await curlTransport(base, "curl", 700)({ method: "GET", path: "/list" });
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
  expect(answer).toMatchObject({ status: 200, body: { method: "GET", authorization: "" } });
});

test("a curl that is not there has surely sent nothing", async () => {
  const answer = await curlTransport(base, "no-such-curl", 700)({ method: "GET", path: "/" });
  expect(answer).toMatchObject({ kind: "lost", sent: false });
});

test("a name and a password go out as basic credentials", async () => {
  const auth = { kind: "basic", user: "relay", password: "secret" } as const;
  const answer = await fetchTransport(base, auth, 700)({ method: "GET", path: "/" });
  const authorization = `Basic ${Buffer.from("relay:secret").toString("base64")}`;
  expect(answer).toMatchObject({ body: { authorization } });
});

test("requests keep their distance", async () => {
  const times: number[] = [];
  const transport = throttled(() => {
    times.push(Date.now());
    return Promise.resolve({ kind: "answer", status: 200, body: undefined });
  }, 20);
  await Promise.all(Array.from({ length: 4 }, () => transport({ method: "GET", path: "/" })));
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(140);
});
