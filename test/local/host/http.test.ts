/** HTTP functions in a running host: what they see of a request, and what becomes of their answer. */
import { request as rawRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HostedApp, hostApp } from "./hosted-app.ts";

let app: HostedApp;
beforeAll(async () => {
  const env = { Overridden: "by the environment", "AzureWebJobs.Off.Disabled": "true" };
  const localSettings = {
    Values: { GREETING: "hello from the settings", Overridden: "by nobody" },
    Host: { CORS: "https://console.example" },
  };
  app = await hostApp("plain", { env, localSettings });
});
afterAll(() => app[Symbol.asyncDispose]());

const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> =>
  (await (await app.fetch(path, init)).json()) as Record<string, unknown>;

describe("a function sees the request", () => {
  test("with url, route values, headers, body, and its settings", async () => {
    const seen = await json("/api/echo/5?x=%20", {
      method: "PUT",
      headers: { "x-thing": "yes" },
      body: "hello",
    });
    expect(seen).toMatchObject({
      method: "PUT",
      url: `${app.host.url}/api/echo/5?x=%20`,
      params: { id: "5" },
      header: "yes",
      body: "hello",
      settings: ["hello from the settings", "by the environment"],
    });
    expect(seen["directory"]).toMatch(/apps\/plain$/);
  });

  test("with repeated query names joined by a comma", async () => {
    expect(await json("/api/echo?q=1&q=2")).toMatchObject({ q: ["1,2"], params: {} });
  });

  test("without the body of a chunked request", async () => {
    const body = new Blob(["hello"]).stream();
    expect(await json("/api/echo", { method: "POST", body, duplex: "half" })).toMatchObject({
      body: "",
    });
  });

  test("without the body of a GET", async () => {
    const text = await new Promise<string>((resolve, reject) => {
      rawRequest(`${app.host.url}/api/echo`, { headers: { "content-length": 2 } }, (response) => {
        response.setEncoding("utf8").on("data", resolve);
      })
        .on("error", reject)
        .end("{}");
    });
    expect(JSON.parse(text)).toMatchObject({ method: "GET", body: "" });
  });
});

describe("a function answers", () => {
  test("204 when it returns nothing", async () => {
    const response = await app.fetch("/api/empty");
    expect([response.status, await response.text()]).toEqual([204, ""]);
  });

  test.each(["fails", "badReturn"])("500 and nothing more when it %s", async (name) => {
    const response = await app.fetch(`/api/${name}`);
    expect([response.status, await response.text()]).toEqual([500, ""]);
  });

  test("with headers and cookies", async () => {
    const response = await app.fetch("/api/cookies");
    expect(response.headers.get("x-one")).toBe("1");
    expect(response.headers.getSetCookie()).toEqual([
      "a=1%202; max-age=60; path=/; samesite=lax; httponly",
      "b=2; path=/",
    ]);
  });
});

describe("routes", () => {
  test("are tried in the order of function names, not by how specific they are", async () => {
    expect(await (await app.fetch("/api/order/special")).text()).toBe("aaRoute");
  });

  test.each([
    ["/api/nowhere", "GET", 404],
    ["/api/echo", "DELETE", 404],
    ["/api/echo/five", "GET", 404],
    ["/api/ECHO/5", "GET", 200],
    ["/echo", "GET", 404],
    ["/api/Off", "GET", 404],
    ["/", "GET", 200],
    [`/api/echo?${"x".repeat(8_200)}`, "GET", 414],
  ])("%s by %s is %d", async (path, method, status) => {
    expect((await app.fetch(path, { method })).status).toBe(status);
  });
});

test("a body beyond the limit is refused before it is read", async () => {
  const status = await new Promise((resolve, reject) => {
    const headers = { "content-length": 104_857_601 };
    const request = rawRequest(
      `${app.host.url}/api/echo`,
      { method: "POST", headers },
      (response) => {
        resolve(response.statusCode);
        request.destroy();
      },
    );
    request.on("error", reject).flushHeaders();
  });
  expect(status).toBe(413);
});

const withKey = (path: string, key: string) =>
  app.fetch(path, { headers: { "x-functions-key": key } });

test("keys open what their level allows", async () => {
  const { masterKey, functionKeys } = app.host.keys;
  const key = functionKeys["default"] ?? "";
  const statuses = [
    await app.fetch("/api/secret"),
    await withKey("/api/secret", "wrong"),
    await withKey("/api/secret", key),
    await app.fetch(`/api/secret?code=${key}`),
    await withKey("/api/topSecret", key),
    await withKey("/api/topSecret", masterKey),
    await withKey("/api/Off", masterKey),
  ].map(({ status }) => status);
  expect(statuses).toEqual([401, 401, 200, 200, 401, 200, 200]);
});

describe("an origin that local.settings.json allows", () => {
  const headers = { origin: "https://console.example" };

  test("may read answers", async () => {
    const response = await app.fetch("/api/empty", { headers });
    expect(response.headers.get("access-control-allow-origin")).toBe("https://console.example");
  });

  test("gets its preflight answered", async () => {
    const response = await app.fetch("/api/echo", {
      method: "OPTIONS",
      headers: { ...headers, "access-control-request-method": "PUT" },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-methods")).toBe("PUT");
  });

  test("is the only one", async () => {
    const response = await app.fetch("/api/empty", {
      headers: { origin: "https://other.example" },
    });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});
