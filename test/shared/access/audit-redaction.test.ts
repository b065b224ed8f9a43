import { anything, assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { redact } from "../../../shared/access/audit/audit-trail.ts";

const needle = "s3cr3t-V4lue";

describe("never kept, by name", () => {
  test.each([
    "token",
    "accessToken",
    "refresh_token",
    "clientSecret",
    "client-secret",
    "password",
    "Authorization",
    "cookie",
    "privateKey",
    "deviceCode",
    "hardwareHash",
    "hardwareIdentifier",
    "Hardware Hash",
    "connectionString",
    "scriptBody",
    "script",
    "scriptContent",
    "query",
    "queryText",
    "kql",
    "commandLine",
  ])("%s", (name) => {
    expect(JSON.stringify(redact({ deep: [{ [name]: needle }] }))).not.toContain(needle);
  });
});

describe("never kept, by looks, under any name", () => {
  test.each([
    ["a JSON web token", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\nMIIE"],
    ["an Authorization header", "Bearer abcdefgh12345678"],
    ["a shared access signature", "https://x.blob.core.windows.net/a?sv=1&sig=abc%3D"],
    ["a hardware hash", "T0EgAQEAHAAAAAoA".repeat(20)],
  ])("%s", (_name, value) => {
    expect(redact({ note: value })).toEqual({ note: "[redacted]" });
  });
});

test.each([
  ["tokenCount", 3],
  ["roleId", "fullAdministrator"],
  ["configMgrScriptId", "7d2f"],
  ["remediationScriptId", "5b1c"],
  ["note", "Restart after the update"],
  ["displayName", "Contoso"],
])("what is harmless stays: %s", (name, value) => {
  expect(redact({ [name]: value })).toEqual({ [name]: value });
});

test.each([
  [
    "what an action is given",
    { parameters: { scriptText: needle, name: needle, deep: { name: needle } } },
  ],
  ["a name that nobody knows", { whatever: needle }],
  ["a list under such a name", { lines: [needle, [needle]] }],
  ["a text in a property's own name", { [`${needle} ${"x".repeat(80)}`]: 1 }],
])("never kept, though nothing says that it is secret: %s", (_, value) => {
  expect(JSON.stringify(redact(value))).not.toContain(needle);
});

test("ids stay wherever they stand, so that one can see which script was meant", () => {
  const scriptId = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
  expect(redact({ parameters: { scriptId } })).toEqual({ parameters: { scriptId } });
});

test("two script bodies can be told apart, and not read", () => {
  const [one, other] = ["Get-Process", "Get-Service"].map((script) => redact({ script }));
  expect(one).not.toEqual(other);
  expect(JSON.stringify([one, other])).not.toContain("Get-");
});

test("whatever it is given, it answers something that can be written down", () => {
  assert(
    property(anything(), (value) => {
      expect(() => JSON.stringify({ kept: redact(value) })).not.toThrow();
    }),
  );
});

test("a secret does not pass at any depth", () => {
  assert(
    property(string(), (name) => {
      const kept = JSON.stringify(
        redact({ [name]: [{ secret: needle, list: [{ token: needle }] }] }),
      );
      expect(kept).not.toContain(needle);
    }),
  );
});
