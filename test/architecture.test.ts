/** The rules of the house, held over the text of every source, and each rule broken once to see it noticed. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { longTests, sampledTests, slowTests } from "../vitest.config.ts";
import {
  crowdedFolders,
  crumbs,
  deepFolders,
  idleExceptions,
  judge,
  twins,
  unexplained,
} from "./support/house-rules.ts";
import { importsOf, type Source } from "./support/source-rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const sources: Source[] = globSync(
  "{functions,shared,clients,console,local,relay,audit}/**/*.{ts,tsx}",
  { cwd: root },
).map((path) => ({
  path: path.replaceAll("\\", "/"),
  text: readFileSync(`${root}/${path}`, "utf8").replaceAll("\r\n", "\n"),
}));

test("every source keeps the rules of the house", () => {
  expect(sources.length).toBeGreaterThan(0);
  const breaches = sources.flatMap(judge);
  expect(breaches.map(({ path, rule, detail }) => `${path}: ${rule} (${detail})`)).toEqual([]);
});

test("no exception outlives its file", () => {
  expect(idleExceptions(sources)).toEqual([]);
});

test("no folder holds more files than a reader can keep in mind", () => {
  console.info(`${sources.length} sources`);
  expect(crowdedFolders(sources)).toEqual([]);
});

test("a folder that grows beyond twelve files is noticed", () => {
  const thirteen = Array.from({ length: 13 }, (_, index) => at(`shared/lobby/${index}.ts`, ""));
  expect(crowdedFolders([...sources, ...thirteen])).toEqual(["shared/lobby: 13 files, at most 12"]);
});

test("no chain of imports in a folder is longer than five files, and none is a circle", () => {
  expect(deepFolders(sources)).toEqual([]);
  const six = Array.from({ length: 6 }, (_, n) =>
    at(`shared/lobby/${n}.ts`, n === 5 ? "" : `import type { A } from "./${n + 1}.ts";\n`),
  );
  expect(deepFolders(six)).toHaveLength(1);
  expect(deepFolders(six.slice(1))).toEqual([]);
  const circle = [
    at("shared/a/a.ts", 'import "./b.ts";\n'),
    at("shared/a/b.ts", 'import "./a.ts";\n'),
  ];
  expect(deepFolders(circle)).toHaveLength(2);
});

test("a short file has two importers, or lies where its one consumer is", () => {
  expect(crumbs(sources)).toEqual([]);
});

test("a short file with one importer is noticed, an entry and a trigger are not", () => {
  const text = "export const a = 1;\n";
  const lobby = [at("shared/lobby/a.ts", text), at("shared/lobby/b.ts", 'import "./a.ts";\n')];
  const trigger = at("functions/sync/a.timer.ts", text);
  expect(crumbs([...lobby, trigger])).toEqual(["shared/lobby/a.ts: 2 lines for 1 importer(s)"]);
  expect(crumbs([...lobby, at("shared/lobby/c.ts", 'import "./a.ts";\n')])).toEqual([]);
});

test("no two names of a room differ only by -ing, -s or -er", () => {
  expect(twins(sources)).toEqual([]);
});

test.each([
  [
    ["shared/lobby/plan.ts", ""],
    ["shared/lobby/deep/planning.ts", ""],
    "shared/lobby: plan, planning",
  ],
  [
    ["shared/lobby/approval.ts", ""],
    ["shared/lobby/approvals.ts", ""],
    "shared/lobby: approval, approvals",
  ],
  [
    ["relay/rate-limit.ts", ""],
    ["relay/base/rate-limiter.ts", ""],
    "relay: rate-limit, rate-limiter",
  ],
  [
    ["local/host/a.ts", "export type Entry = 1;\n"],
    ["local/host/b.ts", "export type Entries = 1;\n"],
    "local/host: Entry, Entries",
  ],
  [
    ["audit/a.ts", "export const merge = 1;\n"],
    ["audit/b.ts", "export async function merging() {}\n"],
    "audit: merge, merging",
  ],
] as const)("twins are noticed: %j and %j", ([one, first], [other, second], expected) => {
  expect(twins([at(one, first), at(other, second)])).toEqual([expected]);
  expect(twins([at(one, first), at(`functions/${other}`, second)])).toEqual([]);
});

test("a test file has the name of a source, or says in its first line what it holds", () => {
  const tests = globSync("test/**/*.test.ts", { cwd: root }).map((path) => ({
    path: path.replaceAll("\\", "/"),
    text: readFileSync(`${root}/${path}`, "utf8"),
  }));
  const tested = globSync(
    "{functions,shared,clients,console,local,relay,audit,bench,scripts}/**/*.{ts,tsx,mjs}",
    {
      cwd: root,
      exclude: ["**/node_modules"],
    },
  );
  expect(unexplained(tests, tested)).toEqual([]);
});

test("a test file without a source of its name is noticed, unless it says why", () => {
  const named = ["plan", "wake.timer"].map((name) => `shared/lobby/${name}.ts`);
  const bare = ["plan", "wake", "planned"].map((name) => `test/lobby/${name}.test.ts`);
  const tests = bare.map((path) => ({ path, text: "" }));
  expect(unexplained(tests, named)).toEqual(["test/lobby/planned.test.ts"]);
  expect(unexplained([at("test/lobby/planned.test.ts", "")], named)).toEqual([]);
});

test("what the long run tests is there", () => {
  for (const pattern of [...longTests, ...sampledTests, ...slowTests]) {
    expect(pattern).toMatch(/^test\/.*\.test\.ts$/);
    expect(globSync(pattern, { cwd: root }), pattern).not.toEqual([]);
  }
});

test("every decision has a number of its own", () => {
  const numbers = decisions().map((name) => name.slice(0, 4));
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const name of decisions()) expect(name).toMatch(/^\d{4}-[a-z0-9-]+\.md$/);
});

function decisions(): string[] {
  return globSync("*.md", { cwd: `${root}/docs/decisions` });
}

const header = "/** What it answers for. */\n";
const at = (path: string, text: string): Source => ({ path, text: header + text });

/** One seeded breach for each rule: what the judge must find. */
const seeded: readonly (readonly [string, Source])[] = [
  ["lower floors only", at("shared/storage/a.ts", 'import { a } from "../graph/a.ts";\n')],
  ["lower floors only", at("shared/graph/a.ts", 'import { a } from "../access/a.ts";\n')],
  ["lower floors only", at("shared/kernel/a.ts", 'export * from "../http/a.ts";\n')],
  ["lower floors only", at("shared/sync/a.ts", 'export { a } from "../../functions/define.ts";\n')],
  ["lower floors only", at("shared/devices/a.ts", 'const a = await import("../tenants/a.ts");\n')],
  [
    "lower floors only",
    at("shared/http/a.ts", 'import {\n  a,\n  b,\n} from "../storage/a.ts";\n'),
  ],
  ["unknown room", at("shared/lobby/a.ts", 'import "../kernel/a.ts";\n')],
  ["unknown room", at("functions/index.ts", 'import "../shared/lobby/a.ts";\n')],
  [
    "nothing from beside",
    at("shared/http/a.ts", 'import type { A } from "../../local/host/a.ts";\n'),
  ],
  ["nothing from beside", at("functions/index.ts", 'import "../test/support/a.ts";\n')],
  [
    "each other's",
    at("functions/sync/a.http.ts", 'import "../devices/b.http.ts";\nexport const a = 1;\n'),
  ],
  [
    "only types of the app",
    at("clients/command/a.ts", 'import { a } from "../../functions/a.ts";\n'),
  ],
  [
    "only types of the app",
    at("console/sync/a.tsx", 'import { meanings } from "../../shared/http/reply.ts";\n'),
  ],
  ["on nothing but fetch", at("clients/api.ts", 'import { parseArgs } from "node:util";\n')],
  ["dist, not sources", at("local/host/a.ts", 'import { a } from "../../shared/http/a.ts";\n')],
  ["listed importers", at("shared/devices/a.ts", 'import { T } from "@azure/data-tables";\n')],
  ["listed importers", at("functions/define.ts", 'import { app } from "@azure/functions";\n')],
  ["listed importers", at("shared/http/a.ts", 'import left from "left-pad/deep.js";\n')],
  ["the kernel imports", at("shared/kernel/a.ts", 'import { readFile } from "node:fs";\n')],
  ["handed its clock", at("shared/sync/a.ts", "const a = Date.now();\n")],
  ["handed its clock", at("shared/sync/a.ts", "const a = new Date();\n")],
  ["handed its clock", at("shared/sync/a.ts", "const a = `${process.env.PORT}`;\n")],
  ["status numbers", at("functions/define.ts", "return { status: 404 };\n")],
  ["status numbers", at("shared/tenants/a.ts", "if (answer.statusCode === 500) return;\n")],
  ["no default", at("shared/tenants/a.ts", "export default 1;\n")],
  ["from beside them", at("console/api/a.ts", 'import { a } from "../../local/a.ts";\n')],
  ["import downwards only", at("console/frame/a.tsx", 'import { a } from "../tenants/a.tsx";\n')],
  ["import downwards only", at("console/tenants/a.tsx", 'import "../devices/a.tsx";\n')],
  ["import downwards only", at("console/text/a.ts", 'import { a } from "../main.tsx";\n')],
  ["listed packages", at("console/api/a.ts", 'import { z } from "zod";\n')],
  ["a text node", at("console/api/a.ts", "element.innerHTML = a;\n")],
  ["500 lines", at("local/host/a.ts", "\n".repeat(500))],
  ["a name says", at("shared/http/string-utils.ts", "")],
  ["a name says", at("shared/common/a.ts", "")],
  ["opens with", { path: "shared/http/a.ts", text: "const a = 1;\n" }],
  ["functions/<job>/ holds", at("functions/sync/a.ts", "export const a = 1;\n")],
  [
    "functions/<job>/ holds",
    at("functions/sync/a.queue.ts", "export const a = 1;\nexport const b = 2;\n"),
  ],
];

test.each(seeded.map(([rule, source]) => ({ rule, source })))(
  "a seeded breach of '$rule' is caught in $source.path",
  ({ rule, source }) => {
    expect(judge(source).map((breach) => breach.rule)).toContainEqual(
      expect.stringContaining(rule),
    );
  },
);

/** What looks like a breach and is none. */
const innocent: readonly Source[] = [
  at(
    "clients/api.ts",
    'import type * as z from "zod";\nimport type { A } from "../shared/a.ts";\n',
  ),
  at(
    "shared/sync/a.ts",
    '// import "../../functions/a.ts" and Date.now()\nconst a = "new Date()";\n',
  ),
  at(
    "shared/sync/a.ts",
    "const soon = new Date(now);\nconst pageSize = 500;\nconst big = 4_040;\n",
  ),
  at("functions/define.ts", 'import type { HttpRequest } from "@azure/functions";\n'),
  at("functions/sync/a.http.ts", 'import { onHttp } from "../define.ts";\nexport const a = 1;\n'),
  at("functions/sync/c.http.ts", "export const a = 1;\nexport const b = 2;\n"),
  at("functions/sync/b.http.ts", "export type A = 1;\nexport function a() {}\n"),
  at("local/host/a.ts", 'import type { Clock } from "../../shared/kernel/clock.ts";\n'),
  at(
    "console/tenants/a.tsx",
    'import type { A } from "../../shared/http/a.ts";\nimport { b } from "../frame/b.tsx";\nimport { c } from "../../clients/api.ts";\n',
  ),
  at("shared/kernel/clock.ts", "export const now = () => Date.now();\n"),
];

test.each(innocent)("no false alarm in $path", (source) => {
  expect(judge(source)).toEqual([]);
});

test("imports are found in every form, and not in comments", () => {
  const text = [
    'import a, { b } from "./a.ts";',
    'import type { C } from "./c.ts";',
    'import "./d.ts";',
    'export { e } from "./e.ts";',
    'const f = await import("./f.ts");',
    '/* import "./no.ts" */ // from "./no.ts"',
  ].join("\n");
  expect(importsOf(text)).toEqual([
    { name: "./a.ts", typeOnly: false },
    { name: "./c.ts", typeOnly: true },
    { name: "./d.ts", typeOnly: false },
    { name: "./e.ts", typeOnly: false },
    { name: "./f.ts", typeOnly: false },
  ]);
});
