/**
 * Bundles the functions into `dist/index.cjs`, the file package.json names as `main`.
 *
 * CommonJS, because the Functions worker answers `@azure/functions-core` through `require`.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type OutputFile } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The bundle's entry in the sources. */
export const entryPoint = join(root, "functions", "index.ts");
/** The bundle. */
export const bundlePath = join(root, "dist", "index.cjs");

/** Builds `dist/` unless it is newer than everything it is made from; tells whether it built. */
export async function ensureBuilt(): Promise<boolean> {
  if (isFresh()) return false;
  await buildApp();
  return true;
}

/**
 * Builds `dist/`.
 * @throws When a source does not compile, or esbuild has anything to warn of.
 */
export async function buildApp(): Promise<void> {
  const result = await build({
    entryPoints: [entryPoint],
    outfile: bundlePath,
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: "node",
    target: "node24",
    format: "cjs",
    minifySyntax: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    external: ["@azure/functions-core"],
    logLevel: "error",
  });
  const [warning] = result.warnings;
  if (warning) throw new Error(`${warning.location?.file ?? "build"}: ${warning.text}`);
  place(result.outputFiles);
}

/** Puts finished files in place by renaming, so that nobody ever loads half a bundle. */
function place(files: readonly OutputFile[]): void {
  const staging = `${dirname(bundlePath)}.${process.pid}.tmp`;
  mkdirSync(staging, { recursive: true });
  mkdirSync(dirname(bundlePath), { recursive: true });
  try {
    // The bundle goes last: its time stamp says that the build is complete.
    for (const file of files.toSorted((a, b) => b.path.length - a.path.length)) {
      const staged = join(staging, basename(file.path));
      writeFileSync(staged, file.contents);
      renameSync(staged, file.path);
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function isFresh(): boolean {
  const built = modifiedAt(bundlePath);
  const sources = ["functions", "shared"].flatMap((folder) => [folder, ...contents(folder)]);
  const inputs = [...sources, "package-lock.json", "scripts/build.ts"];
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

if (import.meta.main) await buildApp();
