import { expect, test, vi } from "vitest";
import { z } from "zod";
import { discardBody, maxBodyBytes, readBody } from "../../../shared/http/body.ts";

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
  "a body that is larger than it said (%j) is read to the limit, and refused",
  async (length) => {
    const parts = Array.from({ length: 64 }, () => " ".repeat(maxBodyBytes / 16));
    const { source: request, taken } = source(parts, { ...json, ...length });
    expect(await readBody(request, Body)).toMatchObject({ failure: { code: "body-too-large" } });
    expect(taken()).toBe(17);
    // What was begun and not ended stands in the way of the next request.
    expect(await discardBody(request)).toBe(false);
    expect(taken()).toBe(17);
  },
);

test("a small body that nobody read is discarded to its end, once", async () => {
  const { source: request, taken } = source(["a", "b", "c"], json);
  expect(await discardBody(request)).toBe(true);
  expect(await discardBody(request)).toBe(true);
  expect(taken()).toBe(3);
  expect(await discardBody({ body: null })).toBe(true);
});

test("a large body that nobody read is not read for a stranger's sake", async () => {
  const parts = Array.from({ length: 1_000 }, () => " ".repeat(64 * 1024));
  const { source: request, taken } = source(parts, json);
  expect(await discardBody(request)).toBe(false);
  expect(taken()).toBeLessThan(4);
});

/** A body that begins and then never goes on. */
const stuck = async function* (): AsyncGenerator<Uint8Array> {
  yield Buffer.from("{");
  await new Promise(() => undefined);
};

test("a body that stops coming is not waited for", async () => {
  const began = performance.now();
  expect(await discardBody({ body: stuck() })).toBe(false);
  expect(performance.now() - began).toBeLessThan(5_000);
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
  await expect(discardBody({ body: hungUp() })).resolves.toBe(true);
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
