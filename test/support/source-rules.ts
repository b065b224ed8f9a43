/** Reads source text and judges it against tables of rules. Knows nothing of this house's own rules. */

/** A source file: path from the project's root with forward slashes, and its text. */
export type Source = { readonly path: string; readonly text: string };

/** One breach of one rule. */
export type Breach = { readonly rule: string; readonly path: string; readonly detail: string };

/** One import: what is named between the quotes, and whether only types come in. */
export type Import = { readonly name: string; readonly typeOnly: boolean };

/** A pattern that may not occur in code, where, and who may all the same (path -> why). */
export type Ban = {
  readonly rule: string;
  readonly within: RegExp;
  readonly pattern: RegExp;
  readonly except: Readonly<Record<string, string>>;
};

const stringOrComment =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** The text without its comments. Line numbers stay. */
const withoutComments = (text: string): string =>
  text.replace(stringOrComment, (all, quoted?: string) => quoted ?? all.replace(/[^\n]/g, ""));

/** The text without comments and without what stands in plain quotes. Line numbers stay. */
const codeOnly = (text: string): string =>
  text.replace(stringOrComment, (all, quoted?: string) =>
    quoted?.startsWith("`") ? all : all.replace(/[^\n]/g, ""),
  );

/** Every import, re-export and dynamic import of a file. */
export function importsOf(text: string): Import[] {
  const found = withoutComments(text).matchAll(
    /(?:^|[;\n])\s*(?:import|export)\s+(type\s)?(?:[\w*{][^;"'`]*?\sfrom\s*)?["']([^"'\n]+)["']|\bimport\(\s*["']([^"'\n]+)["']/g,
  );
  return Array.from(found, ([, type, fixed, dynamic]) => ({
    name: fixed ?? dynamic ?? "",
    typeOnly: type !== undefined,
  }));
}

/** The project path a relative import leads to; undefined for a package. */
export function targetOf(path: string, name: string): string | undefined {
  if (!name.startsWith(".")) return undefined;
  return new URL(name, `file:///${path}`).pathname.slice(1);
}

/** The package a bare import names: `@azure/functions` for `@azure/functions/x`. */
export const packageOf = (name: string): string =>
  name.startsWith("node:")
    ? name
    : name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/");

/** Breaches of a ban, each with its line number. */
export function bannedIn(source: Source, ban: Ban): Breach[] {
  if (!ban.within.test(source.path) || listed(ban.except, source.path)) return [];
  return codeOnly(source.text)
    .split("\n")
    .flatMap((line, index) => {
      const hit = ban.pattern.exec(line);
      if (!hit) return [];
      return [{ rule: ban.rule, path: source.path, detail: `line ${index + 1}: ${hit[0].trim()}` }];
    });
}

/** Whether a table of exceptions names a file, or the folder (ending in a slash) it lies in. */
export const listed = (exceptions: Readonly<Record<string, string>>, path: string): boolean =>
  Object.keys(exceptions).some((key) => (key.endsWith("/") ? path.startsWith(key) : path === key));

/** Lines of a text that ends with a line break. */
export const lineCount = (text: string): number => text.split("\n").length - 1;
