/** A fault put into one of the files that a test reads. */
import { expect } from "vitest";

/** The texts of files, one of which says something else in one place. */
export function broken(
  texts: ReadonlyMap<string, string>,
  path: string,
  from: string,
  to: string,
): ReadonlyMap<string, string> {
  const text = texts.get(path) ?? "";
  const other = text.replace(from, () => to);
  expect(other, `${path} has no ${from}`).not.toBe(text);
  return new Map([...texts, [path, other]]);
}
