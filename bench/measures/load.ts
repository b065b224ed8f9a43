/** How long what is deployed takes to load, and what each of its parts weighs: a cold start waits for it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { bundlePath, ensureBuilt } from "../../scripts/build.ts";
import { median } from "../setup/timing.ts";

/** One loading of the bundle's entry, in a new process that has nothing else to do. It ends when it misses its settings. */
export type Loading = {
  /** Milliseconds by the clock; beside other work they mostly say how long the thread waited for its turn. */
  readonly ms: number;
  /** Milliseconds of the processor that the thread took. */
  readonly processorMs: number;
  /** Names of the parts that were loaded. */
  readonly parts: readonly string[];
};

// The entry that missed its settings is no longer among the loaded ones.
const script = `
  const from = { processor: process.threadCpuUsage(), clock: performance.now() };
  let missed = "";
  try { require(${JSON.stringify(bundlePath)}); } catch (error) { missed = String(error); }
  const ms = performance.now() - from.clock;
  const { user, system } = process.threadCpuUsage(from.processor);
  const names = Object.keys(require.cache).map((path) => require("node:path").basename(path));
  const parts = [...names, ${JSON.stringify(basename(bundlePath))}];
  const processorMs = (user + system) / 1000;
  require("node:fs").writeSync(1, JSON.stringify({ ms, processorMs, parts, missed }));`;

/**
 * Loads the bundle once. It may print something of its own before.
 * @throws When it ended otherwise than by missing its settings: then not all of it was loaded.
 */
export function loadOnce(): Loading {
  const printed = execFileSync(process.execPath, ["-e", script], {
    env: { PATH: process.env["PATH"] },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { missed, ...loading } = JSON.parse(
    printed.slice(printed.lastIndexOf('{"ms"')),
  ) as Loading & {
    readonly missed: string;
  };
  if (!missed.includes("Wrong settings")) throw new Error(`The bundle did not load: ${missed}`);
  return loading;
}

/** What a bundle's parts weigh, and how long those take that are loaded first. */
export type BundleLoad = Pick<Loading, "ms" | "processorMs"> & {
  /** Bytes by name; the rest is loaded once somebody needs it. */
  readonly parts: Readonly<Record<string, { readonly bytes: number; readonly isFirst: boolean }>>;
};

/** Loads the bundle a number of times; the one in the middle counts. */
export async function measureLoad(times = 11): Promise<BundleLoad> {
  await ensureBuilt();
  const loadings = Array.from({ length: times }, loadOnce);
  const first = new Set(loadings[0]?.parts);
  const parts = [...reachable(basename(bundlePath))].map(
    ([name, bytes]) => [name, { bytes, isFirst: first.has(name) }] as const,
  );
  return {
    ms: median(loadings.map(({ ms }) => ms)),
    processorMs: median(loadings.map(({ processorMs }) => processorMs)),
    parts: Object.fromEntries(parts.toSorted(([, a], [, b]) => b.bytes - a.bytes)),
  };
}

/** A part and all that it leads to, with their bytes: beside them lie those of earlier builds. */
function reachable(name: string, known = new Map<string, number>()): ReadonlyMap<string, number> {
  if (known.has(name)) return known;
  const text = readFileSync(join(dirname(bundlePath), name), "utf8");
  known.set(name, Buffer.byteLength(text));
  for (const [, part = ""] of text.matchAll(/require\("\.\/([^"]+\.cjs)"\)/g))
    reachable(part, known);
  return known;
}
