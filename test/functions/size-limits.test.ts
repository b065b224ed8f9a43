/** Sizes of bodies and pages, at the running app: exactly as much as the API document says. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { maxBodyBytes } from "../../shared/http/body.ts";
import { openApiDocument } from "../../shared/http/operation.ts";
import { anyIds } from "./access/changes.ts";
import { type Answered, type RunningApp, type Sent, startApp } from "./support/running-app.ts";

let app: RunningApp;
const tenantId = randomUUID();
beforeAll(async () => {
  app = await startApp();
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
});
afterAll(() => app.stop());

/** A tenant's registration, as long as asked for. */
const registration = (bytes: number): string =>
  JSON.stringify({ tenantId: randomUUID(), displayName: "Ünïcode" }).padEnd(bytes - 2);
const inPieces = (text: string): Sent["raw"] => new Blob([text]).stream();
const add = (raw: Sent["raw"]): Promise<Answered> =>
  app.call("POST", "/api/v1/tenants", raw === undefined ? {} : { raw });

describe("a body", () => {
  test("may have as many bytes as the limit says, with its length or in pieces", async () => {
    const text = registration(maxBodyBytes);
    expect(Buffer.byteLength(text)).toBe(maxBodyBytes);
    expect((await add(text)).status).toBe(201);
    expect((await add(inPieces(registration(maxBodyBytes)))).status).toBe(201);
  });

  test.each([1, 8 * 1024 * 1024])(
    "may not have more, by %i bytes, and its caller hears that",
    async (more) => {
      const text = registration(maxBodyBytes + more);
      for (const raw of [text, inPieces(text)])
        expect(await add(raw)).toMatchObject({ status: 413, body: { code: "body-too-large" } });
    },
  );
});

type Parameter = { readonly name: string; readonly schema: { readonly maximum?: number } };
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { parameters: Parameter[] }>>>>;
};
/** Every list, with the largest page that the document names. */
const lists = Object.entries((openApiDocument(operations, "0") as Document).paths).flatMap(
  ([path, { get }]) => {
    const top = get?.parameters.find(({ name }) => name === "top");
    return top === undefined ? [] : [[path, top.schema.maximum ?? 0] as const];
  },
);
const pathOf = (path: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === "tenantId" ? tenantId : (anyIds.get(name) ?? "x"),
  );

test("every list says how large a page may be, and none more than a thousand", () => {
  expect(lists.length).toBeGreaterThanOrEqual(12);
  for (const [path, most] of lists) {
    expect([path, most > 0]).toEqual([path, true]);
    expect([path, most <= 1000]).toEqual([path, true]);
  }
});

describe.each(lists)("%s", (path, most) => {
  const list = (top: string): Promise<Answered> => app.call("GET", `${pathOf(path)}?top=${top}`);

  test.each(["1", String(most)])("takes pages of %s", async (top) => {
    const { status, body } = await list(top);
    // Of what is not there nothing can be listed, and nobody answers for Graph (502); the size was right all the same.
    expect([200, 404, 502]).toContain(status);
    expect(body).not.toMatchObject({ code: "invalid-request" });
  });

  test.each(["0", "-1", String(most + 1), "1.5", "all", "1e9", ""])(
    "takes no pages of %j",
    async (top) => {
      expect(await list(top)).toMatchObject({
        status: 400,
        body: { code: "invalid-request", errors: [{ pointer: "/query/top" }] },
      });
    },
  );
});
