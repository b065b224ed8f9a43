import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Asked,
  type ConsoleFiles,
  type ConsoleList,
  consoleFiles,
  listNames,
} from "../../../shared/http/console-files.ts";

const signIn = {
  clientId: "console",
  authority: "https://login.example/home",
  localAuthority: "",
  scope: "api://muster/Muster.Use",
};
const texts = {
  "index.html": "<!doctype html><title>Muster</title>",
  "redirect.html": "<!doctype html><title>Back</title>",
  "assets/main-1.js": "export const one = 1;",
};
const old = { "assets/main-0.js": "export const one = 0;", "index.html": "<!doctype html>old" };

let folder: string;
let files: ConsoleFiles | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "console-"));
  mkdirSync(join(folder, "assets"));
  writeList("previous", old);
  writeList("current", texts);
  writeFileSync(join(folder, "secret.txt"), "not on the list");
  files = consoleFiles(folder, signIn, "1.2.3")();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Leaves a list and its files, as the build does. */
function writeList(which: keyof typeof listNames, of: Readonly<Record<string, string>>): void {
  const list: ConsoleList = {};
  for (const [path, text] of Object.entries(of)) {
    const file = path.startsWith("assets/") ? path : `${which}-${path}`;
    const [br, gz] = [brotliCompressSync(text), gzipSync(text)];
    writeFileSync(join(folder, file), text);
    writeFileSync(join(folder, `${file}.br`), br);
    writeFileSync(join(folder, `${file}.gz`), gz);
    list[path] = {
      file,
      type: path.endsWith(".js") ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8",
      etag: `W/"${text.length}"`,
      immutable: path.startsWith("assets/"),
      bytes: text.length,
      br: br.length,
      gz: gz.length,
    };
  }
  writeFileSync(join(folder, listNames[which]), JSON.stringify(list));
}

const plain: Asked = { acceptEncoding: "", ifNoneMatch: undefined };

/** What a browser gets. */
async function get(path: string, asked: Partial<Asked> = {}) {
  const reply = await files?.answer(path, { ...plain, ...asked });
  const pieces: Buffer[] = [];
  for await (const piece of reply?.stream ?? []) pieces.push(Buffer.from(piece));
  return { status: reply?.status, headers: reply?.headers ?? {}, bytes: Buffer.concat(pieces) };
}

describe("a path", () => {
  test.each([
    ["", texts["index.html"]],
    ["index.html", texts["index.html"]],
    ["tenants/1?tab=2", texts["index.html"]],
    ["secret.txt", texts["index.html"]],
    ["current-index.html", texts["index.html"]],
    ["../../package.json", texts["index.html"]],
    ["..%2f..%2fpackage.json", texts["index.html"]],
    ["constructor", texts["index.html"]],
    ["redirect", texts["redirect.html"]],
    ["assets/main-1.js", texts["assets/main-1.js"]],
    ["assets/main-0.js", old["assets/main-0.js"]],
  ])("%j leads to what the build has listed, or to the page", async (path, text) => {
    const { status, bytes, headers } = await get(path);
    expect({ status, text: bytes.toString() }).toEqual({ status: 200, text });
    expect(headers["content-length"]).toBe(String(text.length));
  });

  test.each(["assets/main-7.js", "assets/../secret.txt", "assets/", "assets/main-1.js.br"])(
    "%j, named by no build, leads nowhere",
    async (path) => {
      expect(await files?.answer(path, plain)).toBeUndefined();
    },
  );
});

describe("packing", () => {
  test.each([
    ["gzip, deflate, br", "br"],
    ["gzip", "gzip"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["BR ; q=1.0", "br"],
  ])("is what %j asks for", async (acceptEncoding, coding) => {
    const { headers, bytes } = await get("assets/main-1.js", { acceptEncoding });
    expect(headers).toMatchObject({ "content-encoding": coding, vary: "Accept-Encoding, Origin" });
    const unpacked = coding === "br" ? brotliDecompressSync(bytes) : gunzipSync(bytes);
    expect(unpacked.toString()).toBe(texts["assets/main-1.js"]);
  });

  test.each(["", "identity", "br;q=0, gzip;q=0.0"])("is none for %j", async (acceptEncoding) => {
    const { headers, bytes } = await get("assets/main-1.js", { acceptEncoding });
    expect(headers).not.toHaveProperty("content-encoding");
    expect(bytes.toString()).toBe(texts["assets/main-1.js"]);
  });
});

describe("a browser", () => {
  test("keeps for ever what is named by its bytes, and asks about every page", async () => {
    const [asset, page] = [await get("assets/main-1.js"), await get("tenants")];
    expect(asset.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(page.headers["cache-control"]).toBe("no-cache");
  });

  test.each(["index.html", "config.json", "assets/main-1.js"])(
    "is not sent %s again",
    async (path) => {
      const { headers } = await get(path);
      const ifNoneMatch = `"other", ${headers["etag"]}`;
      const again = await get(path, { ifNoneMatch });
      expect(again).toMatchObject({ status: 304, headers: { etag: headers["etag"] } });
      expect(again.headers).not.toHaveProperty("content-length");
      expect((await get(path, { ifNoneMatch: 'W/"0"' })).status).toBe(200);
    },
  );

  test("is told what a page may load and call", async () => {
    const { headers } = await get("");
    expect(headers["content-security-policy"]?.split("; ")).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
      "connect-src 'self' https://login.example",
      "frame-src 'self' https://login.example",
      "img-src 'self' data:",
      "font-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]);
    const back = (await get("redirect")).headers["content-security-policy"];
    expect(back).toContain("frame-ancestors 'self'");
    expect((await get("assets/main-1.js")).headers).not.toHaveProperty("content-security-policy");
  });

  test("may call the sign-in service where this machine has it, too", async () => {
    const localAuthority = "http://127.0.0.1:7000/home";
    const local = consoleFiles(folder, { ...signIn, localAuthority }, "1.2.3")();
    const reply = await local?.answer("", plain);
    expect(reply?.headers?.["content-security-policy"]).toContain(
      "connect-src 'self' https://login.example http://127.0.0.1:7000;",
    );
  });
});

test("the console learns where people sign in, and which build it is", async () => {
  const { bytes, headers } = await get("config.json");
  const { version, ...config } = JSON.parse(bytes.toString()) as Record<string, string>;
  expect(config).toEqual(signIn);
  expect(version).toMatch(/^1\.2\.3\+[0-9a-f]{12}$/);
  expect(headers["cache-control"]).toBe("no-cache");
});

test("a folder without a list is no console, until there is one", () => {
  const empty = mkdtempSync(join(tmpdir(), "console-"));
  expect(consoleFiles(empty, signIn, "1.2.3")()).toBeUndefined();
  rmSync(empty, { recursive: true });
});

test("a list that leads out of its folder is refused", () => {
  const bad = mkdtempSync(join(tmpdir(), "console-"));
  const entry = { type: "text/html", etag: 'W/"1"', immutable: false, bytes: 1 };
  const list = { "index.html": { ...entry, file: "../secret.txt" } };
  writeFileSync(join(bad, listNames.current), JSON.stringify(list));
  expect(() => consoleFiles(bad, signIn, "1.2.3")()).toThrow(/file/);
  rmSync(bad, { recursive: true });
});
