/** Texts of requests: what nobody can read, or what reads as something else, comes in nowhere. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import * as z from "zod";
import { operations } from "../../functions/functions.ts";
import { openApiDocument } from "../../shared/http/operation.ts";
import { Line, Prose } from "../../shared/kernel/outside-text.ts";
import { anyIds } from "./access/changes.ts";
import { fullBodies, type TextPlace, textsIn, withTexts } from "./support/full-bodies.ts";
import { type Answered, type RunningApp, startApp } from "./support/running-app.ts";

type Schema = Readonly<Record<string, unknown>>;
type Described = {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
};
const document = JSON.parse(JSON.stringify(openApiDocument(operations, "0"))) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};
const withBodies = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { operationId: id, requestBody }]) =>
    requestBody === undefined
      ? []
      : [
          {
            id,
            path,
            method: method.toUpperCase(),
            schema: requestBody.content["application/json"]?.schema,
          },
        ],
  ),
);

/** The patterns of texts that are free. */
const free = new Set([Line, Prose].map((schema) => z.toJSONSchema(schema).pattern));
const formats = new Set(["date-time", "duration"]);
/** Everything that such a pattern lets through is made of these. */
const isAscii = (pattern: string): boolean =>
  /^\^[\w\-[\](){},?:|\\.+]*\$$/.test(pattern) && !/\\[sSDWpP]|\.[*+]/.test(pattern);
/** What the action's own schema says, or a type's of configuration, which is not in the document: the last tests try it. */
const unsaid = new Set([
  "/parameters/*",
  "/notification/parameters/*",
  "/body/*",
  "/items/*/body/*",
  "/deviations/*/accepted",
  "/overrides/*/value",
]);

type Found = { readonly free: string[]; readonly wrong: string[] };

/** Texts of a schema by their place: those that are free, and those that nothing bounds. */
function textsOf(schema: unknown, place: string, seen: ReadonlySet<string>, found: Found): void {
  if (typeof schema !== "object" || schema === null) return;
  const { $ref, type, pattern, format, properties, items, additionalProperties, propertyNames } =
    schema as Schema;
  if (typeof $ref === "string") {
    const name = $ref.split("/").at(-1) ?? "";
    if (!seen.has(name))
      textsOf(document.components.schemas[name], place, new Set([...seen, name]), found);
    return;
  }
  const closed = "enum" in schema || "const" in schema;
  if (Object.keys(schema).length === 0 && !unsaid.has(place))
    found.wrong.push(`${place}: anything`);
  if (type === "string" && !closed) {
    const known = typeof format === "string" && formats.has(format);
    if (typeof pattern === "string" && free.has(pattern)) found.free.push(place);
    else if (!known && !(typeof pattern === "string" && isAscii(pattern)))
      found.wrong.push(`${place}: ${JSON.stringify(schema)}`);
  }
  for (const [key, inner] of Object.entries(properties ?? {}))
    textsOf(inner, `${place}/${key}`, seen, found);
  textsOf(items, `${place}/*`, seen, found);
  textsOf(additionalProperties, `${place}/*`, seen, found);
  textsOf(propertyNames, `${place}/(names)`, seen, found);
  for (const union of ["anyOf", "oneOf", "allOf"])
    for (const branch of ((schema as Schema)[union] ?? []) as unknown[])
      textsOf(branch, place, seen, found);
}

const foundIn = (schema: unknown): Found => {
  const found = { free: [], wrong: [] };
  textsOf(schema, "", new Set(), found);
  return found;
};

test("a text without a pattern, an enumeration or a format would be found", () => {
  const texts = { one: { type: "string", maxLength: 5 }, two: { type: "string", pattern: "^.*$" } };
  expect(foundIn({ type: "object", properties: texts }).wrong).toHaveLength(2);
});

test.each(withBodies)("$id says of every text of its body what it may be", ({ schema }) => {
  expect(foundIn(schema).wrong).toEqual([]);
});

/** A pointer without the places in lists, and without what joins rules: as the document has it. */
const general = (pointer: string): string =>
  pointer
    .replaceAll(/\/\d+(?=\/|$)/g, "/*")
    // Values by the names of parameters and variables, and by devices.
    .replaceAll(/\/(values|variables|parameters)\/\w+/g, "/$1/*")
    .replace(/^\/devices\/[0-9a-f-]{36}\/\w+/, "/devices/*/*")
    .replaceAll(/(\/(and|or)\/\*|\/not(?=\/|$))+/g, "");

test.each(withBodies)("$id has an example of every free text", ({ id, schema }) => {
  const examples = (fullBodies[id] ?? []).flatMap(textsIn).map(({ pointer }) => general(pointer));
  expect(fullBodies[id]).toBeDefined();
  expect(foundIn(schema).free.filter((place) => !examples.includes(place))).toEqual([]);
});

const anywhere: readonly (readonly [string, string, RegExp])[] = [
  ["NUL", "a\u0000", /control character/],
  ["DEL", "\u007fa", /control character/],
  ["a C1 control character", "a\u009bb", /control character/],
  ["a lone high surrogate", "a\ud83d", /half of a character/],
  ["a lone low surrogate", "\ude00a", /half of a character/],
  ["U+FFFE", "a\ufffeb", /no character/],
  ["U+FFFF", "a\uffff", /no character/],
  ["U+FDD0", "a\ufdd0b", /no character/],
  ["U+1FFFE", "a\u{1fffe}b", /no character/],
  ["an override of the direction", "a\u202egpj.exe", /direction of writing/],
  ["an isolate", "a\u2066b\u2069", /direction of writing/],
  ["a zero-width space at the end", "a\u200b", /nobody sees/],
  ["a byte order mark at the beginning", "\ufeffa", /nobody sees/],
  ["nothing that is seen", "\u2060", /nobody sees/],
  ["two faults", "a\u0007\u202eb", /direction of writing, nor a control character/],
];
const lines: readonly (readonly [string, string, RegExp])[] = [
  ["a line feed", "a\nb", /line break/],
  ["a carriage return at the end", "a\r", /line break/],
  ["a tabulator", "a\tb", /line break/],
  ["a line separator", "a\u2028b", /line break/],
];

type Bad = (typeof anywhere)[number];
/** What each place is tried with by itself, and not beside others. */
const alone: Bad = ["a control character", "a\u0007b", /control character/];
type Fault = { readonly pointer: string; readonly detail: string };

/**
 * What is wrong with how a body was refused that has, in all these places at once, a text which nobody can read. A place
 * may hide what is behind it, as the one that says of which kind its object is does: it goes, and the others come again.
 */
async function notRefused(
  call: (body: unknown) => Promise<Answered>,
  body: unknown,
  places: readonly TextPlace[],
  isFree: (place: TextPlace) => boolean,
  [name, text, words]: Bad,
): Promise<string[]> {
  let left = places;
  while (left.length > 0) {
    const answer = await call(withTexts(body, left, () => text));
    const { errors = [] } = answer.body as { errors?: readonly Fault[] };
    const untold = left.filter(
      (place) =>
        !errors.some(
          ({ pointer, detail }) =>
            pointer === place.pointer && (!isFree(place) || words.test(detail)),
        ),
    );
    if (answer.status !== 400 || untold.length === left.length)
      return left.map(
        ({ pointer }) => `${pointer}: ${name}: ${answer.status} ${JSON.stringify(errors)}`,
      );
    left = untold;
  }
  return [];
}

/** Notes may have lines, and so may a query. */
const hasLines = ({ pointer }: TextPlace): boolean =>
  /\/(note|comment|description|detail|query|reason|accepted)$|\/overrides\/\d+\/value$|\/actions\/\d+\/parameters\//.test(
    pointer,
  );

describe("over HTTP", () => {
  let app: RunningApp;
  const tenantId = randomUUID();
  const pathOf = (path: string): string =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      name === "tenantId" ? tenantId : (anyIds.get(name) ?? "x"),
    );
  beforeAll(async () => {
    app = await startApp();
    await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
  });
  afterAll(() => app.stop());

  test.each(withBodies)(
    "$id takes no text that cannot be read",
    async ({ id, method, path, schema }) => {
      const before = await app.rows();
      const texts = foundIn(schema).free;
      const isFree = ({ pointer }: TextPlace): boolean => texts.includes(general(pointer));
      const call = (body: unknown) => app.call(method, pathOf(path), { body });
      const wrong: string[] = [];
      const seen = new Set<string>();
      for (const body of fullBodies[id] ?? []) {
        // One of each kind: a hundred devices have the same names.
        const places = textsIn(body).filter(({ pointer }) => {
          const isNew = !seen.has(general(pointer));
          seen.add(general(pointer));
          return isNew;
        });
        const refuse = async (some: readonly TextPlace[], bad: Bad) =>
          wrong.push(...(await notRefused(call, body, some, isFree, bad)));
        // Each place by itself, and then each text in all of them.
        for (const place of places) await refuse([place], alone);
        for (const bad of anywhere) await refuse(places, bad);
        const oneLine = places.filter((place) => !hasLines(place));
        for (const bad of lines) await refuse(oneLine, bad);
      }
      expect(wrong).toEqual([]);
      expect(await app.rows()).toEqual(before);
    },
    60_000,
  );

  test("notes have lines, and names what people write", async () => {
    const names = ["Zoë", "中文", "שלום", "👩‍👩‍👧 family", "❤️", "a\u200fb", "O'Brien & Söhne"];
    for (const name of names) {
      const role = { name, description: "one\r\n\ttwo", permissions: ["devices.read"] };
      const answer = await app.call("POST", "/api/v1/access/roles", { body: role });
      expect([answer.status, answer.body]).toMatchObject([201, role]);
    }
  });

  test.each(operations)(
    "$name answers bad path and query values without a fault of its own",
    async ({ name, method, path, params, query }) => {
      const body = fullBodies[name]?.[0];
      // Other ones for each operation.
      const odd = [
        "%00",
        "%0A",
        "%7F",
        "%C2%9B",
        "%EF%BF%BE",
        "%E2%80%AE",
        "%E2%80%8B",
        "%ED%A0%80",
        "%F4%8F%BF%BF",
      ].filter(
        (_, at) =>
          (at + operations.findIndex((each) => each.name === name)) % inject("oneWalkIn") === 0,
      );
      for (const param of Object.keys(params?.shape ?? {}))
        for (const text of odd) {
          const bad = pathOf(path.replace(`{${param}}`, `a${text}`));
          const { status } = await app.call(method, `/${bad}`, { body });
          expect([param, text, [400, 404].includes(status)]).toEqual([param, text, true]);
        }
      for (const key of Object.keys(query?.shape ?? {}))
        for (const text of odd) {
          const { status } = await app.call(method, `/${pathOf(path)}?${key}=a${text}`, { body });
          expect([key, text, status < 500]).toEqual([key, text, true]);
        }
    },
  );
});
