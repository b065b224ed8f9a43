import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readSettings } from "../../functions/settings.ts";

const dayMs = 24 * 3600 * 1000;
const key = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
const adminToken = "3f9c1e7a5b2d4860a1c8e6f4d2b09573";
const good = {
  AzureWebJobsStorage: "UseDevelopmentStorage=true",
  MUSTER_ADMIN_TOKEN: adminToken,
  MUSTER_GRAPH_URL: "https://graph.microsoft.com/",
  MUSTER_AUTHORITY_URL: "https://login.microsoftonline.com",
  MUSTER_CLIENT_ID: "app",
  MUSTER_CLIENT_SECRET: "secret",
};

/** The settings that the refusal names, in its order. */
function wrongIn(environment: Record<string, string | undefined>): string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    const lines = (error as Error).message.matchAll(/^- (\w+)(?:\.\d+)?: \S/gm);
    return Array.from(lines, ([, name]) => name ?? "");
  }
}

test("what is right is read, with defaults for what is not said", () => {
  expect(readSettings(good)).toEqual({
    storage: { kind: "connectionString", value: "UseDevelopmentStorage=true" },
    credential: { kind: "secret", clientSecret: "secret" },
    access: {
      adminToken,
      homeTenantIds: [],
      audiences: ["app", "api://app"],
      delegatedScope: "Muster.Use",
      appRole: "Muster.Use",
      first: undefined,
      sealing: undefined,
      allowedOrigins: [],
      rateFactor: 1,
    },
    publicUrl: undefined,
    console: undefined,
    graphUrl: "https://graph.microsoft.com",
    authorityUrl: "https://login.microsoftonline.com",
    partnerCenterUrl: undefined,
    partnerKind: "customer",
    clientId: "app",
    signInClientId: undefined,
    confirmAfterMs: 30_000,
    claimMs: 120_000,
    graphTimeoutMs: 60_000,
    overdueMs: 300_000,
    keepMs: { notifications: 400 * dayMs, syncs: 90 * dayMs, deadLetters: 90 * dayMs },
    webhooksToLoopback: false,
  });
});

test("people may sign in with an app of their own", () => {
  const own = readSettings({ ...good, MUSTER_SIGN_IN_CLIENT_ID: "people" });
  expect([own.clientId, own.signInClientId]).toEqual(["app", "people"]);
});

const placeOf = (own: Record<string, string>) => readSettings({ ...good, ...own }).telemetry;

test("telemetry goes where it is said, and nowhere by default", () => {
  expect(placeOf({})).toBeUndefined();
  expect(placeOf({ MUSTER_TELEMETRY: "file:/tmp/x" })).toEqual({ kind: "file", path: "/tmp/x" });
  const insights = { APPLICATIONINSIGHTS_CONNECTION_STRING: "InstrumentationKey=x" };
  expect(placeOf({ ...insights })).toBeUndefined();
  const azure = { kind: "azure", connectionString: "InstrumentationKey=x" };
  expect(placeOf({ ...insights, MUSTER_TELEMETRY: "azure" })).toEqual(azure);
  for (const wrong of ["azure", "on", "file:"])
    expect(wrongIn({ ...good, MUSTER_TELEMETRY: wrong })).toEqual(["MUSTER_TELEMETRY"]);
});

test("origins are taken as browsers send them", () => {
  const origins = "https://console.example, http://localhost:5173,http://[::1]";
  const { access } = readSettings({ ...good, MUSTER_ALLOWED_ORIGINS: origins });
  expect(access.allowedOrigins).toEqual([
    "https://console.example",
    "http://localhost:5173",
    "http://[::1]",
  ]);
});

test.each([
  "*",
  "null",
  "https://*.example",
  "https://console.example/",
  "https://console.example/app",
  "https://Console.example",
  "https://console.example:443",
  "http://console.example",
  "http://localhost.example",
  "console.example",
  "file:///console.html",
  "https://ana@console.example",
  "https://console.example,",
])("the origins %j are none, and the app does not start", (origins) => {
  const environment = { ...good, MUSTER_ALLOWED_ORIGINS: origins };
  expect(() => readSettings(environment)).toThrow(/MUSTER_ALLOWED_ORIGINS/);
});

test("an account's name and the app's identity do instead of a connection string", () => {
  const byName = {
    ...good,
    AzureWebJobsStorage: "",
    AzureWebJobsStorage__accountName: "fleet",
    AzureWebJobsStorage__clientId: "identity",
  };
  expect(readSettings(byName).storage).toMatchObject({
    kind: "identity",
    endpoints: { table: "https://fleet.table.core.windows.net" },
    clientId: "identity",
  });
});

test("a certificate does instead of a secret, also with line breaks written out", () => {
  const MUSTER_CLIENT_CERTIFICATE_SHA256 = "0f".repeat(32);
  const oneLine = key.replaceAll("\n", "\\n");
  for (const MUSTER_CLIENT_CERTIFICATE_KEY of [key, oneLine])
    expect(
      readSettings({
        ...good,
        MUSTER_CLIENT_SECRET: undefined,
        MUSTER_CLIENT_CERTIFICATE_SHA256,
        MUSTER_CLIENT_CERTIFICATE_KEY,
      }).credential,
    ).toMatchObject({ kind: "certificate", privateKey: key });
});

const byIdentity = {
  MUSTER_CLIENT_SECRET: "",
  MUSTER_CLIENT_IDENTITY_ID: "0a0a0a0a-1111-4222-8333-444444444444",
  MUSTER_KEY_VAULT_KEY_URL: "https://vault.example/keys/muster",
};

test("a managed identity does instead of a secret, where a key seals", () => {
  expect(readSettings({ ...good, ...byIdentity }).credential).toEqual({
    kind: "identity",
    identityClientId: byIdentity.MUSTER_CLIENT_IDENTITY_ID,
  });
});

test("what is kept may be kept for ever, or for days", () => {
  const given = {
    MUSTER_KEEP_NOTIFICATIONS_DAYS: "forever",
    MUSTER_KEEP_SYNCS_DAYS: "14",
    MUSTER_KEEP_DEAD_LETTERS_DAYS: "7",
  };
  const { notifications, syncs, deadLetters } = readSettings({ ...good, ...given }).keepMs;
  expect([notifications, syncs]).toEqual([Number.POSITIVE_INFINITY, 14 * dayMs]);
  expect(deadLetters).toBe(7 * dayMs);
});

test.each([
  [{ AzureWebJobsStorage: undefined }, ["AzureWebJobsStorage"]],
  [{ AzureWebJobsStorage: "" }, ["AzureWebJobsStorage"]],
  [{ AzureWebJobsStorage: "storage" }, ["AzureWebJobsStorage"]],
  [
    { AzureWebJobsStorage: "", AzureWebJobsStorage__accountName: "ab" },
    ["AzureWebJobsStorage__accountName"],
  ],
  [{ MUSTER_ADMIN_TOKEN: adminToken.slice(1) }, ["MUSTER_ADMIN_TOKEN"]],
  [{ MUSTER_GRAPH_URL: "graph.microsoft.com" }, ["MUSTER_GRAPH_URL"]],
  [{ MUSTER_PARTNER_KIND: "friend" }, ["MUSTER_PARTNER_KIND"]],
  [{ MUSTER_AUTHORITY_URL: "ftp://login" }, ["MUSTER_AUTHORITY_URL"]],
  [{ MUSTER_CLIENT_ID: undefined }, ["MUSTER_CLIENT_ID"]],
  [{ MUSTER_CLIENT_SECRET: undefined }, ["MUSTER_CLIENT_SECRET"]],
  [
    { MUSTER_CLIENT_SECRET: "", MUSTER_CLIENT_CERTIFICATE_SHA256: "0f".repeat(32) },
    ["MUSTER_CLIENT_SECRET"],
  ],
  [{ MUSTER_CLIENT_CERTIFICATE_SHA256: "thumb" }, ["MUSTER_CLIENT_CERTIFICATE_SHA256"]],
  [{ MUSTER_CLIENT_CERTIFICATE_KEY: "key" }, ["MUSTER_CLIENT_CERTIFICATE_KEY"]],
  [{ ...byIdentity, MUSTER_CLIENT_IDENTITY_ID: "identity" }, ["MUSTER_CLIENT_IDENTITY_ID"]],
  [{ ...byIdentity, MUSTER_KEY_VAULT_KEY_URL: "" }, ["MUSTER_CLIENT_IDENTITY_ID"]],
  [{ MUSTER_CLAIM_SECONDS: "soon" }, ["MUSTER_CLAIM_SECONDS"]],
  [{ MUSTER_OVERDUE_SECONDS: "0" }, ["MUSTER_OVERDUE_SECONDS"]],
  [{ MUSTER_KEEP_NOTIFICATIONS_DAYS: "30" }, ["MUSTER_KEEP_NOTIFICATIONS_DAYS"]],
  [{ MUSTER_KEEP_SYNCS_DAYS: "13" }, ["MUSTER_KEEP_SYNCS_DAYS"]],
  [{ MUSTER_KEEP_DEAD_LETTERS_DAYS: "for ever" }, ["MUSTER_KEEP_DEAD_LETTERS_DAYS"]],
  [{ MUSTER_CONFIRM_AFTER_SECONDS: "-1" }, ["MUSTER_CONFIRM_AFTER_SECONDS"]],
  [{ MUSTER_GRAPH_TIMEOUT_SECONDS: "120" }, ["MUSTER_GRAPH_TIMEOUT_SECONDS"]],
])("%j is refused by name", (change, names) => {
  expect(wrongIn({ ...good, ...change })).toEqual(names);
});

const plain = "http://cloud.example";

test.each([
  "MUSTER_GRAPH_URL",
  "MUSTER_PARTNER_CENTER_URL",
  "MUSTER_AUTHORITY_URL",
  "MUSTER_PUBLIC_URL",
  "MUSTER_KEY_VAULT_KEY_URL",
  "MUSTER_ALLOWED_ORIGINS",
])("%s is refused as a plain address that leaves the machine", (name) => {
  for (const address of [
    plain,
    "http://10.0.0.4:8080",
    "http://localhost.example",
    "http://127.0.0.1.example",
    "http://[::2]",
    "HTTP://cloud.example",
  ])
    expect(wrongIn({ ...good, [name]: address })).toEqual([name]);
});

test.each([
  "MUSTER_GRAPH_URL",
  "MUSTER_PARTNER_CENTER_URL",
  "MUSTER_AUTHORITY_URL",
  "MUSTER_PUBLIC_URL",
])("%s is taken with https, and plain on this machine", (name) => {
  for (const address of ["https://cloud.example", "http://127.0.0.1:7", "http://[::1]:7"])
    expect(wrongIn({ ...good, [name]: address })).toEqual([]);
  for (const address of [
    "https://ana:secret@cloud.example",
    "https://cloud.example/?key=1",
    "https://cloud.example/#top",
  ])
    expect(wrongIn({ ...good, [name]: address })).toEqual([name]);
});

test("the public address may have a path, and ends without a slash", () => {
  const MUSTER_PUBLIC_URL = "https://api.contoso.example/muster/";
  expect(readSettings({ ...good, MUSTER_PUBLIC_URL }).publicUrl).toBe(
    "https://api.contoso.example/muster",
  );
});

test("the console's people sign in to the one home tenant, or say which of several is theirs", () => {
  const [one, other] = [
    "22222222-1111-4222-8333-444444444444",
    "33333333-1111-4222-8333-444444444444",
  ] as const;
  const given = { ...good, MUSTER_CONSOLE_CLIENT_ID: "pages", MUSTER_HOME_TENANT_IDS: one };
  const console = {
    clientId: "pages",
    authority: `https://login.microsoftonline.com/${one}`,
    localAuthority: "",
    scope: "app/Muster.Use",
  };
  expect(readSettings(given).console).toEqual(console);
  const several = readSettings({ ...given, MUSTER_HOME_TENANT_IDS: `${one},${other}` });
  expect(several.console?.authority).toBe("https://login.microsoftonline.com/organizations");
  const local = readSettings({ ...given, MUSTER_CONSOLE_LOCAL_AUTHORITY: "http://127.0.0.1:7/" });
  expect(local.console?.localAuthority).toBe(`http://127.0.0.1:7/${one}`);
});

test("the console's local sign-in is a plain address of this machine, and none in Azure", () => {
  const name = "MUSTER_CONSOLE_LOCAL_AUTHORITY";
  const local = { ...good, [name]: "http://127.0.0.1:7" };
  expect(wrongIn(local)).toEqual([]);
  expect(wrongIn({ ...local, WEBSITE_SITE_NAME: "muster" })).toEqual([name]);
  for (const address of ["https://login.example", "http://login.example"])
    expect(wrongIn({ ...good, [name]: address })).toEqual([name]);
});

test("plain addresses are named all at once", () => {
  const names = ["MUSTER_GRAPH_URL", "MUSTER_AUTHORITY_URL", "MUSTER_ALLOWED_ORIGINS"];
  const wrong = Object.fromEntries(names.map((name) => [name, plain]));
  expect(new Set(wrongIn({ ...good, ...wrong }))).toEqual(new Set(names));
});

test.each([
  "DefaultEndpointsProtocol=http;AccountName=fleet;AccountKey=a2V5;EndpointSuffix=core.windows.net",
  "AccountName=fleet;AccountKey=a2V5;TableEndpoint=http://fleet.example/fleet",
  "QueueEndpoint=HTTP://fleet.example;SharedAccessSignature=sig",
])("the storage connection %j is refused, since it would go over the network in plain", (value) => {
  expect(wrongIn({ ...good, AzureWebJobsStorage: value })).toEqual(["AzureWebJobsStorage"]);
});

test("a storage on this machine may be reached in plain", () => {
  const value =
    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:2/a;TableEndpoint=http://127.0.0.1:3/a;";
  expect(wrongIn({ ...good, AzureWebJobsStorage: value })).toEqual([]);
});

test.each([
  "at-least-32-characters-of-your-own-choosing",
  "x".repeat(40),
  "0123456789abcdef".repeat(2),
  "abcdefghij".repeat(4),
  `${"a".repeat(20)}${"b".repeat(20)}`,
  `${"0".repeat(31)}1`,
  "a token with spaces that no header carries",
])("the admin token %j can be guessed or never presented, and is refused", (token) => {
  expect(wrongIn({ ...good, MUSTER_ADMIN_TOKEN: token })).toEqual(["MUSTER_ADMIN_TOKEN"]);
});

test("the example file holds nothing that would do as an admin token", () => {
  const file = new URL("../../local.settings.example.json", import.meta.url);
  const { Values } = JSON.parse(readFileSync(file, "utf8")) as { Values: Record<string, string> };
  expect(Object.keys(Values)).toContain("MUSTER_ADMIN_TOKEN");
  for (const token of Object.values(Values))
    expect(wrongIn({ ...good, MUSTER_ADMIN_TOKEN: token })).toEqual(["MUSTER_ADMIN_TOKEN"]);
});

test("every wrong setting is named at once, also what is wrong only between two", () => {
  const wrong = wrongIn({
    MUSTER_ADMIN_TOKEN: "short",
    MUSTER_GRAPH_URL: "graph",
    MUSTER_AUTHORITY_URL: "",
    MUSTER_CLAIM_SECONDS: "30",
    MUSTER_CONFIRM_AFTER_SECONDS: "later",
  });
  expect(new Set(wrong)).toEqual(
    new Set([
      "AzureWebJobsStorage",
      "MUSTER_ADMIN_TOKEN",
      "MUSTER_GRAPH_URL",
      "MUSTER_AUTHORITY_URL",
      "MUSTER_CLIENT_ID",
      "MUSTER_CLIENT_SECRET",
      "MUSTER_CONFIRM_AFTER_SECONDS",
      "MUSTER_GRAPH_TIMEOUT_SECONDS",
    ]),
  );
});

test("the refusal does not repeat what it was given", () => {
  const secret = "hunter2-hunter2";
  expect(() =>
    readSettings({ ...good, MUSTER_ADMIN_TOKEN: secret, AzureWebJobsStorage: secret }),
  ).toThrow(expect.not.objectContaining({ message: expect.stringContaining(secret) }));
});
