/** The documents lead where they say. */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const documents = globSync("{*,{docs,relay,local,audit}/**/*}.md");

test.each(documents)("the links of %s lead to files that exist", (name) => {
  const text = readFileSync(name, "utf8");
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = ""]) => link);
  const lost = links.filter(
    (link) => statSync(join(dirname(name), link), { throwIfNoEntry: false }) === undefined,
  );
  expect(lost).toEqual([]);
});

const [, ...sections] = readFileSync("CONTRIBUTING.md", "utf8").split("\n## ");
const recipes = sections
  .filter((section) => section.startsWith("To "))
  .map((text) => ({ title: text.split("\n")[0] ?? "", text }));

/** Files and folders that a text names; of some it says the name alone. */
const namedIn = (text: string): string[] =>
  [...text.matchAll(/[`(]((?:[\w-]+\/)+[\w./-]*|[\w-]+\.(?:ts|json|bicep))[`)]/g)].map(
    ([, name = ""]) => name,
  );

test.each(recipes)("the recipe $title names files that are there", ({ text }) => {
  const names = namedIn(text);
  expect(names).not.toEqual([]);
  const lost = names.filter((name) => {
    const pattern = name.includes("/") ? name : `{shared,functions,test}/**/${name}`;
    return globSync(pattern).length === 0;
  });
  expect(lost).toEqual([]);
});

const git = (...args: string[]): string => {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
};
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z -]/g, "")
    .replaceAll(" ", "-");
const recipeBySlug = new Map(recipes.map(({ title, text }) => [slugOf(title), text] as const));
const examples = (sections.find((section) => section.startsWith("Examples")) ?? "")
  .split("\n")
  .flatMap((line) => {
    const [, slug, commits = ""] = /^\| \[[^\]]*\]\(#([\w-]+)\) *\| (.*)/.exec(line) ?? [];
    return [...commits.matchAll(/`([0-9a-f]{8})`/g)].map(([, id = ""]) => ({ slug, id }));
  });

// An archive of the sources, or a clone of the last commit alone, has no history to look into.
const hasHistory = git("rev-parse", "--is-shallow-repository").trim() === "false";

test("every recipe has commits that followed it", () => {
  expect(new Set(examples.map(({ slug }) => slug))).toEqual(new Set(recipeBySlug.keys()));
});

test.skipIf(!hasHistory).each(examples)("commit $id did what the recipe $slug says", (example) => {
  const touched = git("show", "--format=", "--name-only", example.id).split("\n");
  const names = namedIn(recipeBySlug.get(example.slug ?? "") ?? "");
  const done = names.filter((name) =>
    touched.some((path) => path.startsWith(name) || path.endsWith(`/${name}`)),
  );
  expect(done).not.toEqual([]);
});
