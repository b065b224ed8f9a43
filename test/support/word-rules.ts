/** Reads which words a glossary replaces, and finds them in the names of a source. */
import type { Source } from "./source-rules.ts";

/** Names in which an old word is none: by name and place, with the reason. */
export type Exception = {
  readonly names: RegExp;
  /** Beginnings of paths. */
  readonly within: readonly string[];
  readonly because: string;
};

/** Old word, in lower case with blanks between its parts, to the word of today. */
type Replaced = ReadonlyMap<string, string>;

/** The words behind "_not_" in a list of `- **word**: meaning. _not_ a, b`. */
export function replacedWords(markdown: string): Replaced {
  const items = markdown.split(/\n(?=- |\n)/).filter((item) => item.startsWith("- **"));
  return new Map(
    items.flatMap((item) => {
      const [, today = ""] = /^- \*\*(.+?)\*\*/.exec(item) ?? [];
      const old = /_not_ ([\w, ]+)/.exec(item.replaceAll(/\s+/g, " "))?.[1]?.split(",") ?? [];
      return old.map((word) => [wordsOf(word).join(" "), today] as const);
    }),
  );
}

/** A name with an old word in it, and the word of today. */
export type OldWord = {
  readonly path: string;
  readonly name: string;
  readonly old: string;
  readonly today: string;
};

/** Every name of a file that has an old word in it, the file's own included. */
export function oldWordsIn({ path, text }: Source, replaced: Replaced): OldWord[] {
  const file = path.slice(path.lastIndexOf("/") + 1).replace(/\.ts$/, "");
  const names = new Set([file, ...(namesOnly(text).match(/[A-Za-z_$][\w$]*/g) ?? [])]);
  return [...names].flatMap((name) => {
    const words = ` ${wordsOf(name).join(" ")} `;
    const found = [...replaced].find(([old]) => words.includes(` ${old} `));
    return found === undefined ? [] : [{ path, name, old: found[0], today: found[1] }];
  });
}

/** Whether an exception is about a name in its place. */
export const excuses = ({ names, within }: Exception, { path, name }: OldWord): boolean =>
  names.test(name) && within.some((start) => path.startsWith(start));

const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");

/** The code without comments, and of texts only what is code in them. */
function namesOnly(text: string): string {
  const quoted = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
  const template = /`(?:\\.|[^`\\])*`/g;
  return text
    .replaceAll(template, (all) =>
      [...all.matchAll(/\$\{([^}]*)\}/g)].map(([, code]) => code).join(" "),
    )
    .replaceAll(quoted, " ");
}
