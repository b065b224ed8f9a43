/**
 * Every check that needs no running part: lockfiles, format, lint, types, dead code, architecture.
 *
 * A tool that looked at nothing has found nothing, so each must say how many files it saw.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

type Check = {
  readonly name: string;
  /** A script inside node_modules, or npm, and its arguments. */
  readonly program: readonly [string, ...string[]];
  /** The folder to look at, if not the whole project. */
  readonly folder?: string;
  /** Settings of the program, beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many files the tool says it saw. */
  readonly seen: (output: string) => number;
  /** Lines that only serve the counting. */
  readonly noise?: RegExp;
};

const numberIn =
  (pattern: RegExp) =>
  (output: string): number =>
    Number(pattern.exec(output)?.[1] ?? 0);

const ownFile = /^(?!.*node_modules)(?:\/|[A-Z]:).*\.ts$/gm;

/** `npm run` tells the programs that it runs where npm is. */
const npm = process.env["npm_execpath"];
if (npm === undefined) throw new Error("Please start it with `npm run check`.");

/**
 * npm's own judgement whether `npm ci` can install from a lockfile, on any platform. Offline: a lockfile in
 * which nothing is missing leaves no question to the registry.
 */
const lockfile = (name: string, folder: string): Check => ({
  name,
  program: [npm, "ci", "--dry-run", "--offline", "--ignore-scripts", "--loglevel=error"],
  folder,
  // npm tells only how many it would change here, which may be none.
  seen: (output) =>
    /^(?:added|removed|changed|up to date)/m.test(output) ? packagesIn(folder) : 0,
});

function packagesIn(folder: string): number {
  const { packages } = JSON.parse(readFileSync(join(root, folder, "package-lock.json"), "utf8"));
  return Object.keys(packages).length - 1;
}

/**
 * Types by one checker. By itself the compiler takes four, each of which checks again what they share: beside the other
 * checks no processor is free for that, and all of it takes twice the time.
 */
const typesAlone = ["--noEmit", "--checkers", "1", "--listFiles", "--pretty", "false"] as const;

/** The longest first: the others fit in beside it. */
const checks: readonly Check[] = [
  {
    name: "lint",
    program: ["oxlint/bin/oxlint", "--deny-warnings"],
    // Rules that need types: for each processor there is a checker that begins anew with what all files share.
    env: { GOMAXPROCS: "1" },
    seen: numberIn(/ on (\d+) files?/),
  },
  {
    name: "types",
    program: ["typescript/bin/tsc", ...typesAlone],
    seen: (output) => output.match(ownFile)?.length ?? 0,
    noise: /^(?:\/|[A-Z]:).*\.[cm]?ts$/,
  },
  {
    name: "console's types",
    program: ["typescript/bin/tsc", "-p", "console", ...typesAlone],
    seen: (output) => output.match(/^(?!.*node_modules).*\/console\/.*\.tsx?$/gm)?.length ?? 0,
    noise: /^(?:\/|[A-Z]:).*\.[cm]?tsx?$/,
  },
  {
    name: "dead code",
    program: ["knip/bin/knip.js", "--no-progress", "--preprocessor", "./scripts/knip-count.mjs"],
    seen: numberIn(/looked at (\d+) files/),
  },
  {
    name: "architecture",
    program: [
      "vitest/vitest.mjs",
      "run",
      "--project",
      "architecture",
      "--reporter",
      "dot",
      "--no-color",
      // It says how many files it saw where it passes, too.
      "--silent=false",
    ],
    seen: numberIn(/(\d+) sources/),
  },
  lockfile("lockfile", "."),
  {
    name: "format",
    program: ["@biomejs/biome/bin/biome", "ci", "--colors=off"],
    seen: numberIn(/Checked (\d+) files?/),
  },
  lockfile("bench's lockfile", "bench/bullmq"),
];

/** Runs one check, prints its line, and answers whether it passed. */
async function run({
  name,
  program,
  folder = ".",
  env = {},
  seen,
  noise,
}: Check): Promise<boolean> {
  const begun = performance.now();
  const [script, ...args] = program;
  const path = isAbsolute(script) ? script : join(root, "node_modules", script);
  const { code, output } = await capture(path, args, { cwd: join(root, folder), env });
  const count = seen(output);
  const passed = code === 0 && count > 0;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  if (!passed) {
    console.log(
      output
        .split("\n")
        .filter((line) => !noise?.test(line))
        .join("\n"),
    );
    if (code === 0) console.log(`${name}: the tool saw no files, so it proves nothing`);
  }
  console.log(`${passed ? "ok    " : "FAILED"} ${name.padEnd(16)} ${count} files, ${seconds} s`);
  return passed;
}

function capture(
  script: string,
  args: string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<{ code: number | null; output: string }> {
  const options = { cwd, env: { ...process.env, ...env } };
  const child = spawn(process.execPath, [script, ...args], options);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** Takes one check after the other until none is left. */
async function lane(left: Check[]): Promise<void> {
  for (let check = left.shift(); check !== undefined; check = left.shift())
    if (!(await run(check))) process.exitCode = 1;
}

// As many as there are processors: all at once, the longest gets a part of one, and is alone at the end.
const left = [...checks];
await Promise.all(Array.from({ length: availableParallelism() }, () => lane(left)));
