/** The bundle that is deployed, as it was built: how fast it loads, what it holds, what it leaves out. */
import { globSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { loadOnce, measureLoad } from "../../bench/measures/load.ts";
import { report } from "../../bench/report.ts";
import { builtParts, bundlePath, ensureBuilt } from "../../scripts/build.ts";

/** On an idle machine the clock says the same; beside other tests it mostly says how long the thread waited for its turn. */
const loadMs = (): number => loadOnce().processorMs;

test("the bundle loads in under 300 ms, so that a cold start and a restart are hardly noticed", () => {
  // The best of up to thirty: other tests run at the same time, and slow the processor's caches down.
  let best = loadMs();
  for (let tries = 1; tries < 30 && best >= 300; tries += 1) best = Math.min(best, loadMs());
  console.info(`the bundle loads in ${Math.round(best)} ms`);
  expect(best).toBeLessThan(300);
}, 60_000);

test("the benchmark says what is loaded at once and what each part weighs", async () => {
  const load = await measureLoad(1);
  const { "index.cjs": entry } = load.parts;
  expect(entry).toMatchObject({ isFirst: true, bytes: readFileSync(bundlePath).byteLength });
  expect(Object.values(load.parts).some(({ isFirst }) => !isFirst)).toBe(true);
  const text = report({ machine: {}, startedAt: "", load, dispatch: [], counted: [], memory: [] });
  expect(text).toMatch(/\| index\.cjs +\| +[\d,.]+ \| +at once \|/);
});

const dist = dirname(bundlePath);
const textOf = (name: string): string => readFileSync(join(dist, name), "utf8");

/** A part of the bundle, and all that is loaded with it. */
function loadedWith(name: string, known = new Set<string>()): Set<string> {
  if (known.has(name)) return known;
  known.add(name);
  // What is imported dynamically stands behind a promise.
  const now = textOf(name).replaceAll(/Promise\.resolve\(\)\.then\(.*\)/g, "");
  for (const [, part = ""] of now.matchAll(/require\("\.\/([^"]+)"\)/g)) loadedWith(part, known);
  return known;
}

/** What these parts were made of. */
const sourcesOf = (parts: Iterable<string>): string[] =>
  [...parts].flatMap(
    (part) => (JSON.parse(textOf(`${part}.map`)) as { sources: string[] }).sources,
  );

/** Packages of which something is in these parts; some were bundled before they were published. */
const packagesIn = (parts: Iterable<string>): Set<string> =>
  new Set(
    sourcesOf(parts).flatMap(
      (path) => /^(?:.*\/node_modules|webpack:\/)\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
    ),
  );

test("what answers the host's first questions holds no client of storage, Graph's sign-in or Key Vault", () => {
  const atStart = loadedWith("index.cjs");
  expect(packagesIn(atStart)).toContain("@azure/functions");
  for (const late of ["apache-arrow", "fast-xml-parser"])
    expect(packagesIn(atStart)).not.toContain(late);
  const azure = [...packagesIn(atStart)].filter((name) => name.startsWith("@azure/"));
  expect(azure.toSorted()).toEqual(["@azure/functions", "@azure/functions-extensions-base"]);
});

test("what only some installations need is loaded by those that need it", () => {
  const services = globSync("services-*.cjs", { cwd: dist });
  const loaded = packagesIn(services.flatMap((name) => [...loadedWith(name)]));
  expect(loaded).toContain("@azure/data-tables");
  const telemetry = ["@opentelemetry/sdk-trace-base", "@azure/monitor-opentelemetry-exporter"];
  for (const rare of ["@azure/identity", "@azure/keyvault-keys", "apache-arrow", ...telemetry])
    expect(loaded).not.toContain(rare);
});

test("the bundle asks the worker for its core and holds nothing of the development side", () => {
  expect(textOf("index.cjs")).toContain('require)("@azure/functions-core")');
  const sources = sourcesOf(globSync("*.cjs", { cwd: dist }));
  expect(sources).toContain("../functions/serve-http.ts");
  expect(sources.filter((path) => /^\.\.\/(local|test|scripts|bench)\//.test(path))).toEqual([]);
});

test("two builds are the same bytes, at another time and in another place of the world, and name no place of this machine", async () => {
  const here = await builtParts();
  vi.stubEnv("TZ", "Pacific/Apia");
  vi.stubEnv("LANG", "tr_TR.UTF-8");
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2031-01-01") });
  try {
    expect(await builtParts()).toEqual(here);
  } finally {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  }
  const root = dirname(dist);
  expect(here.filter(({ contents }) => contents.includes(root)).map(({ name }) => name)).toEqual(
    [],
  );
  expect(new Set(here.map(({ name }) => name)).size).toBe(here.length);
}, 120_000);

test("what is deployed needs nothing to be installed or built, and has what the host reads", () => {
  const deployed = JSON.parse(textOf("package.json")) as Record<string, unknown>;
  expect(Object.keys(deployed).toSorted()).toEqual([
    "engines",
    "license",
    "main",
    "name",
    "private",
    "version",
  ]);
  expect(globSync(String(deployed["main"]), { cwd: dist })).toHaveLength(1);
  expect(textOf("host.json")).toBe(readFileSync("host.json", "utf8"));
});

test("the bill of materials lists exactly the bundled packages, each with its licence and its hash", () => {
  const bill = JSON.parse(textOf("sbom.json")) as {
    bomFormat: string;
    components: {
      name: string;
      version: string;
      licenses: unknown[];
      purl: string;
      hashes: unknown[];
    }[];
  };
  expect(bill.bomFormat).toBe("CycloneDX");
  const notices = Array.from(
    textOf("THIRD-PARTY-NOTICES.txt").matchAll(/^(\S+) (\d\S*) \(/gm),
    ([, name, version]) => `${name} ${version}`,
  );
  const listed = bill.components.map(({ name, version }) => `${name} ${version}`);
  expect(new Set(listed)).toEqual(new Set(notices));
  for (const { licenses, purl, hashes } of bill.components) {
    expect(licenses, purl).toHaveLength(1);
    expect(hashes, purl).toMatchObject([
      { alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) },
    ]);
  }
});

test("every bundled package is named with its licence, and MIT's condition is met in full", () => {
  const notices = textOf("THIRD-PARTY-NOTICES.txt");
  const named = new Set(Array.from(notices.matchAll(/^(\S+) \d\S* \(/gm), ([, name]) => name));
  expect(
    [...packagesIn(globSync("*.cjs", { cwd: dist }))].filter((name) => !named.has(name)),
  ).toEqual([]);
  for (const name of ["zod", "jose", "@azure/functions"])
    expect(notices).toMatch(
      new RegExp(`^${name} \\S+ \\(MIT\\)[^]*?Permission is hereby granted`, "m"),
    );
  // Apache's licence asks for the NOTICE file too.
  expect(notices).toContain("Apache Arrow JavaScript\nCopyright");
  expect(notices).toMatch(/^apache-arrow \S+ \(Apache-2.0\)[^]*?END OF TERMS AND CONDITIONS/m);
});

test("a stack of the bundle can be traced to its sources", () => {
  const map = new SourceMap(JSON.parse(textOf("index.cjs.map")));
  const name = "async function loadServices";
  const lines = textOf("index.cjs").split("\n");
  const line = lines.findIndex((text) => text.includes(name));
  const column = lines[line]?.indexOf(name) ?? -1;
  expect(map.findEntry(line, column)).toMatchObject({ originalSource: "../functions/index.ts" });
});

test("what is up to date is not built again", async () => {
  await ensureBuilt();
  expect(await ensureBuilt()).toBe(false);
});
