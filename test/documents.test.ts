/** The documents lead where they say. */
import { globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const documents = globSync("{*,{docs,relay,local,audit}/**/*}.md");

test.each(documents)("the links of %s lead to files that exist", (name) => {
  const text = readFileSync(name, "utf8");
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = ""]) => link);
  const lost = links.filter(
    (link) => statSync(join(dirname(name), link), { throwIfNoEntry: false }) === undefined,
  );
  expect(lost).toEqual([]);
});
