import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { meanings, Problem, problemReply } from "../../../shared/http/reply.ts";
import { type FailureCode, fail } from "../../../shared/kernel/failure.ts";

const codes = Object.keys(meanings) as FailureCode[];

test.each(codes)("%s becomes a problem document", (code) => {
  const { failure } = fail(code, "what happened");
  const reply = problemReply(failure, "r1");
  expect(reply.contentType).toBe("application/problem+json");
  expect(reply.status).toBe(meanings[code].status);
  expect(Problem.strict().parse(reply.body)).toMatchObject({
    type: `urn:muster:problem:${code}`,
    status: meanings[code].status,
    code,
    detail: "what happened",
    instance: "urn:request:r1",
  });
});

const headersOf = (...args: Parameters<typeof fail>) =>
  problemReply(fail(...args).failure, "r1").headers;

test("headers say what a client can act on", () => {
  expect(headersOf("conflict", "")).toEqual({});
  expect(headersOf("conflict", "", { retryAfterSeconds: 1.2 })).toEqual({ "retry-after": "2" });
  expect(headersOf("method-not-allowed", "", { allowedMethods: ["GET", "PUT"] })).toEqual({
    allow: "GET, PUT",
  });
  expect(headersOf("unauthenticated", "")).toHaveProperty("www-authenticate");
});

test("every code, and nothing else, has a section with its status in docs/problems.md", () => {
  const page = readFileSync(new URL("../../../docs/problems.md", import.meta.url), "utf8");
  const sections = Array.from(page.matchAll(/^## (\S+)\n\n(\d{3})\. \S/gm), ([, code, status]) => [
    code,
    Number(status),
  ]);
  const wanted = codes.map((code) => [code, meanings[code].status]);
  expect(new Set(sections)).toEqual(new Set(wanted));
  expect(sections).toHaveLength(wanted.length);
});
