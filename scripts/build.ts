/**
 * Builds the console, and bundles the functions into `dist/`: `index.cjs`, the file package.json names as `main`, the parts that it
 * loads later, the notices and the bill of the packages inside, and what the Functions host reads. `dist/` is deployed as
 * it is: its package.json asks for nothing to be installed or built.
 *
 * CommonJS, because the Functions worker answers `@azure/functions-core` through `require`.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Message, type OutputFile, transform } from "esbuild";
import { consoleFolder, consolePackages, ensureConsoleBuilt } from "./console.ts";
import { billOfMaterials, bundledFolders, notices } from "./notices.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The bundle's entry in the sources. */
export const entryPoint = join(root, "functions", "index.ts");
/** The bundle. */
export const bundlePath = join(root, "dist", "index.cjs");

/** Builds `dist/` unless it is newer than everything it is made from; tells whether it built. */
export async function ensureBuilt(): Promise<boolean> {
  // Of the console the bundle's notices name the packages.
  const isNew = await ensureConsoleBuilt();
  if (isFresh()) return isNew;
  place(await builtParts());
  return true;
}

/**
 * The files of `dist/`: the same bytes whenever, wherever and by whomever they are built from the same sources.
 * @throws When a source does not compile, or esbuild has anything to warn of.
 */
export async function builtParts(): Promise<readonly Part[]> {
  const { outputFiles, metafile, warnings } = await build({
    entryPoints: [entryPoint],
    outdir: dirname(bundlePath),
    outExtension: { ".js": ".cjs" },
    absWorkingDir: root,
    bundle: true,
    // What is imported dynamically gets files of its own, which cost nothing before they are used.
    splitting: true,
    format: "esm",
    write: false,
    metafile: true,
    sourcemap: "inline",
    ...common,
    external: ["@azure/functions-core"],
  });
  refuse(warnings);
  const parts = await Promise.all(outputFiles.map(toCommonJs));
  const ofConsole = existsSync(consolePackages)
    ? (JSON.parse(readFileSync(consolePackages, "utf8")) as string[])
    : [];
  const folders = [...new Set([...bundledFolders(metafile), ...ofConsole])].toSorted();
  return [
    ...parts.flat(),
    { name: "THIRD-PARTY-NOTICES.txt", contents: notices(root, folders) },
    { name: "sbom.json", contents: billOfMaterials(root, folders) },
    { name: "host.json", contents: readFileSync(join(root, "host.json"), "utf8") },
    { name: "package.json", contents: deployedPackage() },
  ];
}

/** What the worker reads to find the bundle, and no scripts or dependencies that a build in Azure could begin with. */
function deployedPackage(): string {
  const text = readFileSync(join(root, "package.json"), "utf8");
  const { name, version, license, private: isPrivate, engines } = JSON.parse(text);
  const main = basename(bundlePath);
  return `${JSON.stringify({ name, version, license, private: isPrivate, engines, main }, null, 2)}\n`;
}

const common = {
  platform: "node",
  target: "node24",
  minifySyntax: true,
  // Less to read at a cold start. Names stay, for logs and stacks.
  minifyWhitespace: true,
  sourcesContent: false,
  legalComments: "none",
  logLevel: "error",
} as const;

type Part = { readonly name: string; readonly contents: string };

/** esbuild splits ECMAScript modules only, so each part is turned into CommonJS afterwards. */
async function toCommonJs({ path, text }: OutputFile): Promise<Part[]> {
  const name = basename(path);
  const { code, map, warnings } = await transform(text, {
    ...common,
    format: "cjs",
    sourcefile: name,
    sourcemap: "external",
    // As `require`, or Node would read the file twice to find out what it exports.
    supported: { "dynamic-import": false },
    define: { "import.meta.dirname": "__dirname" },
    // Of a package that opens a browser, which no worker does.
    logOverride: { "empty-import-meta": "silent" },
  });
  refuse(warnings);
  const contents = `${code}//# sourceMappingURL=${name}.map\n`;
  return [
    { name: `${name}.map`, contents: map },
    { name, contents },
  ];
}

function refuse([warning]: readonly Message[]): void {
  if (warning) throw new Error(`${warning.location?.file ?? "build"}: ${warning.text}`);
}

const dayMs = 24 * 60 * 60_000;

/** Puts finished files in place by renaming, so that nobody ever loads half a bundle. */
function place(parts: readonly Part[]): void {
  const dist = dirname(bundlePath);
  const staging = `${dist}.${process.pid}.tmp`;
  mkdirSync(staging, { recursive: true });
  mkdirSync(dist, { recursive: true });
  const isMain = ({ name }: Part): boolean => name === basename(bundlePath);
  try {
    // The bundle goes last: its time stamp says that the build is complete.
    for (const { name, contents } of parts.toSorted(
      (a, b) => Number(isMain(a)) - Number(isMain(b)),
    )) {
      const staged = join(staging, name);
      writeFileSync(staged, contents);
      renameSync(staged, join(dist, name));
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  // Parts are named after their content. One of an earlier build may still be wanted by what runs.
  const stale = readdirSync(dist).filter(
    (name) => name !== basename(consoleFolder) && !parts.some((part) => part.name === name),
  );
  for (const path of stale.map((name) => join(dist, name)))
    if (modifiedAt(path) < Date.now() - dayMs) rmSync(path, { recursive: true, force: true });
}

function isFresh(): boolean {
  const built = modifiedAt(bundlePath);
  const sources = ["functions", "shared"].flatMap((folder) => [folder, ...contents(folder)]);
  const own = [
    "package.json",
    "package-lock.json",
    "host.json",
    "scripts/build.ts",
    "scripts/notices.ts",
  ];
  const inputs = [...sources, ...own, relative(root, consolePackages)];
  return inputs.every((path) => modifiedAt(join(root, path)) < built);
}

const contents = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
    join(folder, name),
  );

/** Milliseconds since 1970; 0 for a file that does not exist (any more). */
function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (import.meta.main) {
  await ensureConsoleBuilt();
  place(await builtParts());
}
