/** What is there after the first `npm start`: a tenant to begin with, and the console over HTTP. */
import { request } from "node:http";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningMuster, startMuster } from "../support/start-muster.ts";

let muster: RunningMuster;
beforeAll(async () => {
  muster = await startMuster({ MUSTER_SAMPLE: "on" });
}, 180_000);
afterAll(() => muster.stop());

type Got = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
};

/** A path goes out as it is written: `fetch` would tidy it up. */
const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Got> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(muster.url);
    request({ hostname, port, path, method, headers }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(pieces),
        }),
      );
    })
      .on("error", reject)
      .end();
  });

const api = async (path: string) => {
  const headers = { Authorization: `Bearer ${muster.adminToken}` };
  return JSON.parse((await get(`/api/v1/${path}`, headers)).body.toString()) as {
    readonly value: readonly Readonly<Record<string, unknown>>[];
  };
};

test("a tenant is registered, with its devices", async () => {
  const [tenant, ...others] = (await api("tenants")).value;
  expect(others).toEqual([]);
  expect(tenant).toMatchObject({ displayName: "Adatum" });
  const devices = await api(`tenants/${String(tenant?.["tenantId"])}/devices?top=3`);
  expect(devices.value).toHaveLength(3);
});

describe("the console", () => {
  test.each(["/", "/console", "/Console"])("%s leads to it", async (path) => {
    const { status, headers } = await get(path);
    expect({ status, to: headers["location"] }).toEqual({ status: 302, to: "/console/" });
  });

  test.each(["/console/", "/console/tenants/1?tab=2", "/console/..%2f..%2fpackage.json"])(
    "%s is its page, with what it may load",
    async (path) => {
      const { status, headers, body } = await get(path, { "accept-encoding": "br" });
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-cache",
        "content-encoding": "br",
        "x-content-type-options": "nosniff",
        "content-length": String(body.byteLength),
        "content-security-policy": expect.stringContaining("script-src 'self';"),
      });
      expect(brotliDecompressSync(body).toString()).toContain('src="/console/assets/');
    },
  );

  test("its parts are kept for ever, and a browser that has one is not sent it again", async () => {
    const page = (await get("/console/")).body.toString();
    const [, path = ""] = /src="(\/console\/assets\/[^"]+)"/.exec(page) ?? [];
    const whole = await get(path);
    expect(whole.headers).toMatchObject({
      "cache-control": "public, max-age=31536000, immutable",
      "content-type": "text/javascript; charset=utf-8",
    });
    const etag = String(whole.headers["etag"]);
    const again = await get(path, { "if-none-match": etag });
    expect([again.status, again.body.byteLength]).toEqual([304, 0]);
    const head = await get(path, {}, "HEAD");
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(head.headers["content-length"]).toBe(String(whole.body.byteLength));
  });

  test.each(["/console/assets/none-12345678.js", "/console/assets/..%2findex.html"])(
    "%s, which no build has made, is nowhere",
    async (path) => {
      const { status, headers } = await get(path);
      expect(status).toBe(404);
      expect(headers["content-type"]).toBe("application/problem+json");
    },
  );

  test("says where people sign in, on this machine without a certificate", async () => {
    const { body } = await get("/console/config.json");
    const { authority, localAuthority } = JSON.parse(body.toString()) as Record<string, string>;
    expect(new URL(String(localAuthority)).pathname).toBe(new URL(String(authority)).pathname);
    const metadata = `${String(localAuthority)}/v2.0/.well-known/openid-configuration`;
    const answer = (await (await fetch(metadata)).json()) as Record<string, string>;
    expect(answer["issuer"]).toBe(`${String(authority)}/v2.0`);
  });
});
