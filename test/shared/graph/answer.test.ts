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
  [409, undefined, { kind: "refused", reason: "other" }],
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
  const answer = judge({ status, retryAfter, body: error("code", "words") }, noon);
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

const nested = (inner: unknown): string => JSON.stringify(inner);
test.each([
  ["plain words", "plain words"],
  [nested({ _version: 3, Message: "The device is gone" }), "The device is gone"],
  [nested({ other: "x" }), nested({ other: "x" })],
  [nested({ Message: 5 }), nested({ Message: 5 })],
  ["null", "null"],
  ["17", "17"],
  ["{broken", "{broken"],
])("Intune's message %j reads %j", (message, words) => {
  expect(judge({ status: 400, body: error("BadRequest", message) }, noon)).toMatchObject({
    code: "BadRequest",
    message: words,
  });
});

test("the request id that Graph's support asks for is kept", () => {
  const body = { error: { code: "c", message: "m", innerError: { "request-id": "r" } } };
  expect(judge({ status: 400, body }, noon)).toMatchObject({ requestId: "r" });
});

test.each([undefined, null, "text", 5, [], {}, { error: null }, { error: "text" }])(
  "a refusal with the body %j is still one",
  (body) => {
    expect(judge({ status: 400, body }, noon)).toEqual({
      kind: "refused",
      reason: "other",
      code: "unknown",
      message: "",
    });
  },
);

test("whatever Graph sends, it is judged, and a wait is between nothing and an hour", () => {
  assert(
    property(
      integer({ min: 100, max: 599 }),
      option(string()),
      string(),
      (status, header, text) => {
        const answer = judge({ status, retryAfter: header, body: text }, noon);
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
