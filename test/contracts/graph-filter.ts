/** Finds the properties that a $filter speaks of, well enough to catch a misspelt one. */

const texts = /'(?:[^']|'')*'/g;
const compared = /([A-Za-z_][\w/]*)\s+(?:eq|ne|gt|ge|lt|le|in)\b/g;
const functions = /\b(?:startswith|endswith|contains)\(\s*([A-Za-z_][\w/]*)/g;

/** The names, without what follows a slash: that belongs to another type. */
export function filterProperties(filter: string): readonly string[] {
  const bare = filter.replaceAll(texts, "''");
  return [...bare.matchAll(compared), ...bare.matchAll(functions)]
    .map((found) => found[1]?.split("/")[0] ?? "")
    .filter((name) => name !== "");
}
