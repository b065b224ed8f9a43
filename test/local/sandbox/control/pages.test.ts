/** Who may not drive the stand-in: pages in the browser of whoever works at this machine. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestSandbox, type TestSandbox } from "../support.ts";

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

type Asked = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
};

/** The status of a request with any headers, also those that `fetch` sets itself. */
const ask = (url: string, { method = "GET", headers = {}, body = "" }: Asked): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.once("error", reject);
    sent.end(body);
  });

const json = { "content-type": "application/json" };
const behaviour = { method: "PUT", body: JSON.stringify({ failRate: 1 }) };
const failRate = async () => {
  const { body } = await sandbox.control("GET", "/behaviour");
  return (body["everybody"] as Record<string, unknown> | undefined)?.["failRate"] ?? 0;
};

describe("a page", () => {
  test.each<[string, Record<string, string>, number]>([
    ["of another site", { origin: "https://evil.example", ...json }, 403],
    ["of a sandboxed frame", { origin: "null", ...json }, 403],
    ["of another port of this machine", { origin: "http://127.0.0.1:1", ...json }, 403],
    ["whose browser says so", { "sec-fetch-site": "cross-site", ...json }, 403],
    ["of this machine, says the browser", { "sec-fetch-site": "same-site", ...json }, 403],
    [
      "whose name leads here",
      { host: "evil.example", origin: "http://evil.example", ...json },
      421,
    ],
    ["whose name leads here with our port", { host: "evil.example:80", ...json }, 421],
    ["whose name begins like ours", { host: "127.0.0.1.evil.example", ...json }, 421],
    ["that sends a simple text", { "content-type": "text/plain" }, 415],
    ["that sends no type", {}, 415],
  ])("%s changes nothing", async (_name, headers, status) => {
    expect(await ask(`${sandbox.url}/_sandbox/behaviour`, { ...behaviour, headers })).toBe(status);
    expect(await failRate()).toBe(0);
  });

  test.each(["/_sandbox/ledger", "/_sandbox/tenants", "/sites/x/P01/AdminService/wmi/SMS_Site"])(
    "of another site does not even read %s",
    async (path) => {
      const headers = { "sec-fetch-site": "cross-site" };
      expect(await ask(sandbox.url + path, { headers })).toBe(403);
      expect(await ask(sandbox.url + path, { headers: { host: "evil.example" } })).toBe(421);
    },
  );

  test("whose name leads here reaches neither Graph nor the page for codes", async () => {
    const headers = { host: "evil.example" };
    for (const path of ["/v1.0/deviceManagement/managedDevices", "/devicelogin"])
      expect(await ask(sandbox.url + path, { headers })).toBe(421);
  });
});

test("programs of this machine go on, by either name", async () => {
  for (const host of ["127.0.0.1", "localhost", "LOCALHOST:1234", "[::1]:80"]) {
    const headers = { host, ...json };
    const status = await ask(`${sandbox.url}/_sandbox/behaviour`, { ...behaviour, headers });
    expect([host, status]).toEqual([host, 200]);
  }
  await sandbox.control("DELETE", "/behaviour");
});
