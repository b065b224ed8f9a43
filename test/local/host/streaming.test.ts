import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
      headers: { ...headers, "x-ms-invocation-id": "mine" },
    });
    expect(await response.json()).toMatchObject({ bytes: 5, search: "1" });
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

  test("that throws is answered by the host", async () => {
    const response = await app.fetch("/fails", { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual([500, ""]);
  });

  test("that breaks half-way breaks the connection", async () => {
    const response = await app.fetch("/breaks");
    await expect(response.text()).rejects.toThrow("terminated");
  });

  test("that returns nothing is a fault one can see", async () => {
    const response = await app.fetch("/nothing");
    expect(response.status).toBe(500);
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
