/** What Partner Center's answers mean, and where a status is. */
import { anything, assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { jobIn, judge } from "../../../shared/partner-center/client.ts";

const error = (code: unknown, description: unknown = "no") => JSON.stringify({ code, description });
const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
  judge({ status, body, headers: new Headers(headers) }, 0);

test.each([
  [202, "", { kind: "ok" }],
  [200, "<html>", { kind: "unclear" }],
  [200, "[1]", { kind: "unclear" }],
  [429, "", { kind: "later", throttled: true }],
  [503, error(503), { kind: "later", throttled: false }],
  [504, error(504), { kind: "unclear" }],
  [500, error(500), { kind: "unclear" }],
  [408, error(408), { kind: "unclear" }],
  [401, "", { kind: "refused", reason: "noAccess" }],
  [401, error(400), { kind: "refused", reason: "noAccess" }],
  [403, error(20_002), { kind: "refused", reason: "noRelationship" }],
  [403, error("20002"), { kind: "refused", reason: "noRelationship" }],
  [401, error(1002), { kind: "refused", reason: "noRelationship" }],
  [403, error(900_150), { kind: "refused", reason: "noAccess" }],
  [403, error(900_123), { kind: "refused", reason: "agreement" }],
  [403, error(2030), { kind: "refused", reason: "region" }],
  [409, error(1), { kind: "refused", reason: "exists" }],
  [404, error(60_003), { kind: "refused", reason: "missing" }],
  [400, error(2055), { kind: "refused", reason: "other" }],
  // Somebody in between speaks: a page, Graph's errors, a code that is no word.
  [403, "<html><title>Proxy</title>", { kind: "unclear" }],
  [403, JSON.stringify({ error: { code: "x", message: "y" } }), { kind: "unclear" }],
  [403, error({}), { kind: "unclear" }],
])("%i %s is %j", (status, body, meaning) => {
  expect(answer(status, body)).toMatchObject(meaning);
});

test("a throttled answer says how long to wait, in either of HTTP's ways", () => {
  expect(answer(429, "", { "retry-after": "7" })).toMatchObject({ afterMs: 7_000 });
  const date = new Date(9_000).toUTCString();
  expect(answer(429, "", { "retry-after": date })).toMatchObject({ afterMs: 9_000 });
});

test("whatever comes is judged, and its words stay short", () => {
  assert(
    property(string(), anything(), (text, value) => {
      for (const body of [text, JSON.stringify(value) ?? ""]) {
        const judged = answer(403, body);
        expect(judged.kind === "ok" || judged.why.length < 600).toBe(true);
      }
    }),
  );
});

const tenant = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
const job = "beef0d9f-1f36-4b2e-8a6d-2d4a3c1e5b99";
test.each([
  [`/customers/${tenant}/batchJobStatus/${job}`, job],
  [`/v1/customers/${tenant.toUpperCase()}/batchJobStatus/${job}`, job],
  [`https://elsewhere.example/customers/${tenant}/batchJobStatus/${job}?x=1`, job],
  [`/customers/${job}/batchJobStatus/${job}`, undefined],
  [`/customers/${tenant}/batchJobStatus/../../x`, undefined],
  [`/customers/${tenant}/deviceBatches/${job}`, undefined],
  ["//", undefined],
  [undefined, undefined],
])("the job in %s is %s: its names are read, its host is asked nothing", (location, found) => {
  expect(jobIn(location, tenant)).toBe(found);
});
