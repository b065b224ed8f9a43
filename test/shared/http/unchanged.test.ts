import * as fc from "fast-check";
import { expect, test } from "vitest";
import { accepted, ok, ongoing, type Reply, streamed } from "../../../shared/http/reply.ts";
import { unlessUnchanged, versionOfRow } from "../../../shared/http/unchanged.ts";

const etagOf = (reply: Reply): string =>
  unlessUnchanged(reply, null).headers?.["etag"] ?? "has none";

test("the same content has the same version, and any other another one", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      expect(etagOf(ok([one]))).toBe(etagOf(ok([structuredClone(one)])));
      fc.pre(JSON.stringify(one) !== JSON.stringify(other));
      expect(etagOf(ok([one]))).not.toBe(etagOf(ok([other])));
    }),
  );
});

const mine = etagOf(ok({ a: 1 }));
test.each([
  ["just it", mine, 304],
  ["a strong one of the same", mine.replace("W/", ""), 304],
  ["one of several", `"x", ${mine},W/"y"`, 304],
  ["any", "*", 304],
  ["another", 'W/"0"', 200],
  ["a part of it", mine.slice(0, -2), 200],
  ["it without quotes", mine.slice(3, -1), 200],
  ["nothing", null, 200],
])("who has %s gets %s", (_what, held, status) => {
  const answer = unlessUnchanged(ok({ a: 1 }), held);
  expect(answer).toMatchObject({ status, headers: { etag: mine } });
  expect(answer.body).toEqual(status === 304 ? undefined : { a: 1 });
});

test("who has it is told all the same when to look again", () => {
  const answer = unlessUnchanged(ongoing({ a: 1 }, "slow"), mine);
  expect(answer).toEqual({ status: 304, headers: { "retry-after": "5", etag: mine } });
  expect(ongoing({}, "ended").headers).toBeUndefined();
});

test("the version of a row stands in front, and is what If-Match gets", () => {
  const row = `W/"datetime'2026-11-29T20%3A00%3A00.0Z'"`;
  const etag = etagOf(ok({ counts: 1 }, row));
  expect(etag).not.toBe(row);
  expect(versionOfRow(etag)).toBe(row);
  expect(versionOfRow(row)).toBe(row);
  // What the row does not say has changed: counts, or what the caller reaches.
  expect(unlessUnchanged(ok({ counts: 2 }, row), etag).status).toBe(200);
  expect(unlessUnchanged(ok({ counts: 1 }, row), etag).status).toBe(304);
});

test("only what was read has a version: no document in pieces, and nothing that began", () => {
  for (const reply of [
    streamed("text/csv", (async function* () {})()),
    accepted("/there", { a: 1 }),
    { status: 204 },
  ])
    expect(unlessUnchanged(reply, "*")).toBe(reply);
});
