/** What shared/access/audit/trail.ts keeps out of an event. */
import { anything, assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { redact as redactOf } from "../../../shared/access/audit/trail.ts";

const needle = "s3cr3t-V4lue";
const redact = (value: unknown) => redactOf("notifications-send", value);

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
  ["notifications-send", { tokenCount: 3 }],
  ["roles-add", { roleId: "fullAdministrator", name: "Reader", permissions: ["devices.read"] }],
  ["notifications-send", { note: "Restart after the update", action: "restart" }],
  ["tenants-add", { displayName: "Contoso", pace: { deviceActions: "unlimited" } }],
  [
    "collections-add",
    { rule: { and: [{ not: { property: "deviceName", operator: "equals", value: "PC-1" } }] } },
  ],
])("%s keeps what it is about: %j", (operation, value) => {
  expect(redactOf(operation, value)).toEqual(value);
});

test.each([
  ["tenants-add", { note: needle, name: needle, description: needle }],
  ["roles-add", { displayName: needle, comment: needle, pace: { name: needle } }],
  ["sites-report", { results: [{ detail: needle, code: needle, name: needle }] }],
  ["sites-put-part", { devices: [{ name: needle, userPrincipalName: needle }] }],
  ["notifications-send", { target: { name: needle }, name: needle, comment: needle }],
  ["an-operation-of-tomorrow", { name: needle, note: needle, displayName: needle }],
])("%s keeps no text that is another operation's to keep: %j", (operation, value) => {
  expect(JSON.stringify(redactOf(operation, value))).not.toContain(needle);
});

test.each([
  [
    "what an action is given",
    { parameters: { scriptText: needle, name: needle, note: needle, deep: { name: needle } } },
  ],
  ["a name that nobody knows", { whatever: needle }],
  ["a list under such a name", { lines: [needle, [needle]] }],
  ["a text in a property's own name", { [`${needle} ${"x".repeat(80)}`]: 1 }],
])("never kept, though nothing says that it is secret: %s", (_, value) => {
  expect(JSON.stringify(redact(value))).not.toContain(needle);
});

test("nothing stays of what an action is given, whether text, number or name, but ids", () => {
  const kept = redact({ parameters: { [needle]: 1, query: 4711, configMgrScriptId: true } });
  const text = JSON.stringify(kept);
  expect([text.includes(needle), text.includes("4711"), text.includes("true")]).toEqual([
    false,
    false,
    false,
  ]);
});

test("ids stay wherever they stand, so that one can see which script was meant", () => {
  const configMgrScriptId = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
  expect(redact({ parameters: { configMgrScriptId } })).toEqual({
    parameters: { configMgrScriptId },
  });
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
