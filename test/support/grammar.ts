/** Reads the text of a language by its tree-sitter grammar. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** A place in the tree of a text. */
export type SyntaxNode = {
  readonly type: string;
  readonly text: string;
  readonly isError: boolean;
  readonly isMissing: boolean;
  readonly startPosition: { readonly row: number };
  readonly children: readonly SyntaxNode[];
  readonly namedChildren: readonly SyntaxNode[];
};
type Grammars = {
  readonly Parser: {
    new (): { setLanguage(language: unknown): void; parse(text: string): { rootNode: SyntaxNode } };
    init(): Promise<void>;
  };
  readonly Language: { load(file: Uint8Array): Promise<unknown> };
};

/** Makes a reader. @param file The grammar, compiled. */
export async function grammar(file: string): Promise<(text: string) => SyntaxNode> {
  const require = createRequire(import.meta.url);
  const { Parser, Language } = require("@vscode/tree-sitter-wasm") as Grammars;
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(readFileSync(file)));
  return (text) => parser.parse(text).rootNode;
}

/** A node and everything beneath it. */
export function* within(node: SyntaxNode): Generator<SyntaxNode> {
  yield node;
  for (const child of node.children) yield* within(child);
}
