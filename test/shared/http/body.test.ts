import { assert, constant, constantFrom, dictionary, jsonValue, oneof, property } from "fast-check";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import {
  discardBody,
  faultsOf,
  invalidRequest,
  maxBodyBytes,
  pointerOf,
  readBody,
} from "../../../shared/http/body.ts";

const Shape = z.strictObject({
  name: z.string().min(1),
  list: z.array(z.strictObject({ size: z.int() })).optional(),
  target: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("one"), id: z.string() }),
      z.strictObject({ kind: z.literal("all") }),
    ])
    .optional(),
  rule: z
    .union([
      z.strictObject({ and: z.array(z.strictObject({ equals: z.string() })) }),
      z.strictObject({ equals: z.string() }),
    ])
    .optional(),
  pace: z.union([z.int().min(4), z.literal("unlimited")]).optional(),
  byName: z.record(z.string(), z.int()).optional(),
});

const pointersOf = (value: unknown, prefix?: string): string[] => {
  const parsed = Shape.safeParse(value);
  return parsed.success ? [] : faultsOf(parsed.error, prefix).map(({ pointer }) => pointer);
};

test.each([
  [{}, ["/name"]],
  [{ name: "" }, ["/name"]],
  ["text", [""]],
  [{ name: "a", list: [{ size: 1 }, { size: "2" }] }, ["/list/1/size"]],
  [{ name: "a", list: [{ size: 1, width: 2, height: 3 }] }, ["/list/0/width", "/list/0/height"]],
  [{ name: "a", colour: 1, "a/b~c": 2 }, ["/colour", "/a~1b~0c"]],
  [{ name: "a", target: { kind: "none" } }, ["/target/kind"]],
  [{ name: "a", target: { kind: "one" } }, ["/target/id"]],
  [{ name: "a", target: { kind: "all", id: "x" } }, ["/target/id"]],
  [{ name: "a", rule: { and: [{ equals: 1 }] } }, ["/rule/and/0/equals"]],
  [{ name: "a", rule: { equals: 1 } }, ["/rule/equals"]],
  [{ name: "a", pace: 3 }, ["/pace"]],
  [{ name: "a", byName: { "x/y": "1" } }, ["/byName/x~1y"]],
])("%j is wrong at %j", (value, pointers) => {
  expect(pointersOf(value)).toEqual(pointers);
});

test("every fault is named at once, below a prefix", () => {
  expect(pointersOf({ name: 1, colour: 1, pace: 3 }, "/query").toSorted()).toEqual([
    "/query/colour",
    "/query/name",
    "/query/pace",
  ]);
});

test("a pointer escapes what RFC 6901 escapes, and nothing else", () => {
  expect(pointerOf([])).toBe("");
  expect(pointerOf(["a/b", "m~n", 0, "", "~1"])).toBe("/a~1b/m~0n/0//~01");
});

test("the refusal names all faults, and the first places in words", () => {
  const faults = Array.from({ length: 7 }, (_, at) => ({ pointer: `/${at}`, detail: "wrong" }));
  const { failure } = invalidRequest(faults);
  expect(failure).toMatchObject({ code: "invalid-request", faults });
  expect(failure.detail).toContain("/4 and 2 more");
});

const values = oneof(jsonValue(), constant(undefined), constant(NaN));

test("no text of a fault is the library's own", () => {
  const everyKind = z.strictObject({
    a: z.string().min(2).max(3),
    b: z.int().min(1).max(5).multipleOf(2),
    c: z.enum(["x", "y"]),
    d: z.literal("only"),
    e: z.array(z.string()).min(1).max(2),
    f: z.record(z.string().max(1), z.boolean()),
    g: z.iso.datetime(),
    h: z.url(),
    i: z.string().regex(/^a+$/),
    j: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("k") })]),
    k: z.union([z.string(), z.int()]),
    l: z.guid(),
    m: z.number().gt(1).lt(2),
    n: z.null(),
  });
  const theirs = /Invalid|Unrecognized|Too (big|small)|expected/;
  assert(
    property(dictionary(constantFrom(...Object.keys(everyKind.shape), "z"), values), (given) => {
      const { error } = everyKind.safeParse(given);
      const details = error === undefined ? [] : faultsOf(error).map(({ detail }) => detail);
      expect(details.filter((detail) => theirs.test(detail) || detail.length > 200)).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [z.string(), undefined, "is missing: a text is needed here"],
  [z.string(), 1, "must be a text"],
  [z.int(), 1.5, "must be a whole number"],
  [z.enum(["x", "y"]), "z", "must be one of x, y"],
  [z.array(z.int()).max(2), [1, 2, 3], "must have at most 2 entries"],
  [z.string().min(1), "", "must have at least 1 characters"],
  [z.number().max(5), 6, "must be at most 5"],
  [z.number().lt(5), 6, "must be below 5"],
  [z.iso.datetime(), "soon", "must be an instant such as 2026-11-29T08:00:00Z"],
  [z.string({ error: "say who" }), 1, "say who"],
])("%o tells of %j: %s", (schema, value, detail) => {
  const { error } = schema.safeParse(value);
  expect(faultsOf(error!)).toEqual([{ pointer: "", detail }]);
});

test("a hundred faults are named, and no more, however much is wrong", () => {
  const Names = z.strictObject({ list: z.array(z.enum(["aaaa", "bbbb"])).optional() });
  const list = Array.from({ length: 40_000 }, () => "c".repeat(20));
  const many = Names.safeParse({ list }).error!;
  const { failure } = invalidRequest(faultsOf(many));
  expect(failure.faults).toHaveLength(100);
  expect(failure.detail).toContain("more than 100 fault(s)");
  const unknown = Object.fromEntries(list.map((_, at) => [`${at}${"x".repeat(2_000)}`, 1]));
  const { failure: named } = invalidRequest(faultsOf(Names.safeParse(unknown).error!));
  expect(named.faults).toHaveLength(100);
  expect(JSON.stringify(named).length).toBeLessThan(30_000);
});

test("a long list of values is not repeated in a fault", () => {
  const names = Array.from({ length: 60 }, (_, at) => `permission.${at}`);
  const { error } = z.enum(names as [string, ...string[]]).safeParse("x");
  expect(faultsOf(error!)).toEqual([
    {
      pointer: "",
      detail:
        "must be one of 60 values, such as permission.0, permission.1, permission.2; the API document lists them",
    },
  ]);
});

const Body = z.strictObject({ text: z.string() });

/** A body in parts, as it comes in from a socket; `taken` counts what was read of it. */
function source(parts: readonly string[], headers: Record<string, string>) {
  let taken = 0;
  const body = async function* () {
    for (const part of parts) {
      taken += 1;
      yield await Promise.resolve(Buffer.from(part));
    }
  };
  return { source: { headers: new Headers(headers), body: body() }, taken: () => taken };
}

const json = { "content-type": "application/json" };
const read = (parts: readonly string[], headers: Record<string, string> = json) =>
  readBody(source(parts, headers).source, Body);
const filling = (bytes: number): string => `{"text":"${"x".repeat(bytes - '{"text":""}'.length)}"}`;

test.each([
  ["application/json"],
  ["application/json; charset=utf-8"],
  ['application/json; Charset="UTF-8"'],
  ["Application/JSON"],
  ["application/merge-patch+json"],
])("%s is read", async (type) => {
  const result = await read(['{"te', 'xt":"grün"}'], { "content-type": type });
  expect(result).toMatchObject({ ok: true, value: { value: { text: "grün" } } });
});

test.each([["text/plain"], ["application/x-www-form-urlencoded"], ["application/jsonp"], ["json"]])(
  "%s is refused before anything is read",
  async (type) => {
    const { source: request, taken } = source(['{"text":""}'], { "content-type": type });
    expect(await readBody(request, Body)).toMatchObject({
      failure: { code: "unsupported-media-type" },
    });
    expect(taken()).toBe(0);
  },
);

test("no content type is refused", async () => {
  expect(await read(["{}"], {})).toMatchObject({ failure: { code: "unsupported-media-type" } });
});

test("a body of exactly the limit passes, with and without a length", async () => {
  const length = { "content-length": String(maxBodyBytes) };
  expect(await read([filling(maxBodyBytes)], { ...json, ...length })).toMatchObject({ ok: true });
  expect(await read([filling(maxBodyBytes)])).toMatchObject({ ok: true });
});

test("a length above the limit is refused before anything is read", async () => {
  const length = { "content-length": String(maxBodyBytes + 1) };
  const { source: request, taken } = source([filling(maxBodyBytes + 1)], { ...json, ...length });
  expect(await readBody(request, Body)).toMatchObject({ failure: { code: "body-too-large" } });
  expect(taken()).toBe(0);
});

test.each([{}, { "content-length": "10" }, { "content-length": "many" }])(
  "a body that is larger than it said (%j) is refused, and read on for its caller to hear that, but not without end",
  async (length) => {
    const parts = Array.from({ length: 500 }, () => " ".repeat(maxBodyBytes));
    const { source: request, taken } = source(parts, { ...json, ...length });
    expect(await readBody(request, Body)).toMatchObject({ failure: { code: "body-too-large" } });
    expect(taken()).toBeGreaterThan(100);
    expect(taken()).toBeLessThan(104);
    const before = taken();
    // What was begun and not ended stands in the way of the next request.
    expect(await discardBody(request)).toBe(false);
    expect(taken()).toBe(before);
  },
);

test("a small body that nobody read is discarded to its end, once", async () => {
  const { source: request, taken } = source(["a", "b", "c"], json);
  expect(await discardBody(request)).toBe(true);
  expect(await discardBody(request)).toBe(true);
  expect(taken()).toBe(3);
  expect(await discardBody({ headers: new Headers(), body: null })).toBe(true);
});

test("of a body without a length that nobody read, so much is read and no more", async () => {
  const parts = Array.from({ length: 400 }, () => " ".repeat(maxBodyBytes));
  const { source: request, taken } = source(parts, json);
  expect(await discardBody(request)).toBe(false);
  expect(taken()).toBeGreaterThan(16);
  expect(taken()).toBeLessThan(20);
});

test("one whose length is known is with the host already, and is read to its end", async () => {
  const parts = Array.from({ length: 90 }, () => " ".repeat(maxBodyBytes));
  const length = { "content-length": String(90 * maxBodyBytes) };
  const { source: request, taken } = source(parts, { ...json, ...length });
  expect(await discardBody(request)).toBe(true);
  expect(taken()).toBe(90);
});

/** A body that begins and then never goes on. */
const stuck = async function* (): AsyncGenerator<Uint8Array> {
  yield Buffer.from("{");
  await new Promise(() => undefined);
};

test("a body that stops coming is not waited for", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const discarded = discardBody({ headers: new Headers(json), body: stuck() });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await discarded).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

test("a body that takes longer than its time is refused as too slow", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const answer = readBody({ headers: new Headers(json), body: stuck() }, Body);
    await vi.advanceTimersByTimeAsync(29_000);
    let ended = false;
    void answer.then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(500);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await answer).toMatchObject({ failure: { code: "body-too-slow" } });
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ["half a million values", `[${"1,".repeat(500_000)}1]`],
  ["brackets without an end", "[".repeat(400_000) + "]".repeat(400_000)],
  [
    "a hundred thousand properties",
    `{${Array.from({ length: 90_000 }, (_, at) => `"${at}":1`).join(",")}}`,
  ],
])("%s are refused before a schema looks at them", async (_, text) => {
  const answer = await read([text]);
  expect(answer).toMatchObject({ ok: false, failure: { code: "invalid-request" } });
  expect(JSON.stringify(answer).length).toBeLessThan(1_000);
});

const hungUp = async function* (): AsyncGenerator<Uint8Array> {
  yield await Promise.reject<Uint8Array>(new Error("aborted"));
};

test("a caller that hangs up while its body is discarded is no trouble", async () => {
  await expect(discardBody({ headers: new Headers(), body: hungUp() })).resolves.toBe(true);
});

test.each([
  ["text in Latin 1", Buffer.from('{"text":"gr\xfcn"}', "latin1")],
  [
    "a lone continuation byte",
    Buffer.from([...Buffer.from('{"text":"'), 0x80, ...Buffer.from('"}')]),
  ],
  [
    "an encoded surrogate",
    Buffer.from([...Buffer.from('{"text":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
  ],
  ["UTF-16", Buffer.from('\u{feff}{"text":"a"}', "utf16le")],
])("%s is refused, not stored with its bytes replaced", async (_, bytes) => {
  const body = (async function* () {
    yield await Promise.resolve(bytes);
  })();
  const answer = await readBody({ headers: new Headers(json), body }, Body);
  expect(answer).toMatchObject({ failure: { code: "malformed-json" } });
});

test.each(["application/json; charset=iso-8859-1", "application/json;charset=UTF-16"])(
  "%s is refused: JSON is UTF-8",
  async (type) => {
    expect(await read(['{"text":"a"}'], { "content-type": type })).toMatchObject({
      failure: { code: "unsupported-media-type" },
    });
  },
);

test("a byte order mark is taken off", async () => {
  expect(await read(['\u{feff}{"text":"a"}'])).toMatchObject({ value: { value: { text: "a" } } });
});

test.each(["", "{", '{"text":}', "text", '{"text":"a"}}', "\u{feff}"])(
  "%j is malformed",
  async (text) => {
    expect(await read([text])).toMatchObject({ failure: { code: "malformed-json" } });
  },
);

test("no body at all is malformed, not a crash", async () => {
  const nothing = { headers: new Headers(json), body: null };
  expect(await readBody(nothing, Body)).toMatchObject({ failure: { code: "malformed-json" } });
});

test.each([
  ["{}", "/text"],
  ["null", ""],
  ['{"text":1}', "/text"],
  ['{"text":"a","__proto__":{}}', "/__proto__"],
])("%s is wrong at %j", async (text, pointer) => {
  expect(await read([text])).toMatchObject({
    failure: { code: "invalid-request", faults: [{ pointer }] },
  });
});
