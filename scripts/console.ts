/**
 * Builds the console into `dist/console/`: every file packed as browsers take it, named by its bytes, and a list of them
 * (`shared/http/console-files.ts` reads it). As a program it takes Vite's configuration and the folder to build into.
 *
 * Vite goes by `NODE_ENV`, so it runs in a process of its own: the same bytes come out, whoever wants the console built.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { type ConsoleList, listNames } from "../shared/http/console-files.ts";
import { packageFolder } from "./notices.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = fileURLToPath(import.meta.url);
const configuration = join(root, "console", "vite.config.ts");
/** Where the console is built, beside the bundle. */
export const consoleFolder = join(root, "dist", "console");

/** Which packages are in it, as folders below the root: what the notices and the bill of `dist/` name, too. */
export const consolePackages = join(consoleFolder, "packages.json");

/** Builds the console unless it is newer than everything it is made from; tells whether it built. */
export async function ensureConsoleBuilt(): Promise<boolean> {
  if (!existsSync(configuration) || isFresh()) return false;
  await buildConsole(configuration, consoleFolder);
  return true;
}

/** Builds a console by Vite's configuration into a folder. @throws What Vite says of it, where it cannot. */
export async function buildConsole(config: string, folder: string): Promise<void> {
  const env = { ...process.env, NODE_ENV: "production" };
  await promisify(execFile)(process.execPath, [program, config, folder], { cwd: root, env });
}

function isFresh(): boolean {
  const built = modifiedAt(join(consoleFolder, listNames.current));
  const inputs = globSync(["console", "clients", "console/**", "clients/**", "package-lock.json"], {
    cwd: root,
  });
  return [...inputs.map((path) => join(root, path)), program].every(
    (path) => modifiedAt(path) < built,
  );
}

const modifiedAt = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

type Built = { readonly path: string; readonly bytes: Buffer };

async function build(config: string, folder: string): Promise<void> {
  const vite = await import("vite");
  const result = await vite.build({
    configFile: config,
    logLevel: "warn",
    build: { write: false },
  });
  const outputs = [result].flat().flatMap((each) => ("output" in each ? each.output : []));
  const files = outputs.map((each) => ({
    path: each.fileName,
    bytes: Buffer.from(each.type === "chunk" ? each.code : each.source),
  }));
  const modules = outputs.flatMap((each) =>
    each.type === "chunk" ? Object.entries(each.modules) : [],
  );
  const folders = modules.flatMap(([path, { renderedLength }]) =>
    renderedLength > 0 ? (packageFolder(relative(root, path)) ?? []) : [],
  );
  await place(folder, files, [...new Set(folders)].toSorted());
}

/** What browsers are told that a file is. */
const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
  ".png": "image/png",
  ".woff2": "font/woff2",
};
const packedTypes = /^text|svg|json/;

/** Puts files and list in place; what runs beside goes on with its own list and its files. */
async function place(
  folder: string,
  files: readonly Built[],
  folders: readonly string[],
): Promise<void> {
  const list: ConsoleList = {};
  const listed = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const each of listed) list[each.path] = await put(folder, each);
  write(folder, "packages.json", `${JSON.stringify(folders, null, 2)}\n`);
  const text = `${JSON.stringify(list, null, 2)}\n`;
  const before = join(folder, listNames.current);
  if (existsSync(before) && readFileSync(before, "utf8") !== text)
    write(folder, listNames.previous, readFileSync(before, "utf8"));
  // The list goes last: its time stamp says that the build is complete.
  replace(before, text);
  prune(folder);
}

async function put(folder: string, { path, bytes }: Built): Promise<ConsoleList[string]> {
  const type = types[extname(path)];
  if (type === undefined) throw new Error(`Nobody has said what ${path} is to browsers.`);
  const mark = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  const immutable = path.startsWith("assets/");
  const file = immutable ? path : `pages/${mark}${extname(path)}`;
  write(folder, file, bytes);
  const sizes: { br?: number; gz?: number } = {};
  for (const [ending, packed] of packedTypes.test(type) ? await packings(bytes) : []) {
    if (packed.byteLength >= bytes.byteLength) continue;
    write(folder, `${file}.${ending}`, packed);
    sizes[ending] = packed.byteLength;
  }
  return { file, type, etag: `W/"${mark}"`, immutable, bytes: bytes.byteLength, ...sizes };
}

const packings = async (bytes: Buffer) =>
  Promise.all([
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
    }).then((packed) => ["br", packed] as const),
    promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }).then(
      (packed) => ["gz", packed] as const,
    ),
  ]);

/** What has not changed keeps its time. */
function write(folder: string, name: string, contents: string | Buffer): void {
  const path = join(folder, name);
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(contents))) return;
  mkdirSync(dirname(path), { recursive: true });
  replace(path, contents);
}

/** Nobody ever reads half a file. */
function replace(path: string, contents: string | Buffer): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
}

/** Removes what neither this build's list names nor that of the one before. */
function prune(folder: string): void {
  const kept = new Set<string>([...Object.values(listNames), "packages.json"]);
  for (const name of Object.values(listNames)) {
    const path = join(folder, name);
    const list = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ConsoleList) : {};
    for (const { file } of Object.values(list))
      for (const ending of ["", ".br", ".gz"]) kept.add(file + ending);
  }
  for (const name of globSync("**", { cwd: folder }))
    if (!kept.has(name) && statSync(join(folder, name)).isFile()) rmSync(join(folder, name));
}

if (import.meta.main) {
  const [config = configuration, folder = consoleFolder] = process.argv.slice(2);
  await build(config, folder);
}
