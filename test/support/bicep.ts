/** Reads Bicep: what a file declares, and what it refers to. */
import { createRequire } from "node:module";
import { grammar, type SyntaxNode, within } from "./grammar.ts";

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

/** Makes a reader. The grammar comes from `tree-sitter-bicep`, which knows all that is used here but `extension`. */
export async function bicepReader(): Promise<(text: string) => BicepFile> {
  const require = createRequire(import.meta.url);
  const parse = await grammar(require.resolve("tree-sitter-bicep/tree-sitter-bicep.wasm"));
  const extension = /^extension (\w+)$/gm;
  return (text) => ({
    ...fileOf(parse(text.replaceAll(extension, (line) => " ".repeat(line.length)))),
    extensions: [...text.matchAll(extension)].map(([, name = ""]) => name),
  });
}

function fileOf(root: SyntaxNode): Omit<BicepFile, "extensions"> {
  const all = [...within(root)];
  const ofType = (type: string): SyntaxNode[] => all.filter((node) => node.type === type);
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

const nameOf = ({ namedChildren: [first] }: SyntaxNode): string => first?.text ?? "";
const valueOf = ({ namedChildren }: SyntaxNode): string => namedChildren.at(-1)?.text ?? "";
const unquoted = (node: SyntaxNode | undefined): string => node?.text.replace(/^'|'$/g, "") ?? "";

/** Decorators stand before what they decorate. */
function* paramsOf({ namedChildren }: SyntaxNode): Generator<[string, Param]> {
  for (const [at, node] of namedChildren.entries()) {
    if (node.type !== "parameter_declaration") continue;
    const before = namedChildren[at - 1];
    const isSecure = before?.type === "decorators" && before.text.includes("@secure(");
    const hasDefault = node.children.some(({ type }) => type === "=");
    yield [nameOf(node), { isRequired: !hasDefault, isSecure }];
  }
}

/** The object that a declaration makes, also by a loop or on a condition. */
function objectOf(node: SyntaxNode | undefined): SyntaxNode | undefined {
  if (node === undefined || node.type === "object") return node;
  return ["for_statement", "if_statement", "array"].includes(node.type)
    ? objectOf(node.namedChildren.at(-1))
    : undefined;
}

function* propertiesOf(object: SyntaxNode | undefined): Generator<[string, SyntaxNode]> {
  for (const { type, namedChildren } of object?.namedChildren ?? []) {
    const [key, value] = namedChildren;
    if (type === "object_property" && key && value) yield [unquoted(key), value];
  }
}

function* flattened(object: SyntaxNode | undefined, prefix = ""): Generator<[string, string]> {
  for (const [key, value] of propertiesOf(object)) {
    yield [prefix + key, value.text];
    if (value.type === "object") yield* flattened(value, `${prefix}${key}.`);
  }
}

function resourceOf(node: SyntaxNode): Resource {
  const body = objectOf(node.namedChildren.at(-1));
  return {
    symbol: nameOf(node),
    type: unquoted(node.namedChildren.find(({ type }) => type === "string")),
    isExisting: node.children.some(({ type }) => type === "existing"),
    body: new Map(flattened(body)),
  };
}

function moduleOf(node: SyntaxNode): Module {
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

function readOf({ text }: SyntaxNode): BicepFile["reads"] {
  const [, symbol, output] = /^(\w+)!?\.outputs\.(\w+)$/.exec(text) ?? [];
  return symbol === undefined || output === undefined ? [] : [{ symbol, output }];
}

const declarations = /_declaration$/;

/** Names where they are used: not where they are declared, and not those of properties. */
function* usedIn(node: SyntaxNode): Generator<string> {
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
