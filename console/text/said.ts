/**
 * Texts of the API in another language. The API says them in English, with values inside; it also lists them, with a place
 * `{0}` for each value, beside what they are called in French. Here one is found again by the words around its values.
 */

/** A text as the API lists it; places in `fr` are those of `en`, in any order. */
export type Phrase = { readonly en: string; readonly fr: string };

type Open = { readonly around: readonly string[]; readonly fr: string; readonly known: number };

const place = /\{(\d)\}/;
/** A text holds texts that hold texts: deeper than this nothing goes. */
const deepest = 4;

/** Says texts in French by a list; what it has not stays as it is. */
export function frenchOf(phrases: readonly Phrase[]): (text: string) => string {
  const whole = new Map<string, string>();
  const open: Open[] = [];
  for (const { en, fr } of phrases) {
    const around = en.split(/\{\d\}/);
    if (around.length === 1) whole.set(en, fr);
    else open.push({ around, fr, known: around.join("").length });
  }
  // Of two that fit, the one of which more is known is the one that is meant.
  open.sort((a, b) => b.known - a.known);
  const say = (text: string, depth: number): string => {
    const said = whole.get(text);
    if (said !== undefined || depth === 0) return said ?? text;
    for (const { around, fr } of open) {
      const values = valuesIn(text, around);
      if (values === undefined) continue;
      // In quotation marks stands what somebody has called something.
      const inside = values.map((value, at) =>
        around[at]?.endsWith('"') === true ? value : say(value, depth - 1),
      );
      return fr.replaceAll(new RegExp(place, "g"), (hole, at: string) => inside[+at] ?? hole);
    }
    const sentences = text.split(/(?<=[.!?;:]) +/);
    return sentences.length === 1
      ? text
      : sentences.map((sentence) => say(sentence, depth - 1)).join(" ");
  };
  return (text) => {
    const said = whole.get(text) ?? say(text, deepest);
    whole.set(text, said);
    return said;
  };
}

/** The values of a text between the words that are known; undefined where the words are others. */
function valuesIn(text: string, around: readonly string[]): readonly string[] | undefined {
  const [first = "", ...others] = around;
  const last = others.pop() ?? "";
  if (!text.startsWith(first) || !text.endsWith(last)) return undefined;
  const end = text.length - last.length;
  const values: string[] = [];
  let at = first.length;
  for (const words of others) {
    const next = text.indexOf(words, at);
    if (next < 0 || next + words.length > end) return undefined;
    values.push(text.slice(at, next));
    at = next + words.length;
  }
  return at <= end ? [...values, text.slice(at, end)] : undefined;
}
