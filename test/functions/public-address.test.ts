/** Where answers lead: every address of ourselves in them is the one that callers reach us at. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { examples, type Found, known, tenantId } from "./support/examples.ts";
import { type Answered, type RunningApp, startApp } from "./support/running-app.ts";

const publicUrl = "https://api.contoso.example:8443/fleet/muster";
/** What a caller may claim of the address that they came by. */
const claims = {
  "x-forwarded-host": "evil.example",
  "x-forwarded-proto": "https",
  "x-forwarded-prefix": "/evil",
  "x-original-host": "evil.example",
  "x-original-url": "/evil",
  forwarded: "host=evil.example;proto=https",
};

type Listed = { readonly value: readonly object[]; readonly nextLink?: string };
const listed = ({ body }: Answered): Listed => body as Listed;

/** Some tenants, so that lists have a second page. */
async function withTenants(app: RunningApp): Promise<void> {
  for (const name of ["One", "Two", "Three"])
    await app.call("POST", "/api/v1/tenants", {
      body: { tenantId: randomUUID(), displayName: name },
    });
}

describe("behind a front end", () => {
  let app: RunningApp;
  beforeAll(async () => {
    app = await startApp({ MUSTER_PUBLIC_URL: `${publicUrl}/` });
    await app.makeFleet(tenantId, 20);
    await withTenants(app);
  });
  afterAll(() => app.stop());

  test("a list's next page is at the public address, and is found there", async () => {
    const headers = claims;
    const first = listed(await app.call("GET", "/api/v1/tenants?top=2", { headers }));
    expect(first.nextLink).toMatch(new RegExp(`^${publicUrl}/api/v1/tenants\\?top=2&pageToken=`));
    // The front end takes its own address and prefix off.
    const path = first.nextLink?.slice(publicUrl.length) ?? "";
    const second = listed(await app.call("GET", path, { headers }));
    expect([first.value.length, second.value.length, second.nextLink]).toEqual([2, 1, undefined]);
  });

  test("the API's description names the public address as its server", async () => {
    const { body } = await app.call("GET", "/api/v1/openapi.json", { headers: claims });
    expect(body).toMatchObject({ servers: [{ url: publicUrl }] });
  });

  test("a repeated request is answered with the same public address", async () => {
    const headers = { ...claims, "idempotency-key": randomUUID() };
    const body = { tenantId: randomUUID(), displayName: "Four" };
    for (const replayed of [null, "true"]) {
      const answer = await app.call("POST", "/api/v1/tenants", { body, headers });
      expect(answer.headers.get("idempotency-replayed")).toBe(replayed);
      expect(answer.headers.get("location")).toBe(`${publicUrl}/api/v1/tenants/${body.tenantId}`);
    }
  });

  test("every Location and every link of every operation is at the public address, and nothing is of the host's own", async () => {
    const found: Found = new Map(Object.entries(known));
    const own = new URL(app.url).host;
    const locations: (readonly [string, string])[] = [];
    for (const [id, { body, query = "", keep = [] }] of Object.entries(examples)) {
      const operation = operations.find(({ name }) => name === id);
      const path = operation?.path.replaceAll(/\{(\w+)\}/g, (_, n: string) => found.get(n) ?? "x");
      const sent = { body: body?.(found), headers: claims };
      const answer = await app.call(operation?.method ?? "GET", `/${path}?${query}`, sent);
      for (const name of keep) {
        const of = listed(answer).value?.[0] ?? (answer.body as object);
        const value: unknown = Object.entries(of).find(([key]) => key === name)?.[1];
        if (typeof value === "string") found.set(name, value);
      }
      const location = answer.headers.get("location");
      if (location !== null) locations.push([id, location]);
      const said = JSON.stringify(answer.body) + JSON.stringify([...answer.headers]);
      expect([id, said.includes(own), said.includes("evil")]).toEqual([id, false, false]);
    }
    expect(locations.length).toBeGreaterThan(4);
    expect(locations.filter(([, at]) => !at.startsWith(`${publicUrl}/api/v1/`))).toEqual([]);
  });
});

describe("without a front end", () => {
  let app: RunningApp;
  beforeAll(async () => {
    app = await startApp();
    await withTenants(app);
  });
  afterAll(() => app.stop());

  test("addresses are those that the request came by, whatever else its headers claim", async () => {
    const headers = claims;
    const { nextLink } = listed(await app.call("GET", "/api/v1/tenants?top=2", { headers }));
    expect(nextLink).toMatch(new RegExp(`^${app.url}/api/v1/tenants\\?top=2&pageToken=`));
    const description = await app.call("GET", "/api/v1/openapi.json", { headers });
    expect(description.body).toMatchObject({ servers: [{ url: "/" }] });
    const body = { tenantId: randomUUID(), displayName: "Four" };
    const added = await app.call("POST", "/api/v1/tenants", { body, headers });
    expect(added.headers.get("location")).toBe(`/api/v1/tenants/${body.tenantId}`);
  });
});
