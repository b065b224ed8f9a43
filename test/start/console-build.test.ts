/** What `scripts/console.ts` leaves for the functions, with a small page instead of the console. */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildConsole } from "../../scripts/console.ts";
import { type ConsoleList, consoleFiles, listNames } from "../../shared/http/console-files.ts";

const home = mkdtempSync(join(tmpdir(), "console-build-"));
const [sources, folder] = [join(home, "sources"), join(home, "built")];
const config = join(sources, "vite.config.mjs");
const page = `<!doctype html><title>Muster</title><script type="module" src="./main.js"></script>${"<p>Muster</p>".repeat(40)}`;

/** The page's script of some version: long enough that packing pays, and different in production. */
const script = (version: number): string =>
  `document.title = ["${"Muster ".repeat(40)}", ${version}, process.env.NODE_ENV].join(" ");`;

beforeAll(async () => {
  mkdirSync(sources);
  writeFileSync(join(sources, "index.html"), page);
  const options = { root: sources, base: "/console/", build: { modulePreload: false } };
  writeFileSync(config, `export default ${JSON.stringify(options)};`);
  await build(1);
}, 120_000);
afterAll(() => rmSync(home, { recursive: true }));

async function build(version: number): Promise<void> {
  writeFileSync(join(sources, "main.js"), script(version));
  await buildConsole(config, folder);
}

const read = (name: string): Buffer => readFileSync(join(folder, name));
const listed = (which: keyof typeof listNames = "current"): ConsoleList =>
  JSON.parse(read(listNames[which]).toString()) as ConsoleList;
const scriptOf = (list: ConsoleList): string =>
  Object.keys(list).find((path) => path.endsWith(".js")) ?? "";
/** Everything below the folder, with its bytes. */
const contents = (): Record<string, string> =>
  Object.fromEntries(
    globSync("**/*.*", { cwd: folder })
      .toSorted()
      .map((name) => [name, read(name).toString("base64")]),
  );

test("every file is listed with what it is, packed twice, and named by its bytes on the disk", () => {
  const list = listed();
  expect(Object.keys(list)).toEqual([scriptOf(list), "index.html"]);
  for (const { file, bytes, br = 0, gz = 0 } of Object.values(list)) {
    const whole = read(file);
    expect([whole.length, read(`${file}.br`).length, read(`${file}.gz`).length]).toEqual([
      bytes,
      br,
      gz,
    ]);
    expect(brotliDecompressSync(read(`${file}.br`))).toEqual(whole);
    expect(gunzipSync(read(`${file}.gz`))).toEqual(whole);
  }
  expect(list[scriptOf(list)]).toMatchObject({ immutable: true, file: scriptOf(list) });
  expect(list["index.html"]).toMatchObject({ immutable: false, type: "text/html; charset=utf-8" });
  expect(list["index.html"]?.file).toMatch(/^pages\/[0-9a-f]{32}\.html$/);
});

test("the same sources give the same bytes, whoever builds them, and it is what production gets", async () => {
  const before = contents();
  vi.stubEnv("NODE_ENV", "development");
  vi.stubEnv("TZ", "Pacific/Apia");
  try {
    await build(1);
  } finally {
    vi.unstubAllEnvs();
  }
  expect(contents()).toEqual(before);
  expect(read(scriptOf(listed())).toString()).toContain("production");
});

test("an open page finds the parts of its version after one build, and not after two", async () => {
  const signIn = {
    clientId: "c",
    authority: "https://login.example",
    localAuthority: "",
    scope: "",
  };
  const asked = { acceptEncoding: "", ifNoneMatch: undefined };
  const serves = async (path: string) =>
    (await consoleFiles(folder, signIn, "1")()?.answer(path, asked))?.status;
  const running = consoleFiles(folder, signIn, "1")();
  const [first] = [scriptOf(listed())];
  await build(2);
  const second = scriptOf(listed());
  expect(second).not.toBe(first);
  expect([await serves(first), await serves(second)]).toEqual([200, 200]);
  // What was running when it was built goes on with its own pages.
  expect((await running?.answer("", asked))?.status).toBe(200);
  await build(3);
  expect([await serves(first), await serves(second)]).toEqual([undefined, 200]);
  expect(globSync("**/*.js", { cwd: folder })).toHaveLength(2);
}, 120_000);

test("what does not compile is said, and leaves what was built", async () => {
  const before = contents();
  writeFileSync(join(sources, "main.js"), "const = 1;");
  await expect(buildConsole(config, folder)).rejects.toThrow(/main\.js/);
  expect(contents()).toEqual(before);
}, 60_000);
