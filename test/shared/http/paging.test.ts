import { assert, pre, property, string } from "fast-check";
import { expect, test } from "vitest";
import { pageBody, pageToken, positionOf } from "../../../shared/http/paging.ts";

const refused = {
  ok: false,
  failure: { code: "bad-page-token", faults: [{ pointer: "/query/pageToken" }] },
};

test("a token leads back to its position, in its own list only", () => {
  assert(
    property(string(), string(), string(), (list, position, other) => {
      const token = pageToken(list, position);
      expect(token).toMatch(/^[\w-]+$/);
      expect(positionOf(list, token)).toEqual({ ok: true, value: position });
      pre(other !== list);
      expect(positionOf(other, token)).toMatchObject(refused);
    }),
  );
});

test("no token is the first page", () => {
  expect(positionOf("tenants", undefined)).toEqual({ ok: true, value: undefined });
});

test("whatever text comes, it is refused and not thrown", () => {
  assert(
    property(string(), (text) => {
      expect(positionOf("tenants", text)).toMatchObject(refused);
    }),
  );
});

const packed = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
test.each([
  ["no position", packed([2, "tenants"])],
  ["another version", packed([1, "tenants", "p", "x"])],
  ["nothing but JSON", packed({})],
  ["a token cut short", pageToken("tenants", "position").slice(0, -5)],
])("%s is refused", (_name, token) => {
  expect(positionOf("tenants", token)).toMatchObject(refused);
});

test("the link keeps the query, and changes the token alone", () => {
  const url = new URL("http://host/api/v1/tenants?top=5&pageToken=old");
  const { value, nextLink } = pageBody(url, "tenants", { items: [1], next: "p" });
  expect(value).toEqual([1]);
  const link = new URL(nextLink ?? "");
  expect(link.searchParams.get("top")).toBe("5");
  expect(positionOf("tenants", link.searchParams.get("pageToken") ?? "")).toMatchObject({
    value: "p",
  });
  expect(pageBody(url, "tenants", { items: [1] })).toEqual({ value: [1] });
});
