import { assert, integer, option, property, string } from "fast-check";
import { expect, test } from "vitest";
import { judge, retryAfterToMs } from "../../../shared/graph/answer.ts";

const noon = Date.UTC(2026, 0, 1, 12);
const inAMinute = new Date(noon + 60_000).toUTCString();
const aMinuteAgo = new Date(noon - 60_000).toUTCString();
const error = (code: string, message = "") => ({ error: { code, message } });

test.each([
  [200, undefined, { kind: "ok" }],
  [201, undefined, { kind: "ok" }],
  [204, undefined, { kind: "ok" }],
  [400, undefined, { kind: "refused", reason: "other" }],
  [401, undefined, { kind: "refused", reason: "signedOut" }],
  [403, undefined, { kind: "refused", reason: "forbidden" }],
  [404, undefined, { kind: "refused", reason: "notFound" }],
  [408, undefined, { kind: "unclear" }],
  [409, undefined, { kind: "refused", reason: "conflict" }],
  [412, undefined, { kind: "refused", reason: "changed" }],
  [424, "5", { kind: "throttled", retryAfterMs: 5000 }],
  [424, undefined, { kind: "throttled" }],
  [429, "10", { kind: "throttled", retryAfterMs: 10_000 }],
  [429, undefined, { kind: "throttled" }],
  [429, inAMinute, { kind: "throttled", retryAfterMs: 60_000 }],
  [500, undefined, { kind: "unclear" }],
  [501, undefined, { kind: "refused", reason: "other" }],
  [502, undefined, { kind: "unclear" }],
  [503, undefined, { kind: "busy" }],
  [503, "2", { kind: "busy", retryAfterMs: 2000 }],
  [504, "2", { kind: "unclear" }],
])("%d with Retry-After %j", (status, retryAfter, wanted) => {
  const answer = judge(
    { status, headers: { "Retry-After": retryAfter }, body: error("code", "words") },
    noon,
  );
  expect(answer).toMatchObject(wanted);
  expect("retryAfterMs" in answer).toBe("retryAfterMs" in wanted);
  const words = "code" in answer ? [answer.code, answer.message] : [];
  expect(words).toEqual(answer.kind === "refused" ? ["code", "words"] : []);
});

test.each([
  ["0", 0],
  [" 3 ", 3000],
  ["1.5", 1500],
  ["3600", 3_600_000],
  ["99999999999", 3_600_000],
  ["Fri, 31 Dec 9999 23:59:59 GMT", 3_600_000],
  [aMinuteAgo, 0],
  ["", undefined],
  [" ", undefined],
  ["-5", undefined],
  ["0x10", undefined],
  ["1e3", undefined],
  ["Infinity", undefined],
  ["soon", undefined],
  ["Monday", undefined],
  [null, undefined],
  [undefined, undefined],
])("Retry-After %j is %j ms", (text, ms) => {
  expect(retryAfterToMs(text, noon)).toBe(ms);
});

test("the request id that Graph's support asks for is kept", () => {
  const body = { error: { code: "c", message: "m", innerError: { "request-id": "r" } } };
  expect(judge({ status: 400, body }, noon)).toMatchObject({ requestId: "r" });
});

const page = "<html><title>Blocked by the proxy</title></html>";
const statuses = [200, 201, 400, 401, 403, 404, 409, 410, 424, 429, 500, 501, 502, 503, 504];
test.each([page, "text", '"text"', "[1]", { message: "no healthy upstream" }, { error: "text" }])(
  "what somebody else writes is never Graph's word, under no status: %j",
  (body) => {
    for (const status of statuses) {
      // An object may be anything that was asked for: whoever asked looks at its shape.
      if (status < 300 && typeof body === "object") continue;
      expect(judge({ status, body, headers: { "retry-after": "5" } }, noon)).toMatchObject({
        kind: "unclear",
      });
    }
  },
);

test.each([undefined, null, "", {}])("no word at all (%j) is no final no", (body) => {
  const kinds = statuses.map((status) => `${status} ${judge({ status, body }, noon).kind}`);
  const clear = ["200 ok", "201 ok", "401 refused", "424 throttled", "429 throttled", "503 busy"];
  expect(kinds.filter((kind) => !kind.endsWith("unclear"))).toEqual(clear);
});

test("a page is told by its title, so that somebody can find who wrote it", () => {
  expect(judge({ status: 403, body: page }, noon)).toMatchObject({
    why: expect.stringContaining("Blocked by the proxy"),
  });
});

test("a refusal of 40,000 characters is bounded where it comes in", () => {
  const body = error("c".repeat(40_000), "m".repeat(40_000));
  for (const status of [400, 403, 429, 500, 503])
    expect(JSON.stringify(judge({ status, body }, noon)).length).toBeLessThan(700);
});

test("whatever Graph sends, it is judged, and a wait is between nothing and an hour", () => {
  assert(
    property(
      integer({ min: 100, max: 599 }),
      option(string()),
      string(),
      (status, header, text) => {
        const answer = judge({ status, headers: { "Retry-After": header }, body: text }, noon);
        const waitMs = "retryAfterMs" in answer ? (answer.retryAfterMs ?? 0) : 0;
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(3_600_000);
        // What may have been done is never called a final no.
        const mayBeDone = status >= 500 && status !== 501;
        expect(mayBeDone && (answer.kind === "refused" || answer.kind === "throttled")).toBe(false);
      },
    ),
  );
});
