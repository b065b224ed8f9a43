/** What the API says in words is said in French too: nothing is left out of the list, and what the list has is found again. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAst } from "vite";
import { expect, test } from "vitest";
import { frenchOf } from "../../console/text/said.ts";
import { processorMs } from "../support/processor-time.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(root + path, "utf8");

const french = Object.assign(
  {},
  ...globSync("shared/http/french/*.json", { cwd: root }).map((path) => JSON.parse(read(path))),
) as Readonly<Record<string, string>>;
const inFrench = frenchOf(Object.entries(french).map(([en, fr]) => ({ en, fr })));

test("a text is found again by the words around its values, and the values are said in French too", () => {
  expect([
    inFrench("The tenant has no device 7f1c."),
    inFrench("gave up after 3 attempts; the latest: no clear answer"),
    inFrench("the customer's relationship with the partner is none, not reseller"),
    inFrench("the group tag Sales"),
    inFrench("must have at least 1 characters"),
    inFrench("must be at most 10"),
    inFrench("is missing: a text is needed here"),
  ]).toEqual([
    "Le tenant n'a pas d'appareil 7f1c.",
    "abandonné après 3 tentatives ; la dernière : pas de réponse claire",
    "la relation du client avec le partenaire est none, pas revendeur",
    "la balise de groupe Sales",
    "doit avoir au moins 1 caractères",
    "doit être au plus 10",
    "manque : il faut ici un texte",
  ]);
});

test("what stands in quotation marks is somebody's name for something, and what nobody has listed stays", () => {
  expect([
    inFrench('There is no action "it failed". Known: none.'),
    inFrench("Insufficient privileges to complete the operation"),
  ]).toEqual([
    `Il n'y a pas d'action "it failed". Connues : none.`,
    "Insufficient privileges to complete the operation",
  ]);
});

test("of a long text with many holes nothing is looked at twice", () => {
  const holes = frenchOf([{ en: "{0} a {1} a {2} a {3} z", fr: "{0}{1}{2}{3}" }]);
  const long = " a ".repeat(20_000);
  expect(processorMs(() => expect(holes(long)).toHaveLength(60_000))).toBeLessThan(1_000);
});

type Node = { readonly type?: string } & Readonly<Record<string, unknown>>;
type Quasi = { readonly value: { readonly cooked: string } };

/** A text as the list has it: a place for each value. */
function wordsOf({ type, value, quasis }: Node): string | undefined {
  if (type === "Literal") return typeof value === "string" ? value : undefined;
  if (type !== "TemplateLiteral") return undefined;
  return (quasis as readonly Quasi[])
    .map(({ value: { cooked } }, at) => (at === 0 ? "" : `{${at - 1}}`) + cooked)
    .join("");
}

/** Where texts stand that people read. */
const keys = new Set(["cause", "detail", "missing", "proof", "remedy", "repair", "why", "words"]);
/** Words of their own: at least two beside each other. */
const isText = (text: string): boolean => /[a-z]{2,}[,;:]? [a-z]{2,}/i.test(text);

type Found = { readonly all: Set<string>; readonly said: Set<string> };

/** All texts below a node, and those that people read. */
function find(node: unknown, isSaid: boolean, found: Found): void {
  if (Array.isArray(node)) for (const each of node) find(each, isSaid, found);
  if (typeof node !== "object" || node === null || Array.isArray(node)) return;
  const { type, callee, key } = node as Node;
  const text = wordsOf(node as Node);
  if (text !== undefined) {
    found.all.add(text).add(text.trim());
    if (isSaid && isText(text)) found.said.add(text);
  }
  const isFail = (callee as Node | undefined)?.["name"] === "fail";
  const isKey = type === "Property" && keys.has(String((key as Node)["name"]));
  // What a call makes of texts, such as an id, is not what people read.
  const stays = type !== "CallExpression" && isSaid;
  for (const each of Object.values(node)) find(each, isFail || isKey || stays, found);
}

const sources = globSync("{shared,functions}/**/*.ts", { cwd: root });
const found: Found = { all: new Set(), said: new Set() };
for (const path of sources) find(parseAst(read(path), { lang: "ts" }).body, false, found);

test("every text that people read has its French", () => {
  expect(found.said.size).toBeGreaterThan(300);
  expect([...found.said].filter((text) => french[text] === undefined)).toEqual([]);
});

const places = (text: string) => (text.match(/\{\d\}/g) ?? []).toSorted();

test("the list has nothing that is not said any more, and no value gets lost", () => {
  expect(Object.keys(french).filter((text) => !found.all.has(text))).toEqual([]);
  const lost = Object.entries(french).filter(([en, fr]) => places(en).join() !== places(fr).join());
  expect(lost).toEqual([]);
});
