import { assert, nat, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { pageSeal } from "../../../shared/http/page-seal.ts";
import { pageToken } from "../../../shared/http/paging.ts";

const seal = pageSeal("a secret of the installation");
const anyToken = string().map((position) => pageToken("tenants", position));

test("what was closed opens again, in every instance that has the secret", () => {
  assert(
    property(anyToken, (token) => {
      const sealed = seal.close(token);
      expect(sealed).toMatch(/^[\w-]+$/);
      expect(pageSeal("a secret of the installation").open(sealed)).toBe(token);
    }),
  );
});

test("nothing of a token shows through, and the same one looks different each time", () => {
  const token = pageToken("tenants", "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01");
  const [one, other] = [seal.close(token), seal.close(token)];
  expect(one).not.toBe(other);
  expect(Buffer.from(one, "base64url").toString("latin1")).not.toContain("7d1c0f5e");
});

test("a changed bit anywhere closes it for ever", () => {
  assert(
    property(anyToken, nat(), (token, at) => {
      const bytes = Buffer.from(seal.close(token), "base64url");
      const bit = at % (bytes.byteLength * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(seal.open(bytes.toString("base64url"))).toBeUndefined();
    }),
  );
});

test("another secret, a plain token or any bytes open nothing, and nothing is thrown", () => {
  const token = pageToken("tenants", "x");
  expect(pageSeal("another secret").open(seal.close(token))).toBeUndefined();
  expect(seal.open(token)).toBeUndefined();
  assert(
    property(uint8Array({ maxLength: 60 }), string(), (bytes, text) => {
      expect(seal.open(Buffer.from(bytes).toString("base64url"))).toBeUndefined();
      expect(seal.open(text)).toBeUndefined();
    }),
  );
});
