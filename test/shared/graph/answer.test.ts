import { assert, integer, option, property, string } from "fast-check";
import { expect, test } from "vitest";
import { maxDetailChars } from "../../../shared/fanout/state/item.ts";
import { judge, signInAdvice, signInFailure, wordsOf } from "../../../shared/graph/answer.ts";
import { retryAfterToMs } from "../../../shared/kernel/clock.ts";

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

const errorOf = (errorCode?: string, status?: number) =>
  Object.assign(new Error("words"), {
    ...(errorCode === undefined ? {} : { errorCode, errorMessage: "Entra's words" }),
    ...(status === undefined ? {} : { status }),
  });

test.each([
  ["temporarily_unavailable", 200],
  ["server_error", 400],
  ["network_error", undefined],
  ["endpoints_resolution_error", undefined],
  ["invalid_client", 429],
  ["invalid_grant", 503],
  ["unknown", 500],
  ["", undefined],
  ["90033", undefined],
  ["7000215", undefined],
  ["something_new", 400],
  ["invalid_client", 200],
  [undefined, undefined],
])("%j with status %s may pass", (code, status) => {
  expect(signInFailure(errorOf(code, status))).toMatchObject({
    kind: "busy",
    why: expect.stringContaining("sign-in failed: "),
  });
});

test.each([50_196, 90_024, 90_033])("AADSTS%i passes, whatever name it is said with", (number) => {
  const errorMessage = `${number} - [2026-11-30]: AADSTS${number}: try again. Trace ID: 1`;
  expect(signInFailure({ errorCode: "invalid_grant", errorMessage, status: 400 })).toMatchObject({
    kind: "busy",
    ...(number === 50_196 ? { retryAfterMs: 300_000 } : {}),
  });
});

test.each([
  ["invalid_client", 401],
  ["unauthorized_client", 400],
  ["invalid_request", 400],
  ["invalid_scope", undefined],
])("%s with status %s needs an administrator", (code, status) => {
  expect(signInFailure(errorOf(code, status))).toEqual({
    kind: "refused",
    reason: "signedOut",
    code,
    message: "sign-in failed: Entra's words",
  });
});

test.each([
  ["90002", /no such tenant/, /check the tenant id/],
  ["700016", /not in this tenant/, /administrator consent/],
  ["65001", /nobody has consented/, /administrator consent/],
  ["7000215", /secret is wrong/, /value, not its id/],
  ["7000222", /secret has expired/, /new one/],
  ["700027", /certificate/, /upload/],
  ["500011", /not in this tenant/, /resource's address/],
  ["50076", /second factor is required/, /complete it/],
  ["50079", /second factor must be registered/, /register it/],
  ["53003", /conditional access/, /policy/],
  ["50034", /user is not in this tenant/, /check the name/],
  ["50057", /account is disabled/, /enable it/],
])(
  "AADSTS%s is told with what happened and what to do, before Entra's own words",
  (number, happened, advice) => {
    const errorMessage = `${number} - [2026-01-01]: AADSTS${number}: Entra's words. Trace ID: ${"x".repeat(600)}`;
    const thrown = Object.assign(new Error("m"), { errorCode: "invalid_client", errorMessage });
    const failure = signInFailure(thrown);
    const { message } = failure as { message: string };
    expect(failure).toMatchObject({ kind: "refused", reason: "signedOut" });
    expect(message).toMatch(/^sign-in failed: AADSTS/);
    expect(message).toMatch(happened);
    expect(message).toMatch(advice);
    expect(message.indexOf("Entra's words")).toBeGreaterThan(message.search(advice));
    expect(message.length).toBeLessThan(430);
  },
);

test("what every known number means fits, with the advice, into what is kept for a device", () => {
  for (const [number, [happened, advice]] of Object.entries(signInAdvice)) {
    const errorMessage = `AADSTS${number}: ${"words ".repeat(200)}`;
    const thrown = { errorCode: "unauthorized_client", errorMessage };
    const kept = wordsOf(signInFailure(thrown) as { code: string; message: string });
    expect(kept.slice(0, maxDetailChars)).toContain(`AADSTS${number}, ${happened}: ${advice}`);
  }
});

test("a number that is not known leaves Entra's words as they are", () => {
  for (const number of ["1", "constructor", "7000215000"]) {
    const errorMessage = `AADSTS${number}: Entra's words`;
    expect(signInFailure({ errorCode: "invalid_client", errorMessage })).toMatchObject({
      message: `sign-in failed: ${errorMessage}`,
    });
  }
});

test.each([undefined, null, "text", 5, {}])("%j thrown is trouble that may pass", (thrown) => {
  expect(signInFailure(thrown)).toMatchObject({ kind: "busy" });
});
