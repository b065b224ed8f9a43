/**
 * What is written for PowerShell: the module, read by the grammar that editors use, and the words of the README's walk.
 * Nothing of it is run, since there is no PowerShell where these tests run: that it does what it says, they do not show.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { operations } from "../../functions/functions.ts";
import { grammar, type SyntaxNode, within } from "../support/grammar.ts";
import { scriptOf } from "../support/walk-through-person.ts";

const pageAt = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
const module = pageAt("clients/powershell/Muster.psm1");
const walk = scriptOf(pageAt("README.md"), "Walk through").replaceAll(/^echo; echo ---$/gm, "");
const require = createRequire(import.meta.url);
const parse = await grammar(
  require.resolve("@vscode/tree-sitter-wasm/wasm/tree-sitter-powershell.wasm"),
);

const faultsIn = (text: string): string[] =>
  [...within(parse(text))]
    .filter(({ isError, isMissing }) => isError || isMissing)
    .map(
      ({ startPosition, text: words }) => `line ${startPosition.row + 1}: ${words.slice(0, 40)}`,
    );

const textsOf = (type: string): string[] =>
  [...within(parse(module))]
    .filter((node: SyntaxNode) => node.type === type)
    .map(({ text }) => text);

test("the module is PowerShell, and the grammar sees what is none", () => {
  expect(faultsIn(module)).toEqual([]);
  expect(faultsIn(module.replace("while ($next) {", "while $next {"))).not.toEqual([]);
});

test("it exports what it defines and its page names", () => {
  const defined = textsOf("function_name");
  const [, list = ""] = /Export-ModuleMember -Function @\((.*)\)/.exec(module) ?? [];
  const exported = list.split(", ").map((name) => name.slice(1, -1));
  expect(exported).toEqual(["Connect-Muster", "Invoke-Muster", "Wait-Muster"]);
  expect(defined).toEqual(expect.arrayContaining(exported));
  const ours = textsOf("command_name").filter((name) => name.includes("Muster"));
  expect(defined).toEqual(expect.arrayContaining(ours));
});

test("the paths that it and its examples name are the API's", () => {
  const paths = operations.map(({ path }) => `/${path.replaceAll(/\{\w+\}/g, "*")}`);
  const named = Array.from(module.matchAll(/\/api\/v1\/[^\s"')]+/g), ([path]) =>
    path.replaceAll(/\$\w+/g, "*"),
  );
  expect(named.length).toBeGreaterThan(2);
  expect(paths).toEqual(expect.arrayContaining(named));
});

test("the README's walk is the same in bash and PowerShell: words, and nothing that one of them reads in its own way", () => {
  const lines = walk.split("\n").filter((line) => line !== "");
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) expect(line).toMatch(/^npm run muster -- [\w .-]+$/);
});
