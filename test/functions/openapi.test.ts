import { setTimeout as sleep } from "node:timers/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import { default as addFormats } from "ajv-formats";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { consoleFunctions } from "../../functions/console/console.http.ts";
import { functions, operations } from "../../functions/functions.ts";
import { openApiDocument } from "../../shared/http/operation.ts";
import { examples, type Found, known, tenantId } from "./support/examples.ts";
import { type Answered, type RunningApp, startApp } from "./support/running-app.ts";

type Content = { readonly content?: Readonly<Record<string, { readonly schema: object }>> };
type Described = {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, Content>>;
};
type Document = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

const document = openApiDocument(operations, "0.0.0") as Document;
const described = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, each]) => ({ path, method: method.toUpperCase(), each })),
);
const byId = new Map(described.map((one) => [one.each.operationId, one]));

let app: RunningApp;
const found: Found = new Map(Object.entries(known));
beforeAll(async () => {
  app = await startApp();
  await app.makeFleet(tenantId, 20);
});
afterAll(() => app.stop());

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: "document", components: document.components });

/** What is wrong with a body, by the schema of its answer. */
function problemsOf(content: Content["content"], type: string, body: unknown): unknown {
  const schema = content?.[type]?.schema;
  if (schema === undefined) return body === "" ? [] : `no schema for ${type}`;
  const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
  const validate = ajv.compile(JSON.parse(text) as object);
  return validate(body) ? [] : validate.errors;
}

const fill = (path: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => found.get(name) ?? `no-${name}`);

test("the document is whole: references lead somewhere, paths declare what they hold", () => {
  expect(document.openapi).toBe("3.1.0");
  const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
  const names = Array.from(references, ([, reference]) => reference ?? "");
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    expect(name).toMatch(/^#\/components\/schemas\//);
    expect(document.components.schemas).toHaveProperty([name.split("/").at(-1) ?? ""]);
  }
  for (const { path, each } of described) {
    const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name);
    const declared = each.parameters.filter((parameter) => parameter.in === "path");
    expect(declared.map(({ name }) => name)).toEqual(inPath);
    expect(Object.keys(each.responses).some((status) => status.startsWith("2"))).toBe(true);
  }
});

test("every HTTP function is one operation, with a name of its own", () => {
  const http = functions.filter(({ kind }) => kind === "http").length;
  // All but the one that answers for unknown paths, and the console's pages.
  expect(described).toHaveLength(http - 1 - consoleFunctions.length);
  expect(byId.size).toBe(described.length);
});

test("the app serves this document", async () => {
  const { body } = await app.call("GET", "/api/v1/openapi.json");
  const { paths, components } = body as Document;
  expect({ paths, components }).toEqual(
    JSON.parse(JSON.stringify({ paths: document.paths, components: document.components })),
  );
});

test("every operation has an example", () => {
  expect(described.map(({ each }) => each.operationId).filter((id) => !(id in examples))).toEqual(
    [],
  );
});

const called = Object.entries(examples).filter(([id]) => byId.has(id));

test.each(called)("%s answers as the document says", async (id, example) => {
  const { path, method, each } = operationOf(id);
  const { keep = [], query = "", late, page } = example;
  const body = example.body?.(found);
  let answer: Answered;
  let tries = 0;
  do {
    if (tries > 0) await sleep(100);
    answer = await app.call(method, `${fill(path)}?${query}`, { body });
    tries += 1;
    // The directory fills, and a notification is carried out, while this goes on.
  } while (!keep.every((name) => remember(name, answer.body)) && tries < 100);
  const content = each.responses[String(answer.status)] ?? each.responses["default"];
  const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
  const isPage = answer.status === page && type === "text/html";
  const isLate = late !== undefined && codeOf(answer) === late;
  const refused = isLate ? late : example.refused;
  expect({ isPage, code: codeOf(answer), ok: isPage || answer.status < 300 }).toEqual({
    isPage: page !== undefined,
    code: refused,
    ok: refused === undefined,
  });
  expect(isPage ? [] : problemsOf(content?.content, type, answer.body)).toEqual([]);
});

/** A run takes one in so many. */
const some = <T>(cases: readonly T[]): T[] =>
  cases.filter((_, index) => index % inject("oneCaseIn") === 0);

test.each(some(described.filter(({ each }) => each.security === undefined)))(
  "$each.operationId without a token, or with another, is refused before anything is said",
  async ({ path, method }) => {
    const body = method === "GET" || method === "DELETE" ? undefined : "not even JSON";
    for (const headers of [
      {},
      { authorization: "Bearer other" },
      { authorization: "Basic eA==" },
    ]) {
      const answer = await app.call(method, `${path}?unknown=1`, {
        body,
        headers,
        anonymous: true,
      });
      expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
  },
);

test.each(some(Object.keys(document.paths)))(
  "%s refuses other methods and names its own",
  async (path) => {
    const own = new Set(methodsAt(path));
    const others = ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((method) => !own.has(method));
    for (const method of others) {
      const answer = await app.call(method, fill(path));
      expect(answer).toMatchObject({ status: 405, body: { code: "method-not-allowed" } });
      expect(new Set(answer.headers.get("allow")?.split(", "))).toEqual(own);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    }
  },
);

test.each(["/api/v1/nothing", "/api/v2/tenants", "/api/v1/tenants/a/b/c/d", "/nothing"])(
  "%s is no path of ours",
  async (path) => {
    const answer = await app.call("GET", path);
    expect(answer).toMatchObject({ status: 404, body: { code: "unknown-route", status: 404 } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  },
);

function operationOf(id: string) {
  const one = byId.get(id);
  if (one === undefined) throw new Error(`no operation ${id}`);
  return one;
}

/** The problem that an answer names, if it is one. */
function codeOf({ status, body }: Answered): string | undefined {
  return status < 300 ? undefined : (body as { code: string }).code;
}

/** Keeps a property of an answer, or of the first entry of a list; answers whether it was there. */
function remember(name: string, body: unknown): boolean {
  const { value } = body as { value?: unknown[] };
  const one = (value === undefined ? body : value[0]) as Record<string, unknown> | undefined;
  const text = one?.[name];
  if (typeof text === "string") found.set(name, text);
  return typeof text === "string";
}

/** Methods of every operation that a path leads to, also by a parameter: `devices/refresh` is a device too. */
function methodsAt(path: string): string[] {
  const fits = (template: string) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path);
  return described.filter((one) => fits(one.path)).map(({ method }) => method);
}
