/** Reads Bicep: what a file declares, and what it refers to. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** What one Bicep file says. */
export type BicepFile = {
  /** Places that are no Bicep, each with its line. */
  readonly errors: readonly string[];
  readonly extensions: readonly string[];
  readonly imports: readonly { readonly names: readonly string[]; readonly path: string }[];
  readonly params: ReadonlyMap<string, Param>;
  /** Names of variables, with the text of their values. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names of types, with those of their properties. */
  readonly types: ReadonlyMap<string, readonly string[]>;
  readonly resources: readonly Resource[];
  readonly modules: readonly Module[];
  /** Names of outputs, with the text of their values. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Every name that is not only declared: variables, functions, types. */
  readonly used: ReadonlySet<string>;
  readonly calls: ReadonlySet<string>;
  /** Names of loops and lambdas. */
  readonly locals: ReadonlySet<string>;
  /** `symbol.outputs.name` */
  readonly reads: readonly { readonly symbol: string; readonly output: string }[];
  /** Text between quotes. */
  readonly texts: readonly string[];
};
type Param = { readonly isRequired: boolean; readonly isSecure: boolean };
/** A resource with its properties by their paths, such as `properties.sku.name`; what is computed is its text. */
type Resource = {
  readonly symbol: string;
  readonly type: string;
  readonly isExisting: boolean;
  readonly body: ReadonlyMap<string, string>;
};
type Module = {
  readonly symbol: string;
  readonly path: string;
  readonly params: readonly string[];
};

type Node = {
  readonly type: string;
  readonly text: string;
  readonly isError: boolean;
  readonly isMissing: boolean;
  readonly startPosition: { readonly row: number };
  readonly children: readonly Node[];
  readonly namedChildren: readonly Node[];
};
type Grammars = {
  readonly Parser: {
    new (): { setLanguage(language: unknown): void; parse(text: string): { rootNode: Node } };
    init(): Promise<void>;
  };
  readonly Language: { load(file: Uint8Array): Promise<unknown> };
};

/** Makes a reader. The grammar comes from `tree-sitter-bicep`, which knows all that is used here but `extension`. */
export async function bicepReader(): Promise<(text: string) => BicepFile> {
  const require = createRequire(import.meta.url);
  const { Parser, Language } = require("@vscode/tree-sitter-wasm") as Grammars;
  await Parser.init();
  const parser = new Parser();
  const grammar = require.resolve("tree-sitter-bicep/tree-sitter-bicep.wasm");
  parser.setLanguage(await Language.load(readFileSync(grammar)));
  const extension = /^extension (\w+)$/gm;
  return (text) => ({
    ...fileOf(parser.parse(text.replaceAll(extension, (line) => " ".repeat(line.length))).rootNode),
    extensions: [...text.matchAll(extension)].map(([, name = ""]) => name),
  });
}

function fileOf(root: Node): Omit<BicepFile, "extensions"> {
  const all = [...within(root)];
  const ofType = (type: string): Node[] => all.filter((node) => node.type === type);
  const named = (type: string) => ofType(type).map((node) => [nameOf(node), node] as const);
  const loops = [...ofType("loop_variable"), ...ofType("loop_enumerator")];
  return {
    errors: all
      .filter(({ isError, isMissing }) => isError || isMissing)
      .map(({ startPosition, text }) => `line ${startPosition.row + 1}: ${text.slice(0, 60)}`),
    imports: ofType("import_functionality").map(({ namedChildren }) => ({
      names: namedChildren.filter(({ type }) => type === "identifier").map(({ text }) => text),
      path: unquoted(namedChildren.at(-1)),
    })),
    params: new Map(paramsOf(root)),
    variables: new Map(named("variable_declaration").map(([name, node]) => [name, valueOf(node)])),
    types: new Map(
      named("type_declaration").map(([name, { namedChildren }]) => [
        name,
        [...propertiesOf(namedChildren.at(-1))].map(([key]) => key),
      ]),
    ),
    resources: ofType("resource_declaration").map(resourceOf),
    modules: ofType("module_declaration").map(moduleOf),
    outputs: new Map(named("output_declaration").map(([name, node]) => [name, valueOf(node)])),
    used: new Set(usedIn(root)),
    calls: new Set(ofType("call_expression").map(nameOf)),
    locals: new Set([
      ...loops.map(({ text }) => text),
      ...ofType("lambda_expression").map(nameOf),
      ...ofType("for_statement").map(nameOf),
    ]),
    reads: ofType("member_expression").flatMap(readOf),
    texts: ofType("string").map(({ text }) => text.slice(1, -1)),
  };
}

function* within(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) yield* within(child);
}

const nameOf = ({ namedChildren: [first] }: Node): string => first?.text ?? "";
const valueOf = ({ namedChildren }: Node): string => namedChildren.at(-1)?.text ?? "";
const unquoted = (node: Node | undefined): string => node?.text.replace(/^'|'$/g, "") ?? "";

/** Decorators stand before what they decorate. */
function* paramsOf({ namedChildren }: Node): Generator<[string, Param]> {
  for (const [at, node] of namedChildren.entries()) {
    if (node.type !== "parameter_declaration") continue;
    const before = namedChildren[at - 1];
    const isSecure = before?.type === "decorators" && before.text.includes("@secure(");
    const hasDefault = node.children.some(({ type }) => type === "=");
    yield [nameOf(node), { isRequired: !hasDefault, isSecure }];
  }
}

/** The object that a declaration makes, also by a loop or on a condition. */
function objectOf(node: Node | undefined): Node | undefined {
  if (node === undefined || node.type === "object") return node;
  return ["for_statement", "if_statement", "array"].includes(node.type)
    ? objectOf(node.namedChildren.at(-1))
    : undefined;
}

function* propertiesOf(object: Node | undefined): Generator<[string, Node]> {
  for (const { type, namedChildren } of object?.namedChildren ?? []) {
    const [key, value] = namedChildren;
    if (type === "object_property" && key && value) yield [unquoted(key), value];
  }
}

function* flattened(object: Node | undefined, prefix = ""): Generator<[string, string]> {
  for (const [key, value] of propertiesOf(object)) {
    yield [prefix + key, value.text];
    if (value.type === "object") yield* flattened(value, `${prefix}${key}.`);
  }
}

function resourceOf(node: Node): Resource {
  const body = objectOf(node.namedChildren.at(-1));
  return {
    symbol: nameOf(node),
    type: unquoted(node.namedChildren.find(({ type }) => type === "string")),
    isExisting: node.children.some(({ type }) => type === "existing"),
    body: new Map(flattened(body)),
  };
}

function moduleOf(node: Node): Module {
  const { namedChildren } = node;
  const [, params] = [...propertiesOf(objectOf(namedChildren.at(-1)))].find(
    ([key]) => key === "params",
  ) ?? ["", undefined];
  return {
    symbol: nameOf(node),
    path: unquoted(namedChildren.find(({ type }) => type === "string")),
    params: [...propertiesOf(params)].map(([key]) => key),
  };
}

function readOf({ text }: Node): BicepFile["reads"] {
  const [, symbol, output] = /^(\w+)!?\.outputs\.(\w+)$/.exec(text) ?? [];
  return symbol === undefined || output === undefined ? [] : [{ symbol, output }];
}

const declarations = /_declaration$/;

/** Names where they are used: not where they are declared, and not those of properties. */
function* usedIn(node: Node): Generator<string> {
  if (node.type === "identifier") yield node.text;
  const isNamed = declarations.test(node.type) || node.type === "object_property";
  const [first] = node.namedChildren;
  const skipped =
    (isNamed && first?.type === "identifier") || node.type === "lambda_expression"
      ? first
      : undefined;
  for (const child of node.namedChildren)
    if (child !== skipped && node.type !== "import_functionality") yield* usedIn(child);
}
