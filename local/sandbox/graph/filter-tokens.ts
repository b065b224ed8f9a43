/** Cuts a $filter into words, texts and marks. */

/** One piece of a filter. A text has lost its quotes. */
export type FilterToken = { readonly kind: "word" | "text" | "mark"; readonly text: string };

const piece = /\s*(?:'((?:[^']|'')*)'|([(),])|([^\s(),']+))/y;

/** The pieces, in order. What cannot be cut becomes a mark that no rule expects. */
export function filterTokens(filter: string): readonly FilterToken[] {
  const tokens: FilterToken[] = [];
  const text = filter.trimEnd();
  piece.lastIndex = 0;
  while (piece.lastIndex < text.length) {
    const at = piece.lastIndex;
    const found = piece.exec(text);
    if (found === null) return [...tokens, { kind: "mark", text: text.slice(at) }];
    const [, quoted, mark, word] = found;
    if (quoted !== undefined) tokens.push({ kind: "text", text: quoted.replaceAll("''", "'") });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark });
    else tokens.push({ kind: "word", text: word ?? "" });
  }
  return tokens;
}
