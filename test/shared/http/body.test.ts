import { expect, test } from "vitest";
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
  "a body that is larger than it said (%j) is read to its end, and refused",
  async (length) => {
    const parts = Array.from({ length: 64 }, () => " ".repeat(maxBodyBytes / 16));
    const { source: request, taken } = source(parts, { ...json, ...length });
    expect(await readBody(request, Body)).toMatchObject({ failure: { code: "body-too-large" } });
    expect(taken()).toBe(64);
  },
);

test("a body that nobody read is discarded to its end; one that was read is left alone", async () => {
  const { source: request, taken } = source(["a", "b", "c"], json);
  await discardBody({ ...request, bodyUsed: true });
  expect(taken()).toBe(0);
  await discardBody({ ...request, bodyUsed: false });
  expect(taken()).toBe(3);
  await discardBody({ body: null, bodyUsed: false });
});

const hungUp = async function* (): AsyncGenerator<Uint8Array> {
  yield await Promise.reject<Uint8Array>(new Error("aborted"));
};

test("a caller that hangs up while its body is discarded is no trouble", async () => {
  await expect(discardBody({ body: hungUp(), bodyUsed: false })).resolves.toBeUndefined();
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
