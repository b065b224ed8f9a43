import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { csv, hashOf, intune, judged, partner } from "../../shared/registration/lists.ts";
import {
  type Answered,
  adminToken,
  type RunningApp,
  type Sent,
  startApp,
} from "../support/running-app.ts";

let app: RunningApp;
const tenantId = randomUUID();
const path = `/api/v1/tenants/${tenantId}/registrations`;
beforeAll(async () => {
  app = await startApp();
  await app.call("POST", "/api/v1/tenants", { body: { tenantId, displayName: "Contoso" } });
});
afterAll(() => app.stop());

const check = (raw: Sent["raw"] | FormData, more = "", headers = {}): Promise<Answered> =>
  app.call("POST", `${path}?dryRun=true${more}`, {
    raw: raw as NonNullable<Sent["raw"]>,
    headers: { "content-type": "text/csv", ...headers },
  });
const inPieces = (pieces: Iterable<Uint8Array>): ReadableStream<Uint8Array> =>
  ReadableStream.from(pieces);
const serials = Array.from({ length: 500 }, (_, at) => `PF${String(at).padStart(6, "0")}`);
const five = csv(intune, ...serials.map((serial) => `${serial},,${hashOf(serial)},shop,`));

test("a legal file of 500 devices and 2 MB passes, with its length, in pieces and in a form", async () => {
  expect(five.length).toBeGreaterThan(2_000_000);
  const form = new FormData();
  form.set("file", new Blob([five], { type: "text/csv" }), "devices.csv");
  const { body: sent, headers } = await packed(form);
  const answers = [
    await check(five),
    await check(new Blob([five]).stream()),
    await check(sent, "", headers),
  ];
  for (const { status, body } of answers)
    expect([status, body]).toMatchObject([
      200,
      {
        dryRun: true,
        layout: "intune5",
        encoding: "ascii",
        valid: true,
        rows: 500,
        acceptedRows: 500,
        findings: [],
      },
    ]);
});

/** A form as a browser sends it. */
async function packed(form: FormData) {
  const request = new Request("http://localhost/", { method: "POST", body: form });
  const type = request.headers.get("content-type") ?? "";
  return {
    body: new Blob([await request.arrayBuffer()]).stream(),
    headers: { "content-type": type },
  };
}

test("every fault is named by its place, and the repaired file is given byte for byte", async () => {
  const wrong = `\ufeff${csv(intune.toLowerCase(), `PF1,,${hashOf("PF1")},,,`, `1.65E+11,,${hashOf("PF2")},,`)}`;
  const { status, body } = await check(wrong, "&repair=encoding,headerCase,trailingCommas");
  expect(status).toBe(200);
  const { findings, repaired } = body as {
    findings: { code: string; line: number }[];
    repaired: { contentBase64: string; errors: number };
  };
  expect(findings.map(({ code, line }) => [code, line])).toEqual([
    ["E_HEADER_CASE", 1],
    ["E_ENC_UTF8_BOM", 1],
    ["E_FIELD_COUNT", 2],
    ["E_SERIAL_SCIENTIFIC", 3],
  ]);
  expect(
    Buffer.from(repaired.contentBase64, "base64").toString("latin1").split("\r\n").slice(0, 2),
  ).toEqual([intune, `PF1,,${hashOf("PF1")},,`]);
  expect(repaired.errors).toBe(1);
});

test("JSON is judged too, and an unknown property is named by the place of its device", async () => {
  const devices = Array.from({ length: 50 }, (_, at) => ({
    manufacturer: "LENOVO",
    model: "20XW",
    serialNumber: `A${at}`,
  }));
  const url = `${path}?dryRun=true`;
  expect(await app.call("POST", url, { body: { devices } })).toMatchObject({
    status: 200,
    body: { valid: true, rows: 50 },
  });
  const odd = devices.with(41, { ...devices[41], colour: "red" } as never);
  expect(await app.call("POST", url, { body: { devices: odd } })).toMatchObject({
    status: 400,
    body: { code: "invalid-request", errors: [{ pointer: "/devices/41/colour" }] },
  });
});

test("the trail has the event without serial numbers and hashes, and the log has neither", async () => {
  const rows = JSON.stringify(await app.rows()).length;
  await check(csv(partner, "SECRET1,,,LENOVO,20XW", `,,${hashOf("SECRET2")},,`));
  await app.call("POST", `${path}?dryRun=true`, {
    body: { devices: [{ serialNumber: "SECRET3" }] },
  });
  const { body } = await app.call("GET", `/api/v1/tenants/${tenantId}/audit?top=2`);
  expect((body as { value: unknown[] }).value).toMatchObject([
    { operation: "registrations-submit", after: { dryRun: true, rows: 1, valid: false } },
    {
      operation: "registrations-submit",
      after: { layout: "partner5", rows: 2, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    },
  ]);
  const said = JSON.stringify([await app.rows(), app.logged()]);
  expect(said.length).toBeGreaterThan(rows);
  expect(said).not.toMatch(/SECRET|T0E|U0VDUkVU/);
});

const boundary = { "content-type": "multipart/form-data; boundary=x" };
const part = (text: string): string =>
  `--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n${text}\r\n`;
const megabyte = Buffer.alloc(1_000_000, ",");

test.each<readonly [string, number, string, () => Promise<Answered>]>([
  [
    "with a faulty row, without a word that the others may go,",
    422,
    "device-list-refused",
    () =>
      app.call("POST", path, {
        raw: csv(intune, `PF1,,${hashOf("PF1")},,`, "PF2,,,,"),
        headers: { "content-type": "text/csv" },
      }),
  ],
  ["with a repair that is none", 400, "invalid-request", () => check("a", "&repair=all")],
  [
    "of 100 MB in pieces",
    413,
    "body-too-large",
    () => check(inPieces(Array<Buffer>(100).fill(megabyte))),
  ],
  ["of 5 MB with its length", 413, "body-too-large", () => check(",".repeat(5_000_000))],
  [
    "in a form of 100 MB",
    413,
    "body-too-large",
    () =>
      check(
        inPieces([Buffer.from(part("").slice(0, -2)), ...Array<Buffer>(100).fill(megabyte)]),
        "",
        boundary,
      ),
  ],
  [
    "that is packed",
    415,
    "unsupported-media-type",
    () => check(inPieces([gzipSync(Buffer.alloc(10_000_000))]), "", { "content-encoding": "gzip" }),
  ],
  [
    "of JSON that is packed",
    415,
    "unsupported-media-type",
    () =>
      check(inPieces([gzipSync("{}")]), "", {
        "content-type": "application/json",
        "content-encoding": "br",
      }),
  ],
  [
    "of another type",
    415,
    "unsupported-media-type",
    () => check("PK", "", { "content-type": "application/zip" }),
  ],
  [
    "in a form without a boundary",
    400,
    "invalid-request",
    () => check("x", "", { "content-type": "multipart/form-data" }),
  ],
  [
    "in a form that stops half-way",
    400,
    "invalid-request",
    () => check(part("a").slice(0, -4), "", boundary),
  ],
  [
    "in a form of two files",
    400,
    "invalid-request",
    () => check(`${part("a")}${part("b")}--x--\r\n`, "", boundary),
  ],
  ["in a form that has none", 400, "invalid-request", () => check("--x--\r\n", "", boundary)],
  ["in what is no form", 400, "invalid-request", () => check("nothing of that kind", "", boundary)],
  [
    "in a form of base64",
    400,
    "invalid-request",
    () =>
      check(
        `${part("a").replace("\r\n\r\n", "\r\ncontent-transfer-encoding: base64\r\n\r\n")}--x--\r\n`,
        "",
        boundary,
      ),
  ],
  [
    "of an unknown tenant",
    404,
    "unknown-tenant",
    () =>
      app.call("POST", path.replace(tenantId, randomUUID()), {
        raw: five,
        headers: { "content-type": "text/csv" },
      }),
  ],
])("a list %s is refused, and nothing is written", async (_name, status, code, send) => {
  const before = (await app.rows()).filter((row) => !JSON.stringify(row).includes("registrations"));
  expect(await send()).toMatchObject({ status, body: { code } });
  const after = (await app.rows()).filter((row) => !JSON.stringify(row).includes("registrations"));
  expect(after.length).toBeLessThanOrEqual(before.length + 1);
});

test.each([
  ["a million columns", ",".repeat(1_000_000), "E_HEADER_MISSING"],
  ["a line without an end", "x".repeat(4_000_000), "E_HEADER_MISSING"],
  ["NUL bytes", "\0".repeat(1_000_000), "E_HEADER_MISSING"],
  ["four million blank lines", "\n".repeat(4_000_000), "E_LINE_LIMIT"],
  [
    "a million broken rows",
    `${intune}\n${"\n".repeat(10)}${",\n".repeat(1_900_000)}`,
    "E_LINE_LIMIT",
  ],
])("%s have a verdict in a moment, and a small one", async (_name, text, code) => {
  const { status, body } = await check(text);
  expect(status).toBe(200);
  const { findings } = body as { findings: { code: string }[] };
  expect(findings.map((each) => each.code)).toContain(code);
  expect(findings.length).toBeLessThan(1_010);
});

test("a body that stops half-way leaves nothing behind, and everybody else is served", async () => {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  const head = [
    `POST ${path}?dryRun=true HTTP/1.1`,
    `host: ${hostname}`,
    `authorization: Bearer ${adminToken}`,
    "content-type: text/csv",
    "transfer-encoding: chunked",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n3e8\r\n${"x".repeat(1000)}\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  socket.destroy();
  expect((await check(five)).status).toBe(200);
});

test("clean files for the portal come back, one for each tag, without the rows that have faults", async () => {
  const rows = [
    `PF1,,${hashOf("PF1")},shop,`,
    `PF2,,${hashOf("PF2")},lab,`,
    `PF3,,${hashOf("PF3")},shop,ana@contoso.example`,
    "PF4,,,lab,",
  ];
  const { status, body } = await check(csv(intune, ...rows), "&backEnd=file");
  expect(status).toBe(200);
  expect(body).toMatchObject({ rows: 4, acceptedRows: 3, rowsLeftOut: 1 });
  const files = (body as Record<string, unknown>)["files"] as {
    groupTag: string;
    rows: number;
    contentBase64: string;
  }[];
  expect(files.map(({ groupTag, rows: count }) => [groupTag, count])).toEqual([
    ["shop", 2],
    ["lab", 1],
  ]);
  const text = Buffer.from(files[0]?.contentBase64 ?? "", "base64").toString();
  expect(text).toBe(csv(partner, `PF1,,${hashOf("PF1")},,`, `PF3,,${hashOf("PF3")},,`));
  expect(judged(text)).toMatchObject({ valid: true, layout: "partner5", errors: 0 });
});

test("the route that hands files back sends nothing, and says so", async () => {
  const raw = csv(intune, `PF1,,${hashOf("PF1")},,`);
  const headers = { "content-type": "text/csv" };
  const answer = await app.call("POST", `${path}?backEnd=file`, { raw, headers });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid-request" } });
});

test("a list for more customers than anybody has is refused before any of them is looked up", async () => {
  const header = "Customer,Device Serial Number,Windows Product ID,Hardware Hash\r\n";
  const raw = header + Array.from({ length: 501 }, (_, at) => `${at},S${at},,\r\n`).join("");
  const sent = await app.call("POST", "/api/v1/registrations", {
    raw,
    headers: { "content-type": "text/csv" },
  });
  expect(sent).toMatchObject({ status: 400, body: { code: "invalid-request" } });
  expect(sent.body).toHaveProperty("detail", expect.stringContaining("500 customers"));
});
