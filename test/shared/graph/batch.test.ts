/** `$batch`, pure: what twenty requests become, and what their answers are, as shared/graph/client.ts has them. */
import { assert, integer, property, shuffledSubarray } from "fast-check";
import { expect, test } from "vitest";
import { batchAnswers, batchBody } from "../../../shared/graph/client.ts";

const part = (id: unknown, status: unknown = 200, more: object = {}) => ({ id, status, ...more });
const gets = (count: number) =>
  Array.from({ length: count }, () => ({ method: "GET", path: "/x" }) as const);
const unclear = { kind: "unclear", why: "no answer in the batch" };

test("a part carries its position, its path, and for POST a body with its type", () => {
  const body = batchBody([
    { method: "GET", path: "/a?$select=id" },
    { method: "POST", path: "/b" },
    { method: "POST", path: "/c", body: { x: 1 } },
  ]);
  const headers = { "Content-Type": "application/json" };
  expect(body).toEqual({
    requests: [
      { id: "0", method: "GET", url: "/a?$select=id" },
      { id: "1", method: "POST", url: "/b", headers, body: {} },
      { id: "2", method: "POST", url: "/c", headers, body: { x: 1 } },
    ],
  });
});

test("answers stand in the order of the requests, and what is missing is unclear", () => {
  const count = 20;
  const ids = Array.from({ length: count }, (_, at) => at);
  assert(
    property(shuffledSubarray(ids), integer({ min: 0, max: 3 }), (answered, which) => {
      const status = [200, 204, 404, 429][which];
      const body = status === 404 ? { error: { code: "c", message: "m" } } : {};
      const responses = answered.map((id) => part(String(id), status, { body }));
      const answers = batchAnswers({ responses }, gets(count), 0);
      expect(answers).toHaveLength(count);
      const clear = ids.filter((id) => answers[id]?.kind !== "unclear");
      expect(clear).toEqual(answered.toSorted((a, b) => a - b));
      for (const id of ids.filter((each) => !answered.includes(each)))
        expect(answers[id]).toEqual(unclear);
    }),
  );
});

test.each([200, 403, 404, 503])("a page in a part with %d is unclear", (status) => {
  for (const body of ["<html>no</html>", btoa("<html>no</html>")])
    expect(batchAnswers({ responses: [part("0", status, { body })] }, gets(1), 0)).toMatchObject([
      { kind: "unclear", why: expect.stringContaining(`HTTP ${status}`) },
    ]);
});

test("each part is judged by itself", () => {
  const responses = [
    part("2", 429, { headers: { "rEtRy-AfTeR": "7" } }),
    part("0", 404, { body: { error: { code: "ResourceNotFound", message: "no" } } }),
    part("1", 500),
    part("3", 503, { headers: { "Retry-After": 3 } }),
  ];
  expect(batchAnswers({ responses }, gets(4), 0)).toMatchObject([
    { kind: "refused", reason: "notFound", code: "ResourceNotFound" },
    { kind: "unclear", why: "HTTP 500" },
    { kind: "throttled", retryAfterMs: 7000 },
    { kind: "busy", retryAfterMs: 3000 },
  ]);
});

test.each([
  ["an empty id", part("")],
  ["a blank id", part(" ")],
  ["no id", { status: 200 }],
  ["a null id", part(null)],
  ["a number beyond", part("1")],
  ["a negative number", part("-1")],
  ["another writing of zero", part("0.0")],
  ["a name of arrays", part("length")],
  ["no status", { id: "0" }],
  ["a status in words", part("0", "ok")],
  ["nothing", null],
  ["text", "part"],
])("a part with %s answers nobody", (_name, odd) => {
  expect(batchAnswers({ responses: [odd] }, gets(1), 0)).toEqual([unclear]);
});

test.each([undefined, null, "text", {}, { responses: null }, { responses: {} }])(
  "the body %j leaves everything unclear",
  (body) => {
    expect(batchAnswers(body, gets(2), 0)).toEqual([unclear, unclear]);
  },
);
