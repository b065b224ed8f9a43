/** Holds the sources to the words of docs/glossary.md: what it says "not" to is no part of any name. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Exception, excuses, oldWordsIn, replacedWords } from "./support/word-rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8");

const glossary = replacedWords(read("docs/glossary.md"));

/** Names that hold such a word in another sense: where, and why. */
const exceptions: readonly Exception[] = [
  {
    names: /grant/i,
    within: ["local/sandbox/sign-in/"],
    because: "OAuth's grants, and oidc-provider's names for them",
  },
  { names: /^grant/i, within: ["local/host/http/"], because: "what a key of the host lets one do" },
  { names: /^grant$/, within: ["shared/access/"], because: "a permission that somebody was given" },
  {
    names: /^turn$/,
    within: ["shared/fanout/state/names.ts"],
    because: "the API's word for why a device does not go on yet",
  },
  {
    names: /^unit(Ms)?$/,
    within: ["shared/kernel/clock.ts"],
    because: "units of time",
  },
  {
    names: /^(ScaleUnit|organizationalUnitPath)$/,
    within: ["local/sandbox/graph/"],
    because: "Microsoft's names",
  },
  {
    names: /^(grantControls|permissionGrantPolicy|administrativeUnit)$/,
    within: ["shared/sync/catalogue/", "shared/sync/run/authentication.ts"],
    because: "Microsoft's names",
  },
  {
    names: /grant/i,
    within: ["local/sandbox/graph/configuration/", "local/sandbox/control/configuration.ts"],
    because: "Microsoft's names, and what an administrator grants to an app",
  },
  { names: /^underWay$/, within: ["shared/sync/run/"], because: "said of what is going on" },
  {
    names: /^accessPaceMs$/,
    within: ["local/sandbox/"],
    because: "the control's word for how fast conditional access takes requests",
  },
  {
    names: /^pace$/i,
    within: [
      "shared/tenants/",
      "shared/sync/reading/paced-graph.ts",
      "functions/services.ts",
      "functions/services-jobs.ts",
      "shared/sync/services.ts",
    ],
    because: "the API's word for the rates of a tenant",
  },
];

const sources = globSync("{functions,shared,clients,console,local,relay,audit}/**/*.{ts,tsx}", {
  cwd: root,
}).map((path) => ({ path: path.replaceAll("\\", "/"), text: read(path) }));

const found = sources.flatMap((source) => oldWordsIn(source, glossary));

test("no name in the sources uses a word that the glossary replaces", () => {
  expect(glossary.size).toBeGreaterThan(40);
  expect(sources.length).toBeGreaterThan(0);
  const left = found.filter((each) => !exceptions.some((exception) => excuses(exception, each)));
  expect(left).toEqual([]);
});

test("every exception is still in use", () => {
  const idle = exceptions.filter((exception) => !found.some((each) => excuses(exception, each)));
  expect(idle).toEqual([]);
});

test.each([
  ["a constant", "shared/http/a.ts", "const quarantine = 1;", "quarantine"],
  ["a part of a name", "shared/http/a.ts", "const sendUnitNow = 1;", "sendUnitNow"],
  ["a constant in capitals", "shared/http/a.ts", "const MAX_UNIT = 1;", "MAX_UNIT"],
  ["a word of two words", "shared/http/a.ts", "function giveUpNow() {}", "giveUpNow"],
  ["a property", "shared/http/a.ts", "const a = { wasMarked: true };", "wasMarked"],
  ["code in a template", "shared/http/a.ts", "const a = `x ${leavers.length} y`;", "leavers"],
  ["a file's name", "shared/http/dead-nudge.ts", "", "dead-nudge"],
])("an old word is found in %s", (_, path, text, name) => {
  expect(oldWordsIn({ path, text }, glossary)).toMatchObject([{ path, name }]);
});

test("what is no name, or only looks like an old word, is left in peace", () => {
  const text = [
    '/** A unit, in quarantine. */ const a = "tap, patience"; // and a nudge',
    "const b = `a stranger on his way ${a}`;",
    "const community = 1, always = 2, overlooked = 3, tapestry = 4;",
  ].join("\n");
  expect(oldWordsIn({ path: "shared/http/a.ts", text }, glossary)).toEqual([]);
});
