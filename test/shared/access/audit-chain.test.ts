/** The chain of shared/access/audit: what extends it (records.ts), and what judges it (verify.ts). */
import { array, assert, integer, property, string } from "fast-check";
import { expect, test } from "vitest";
import {
  extend,
  genesis,
  keyOf,
  type Link,
  monthBefore,
} from "../../../shared/access/audit/records.ts";
import { chainCheck } from "../../../shared/access/audit/verify.ts";

const verify = (links: readonly Link[], head = links.at(-1) ?? genesis("p")) => {
  const check = chainCheck("p", head);
  for (const link of links.toReversed()) if (!check.take(link)) break;
  return check.end();
};
const chain = extend(genesis("p"), ["one", "two", "three", "four"]);
const at = (index: number): Link => chain[index] as Link;
const replaced = (index: number, change: Partial<Link>) =>
  chain.map((link, place) => (place === index ? { ...link, ...change } : link));

test("an untouched chain is intact, and so is an empty one", () => {
  expect(verify(chain)).toEqual({ kind: "intact", head: chain.at(-1) });
  expect(verify([])).toEqual({ kind: "intact", head: genesis("p") });
});

/** A forger who knows the hash function recomputes the record's own hash. */
const forged = extend(at(0), ["TWO"])[0] as Link;

test.each([
  ["a changed text", replaced(1, { text: "TWO" }), 2, "changed"],
  ["a changed text with its hash made anew", replaced(1, forged), 2, "unlinked"],
  ["a changed link to the one before", replaced(1, { previous: "x" }), 2, "changed"],
  ["one removed from the middle", chain.toSpliced(1, 1), 2, "missing"],
  ["the first removed", chain.slice(1), 1, "missing"],
  ["two swapped", [at(0), at(2), at(1), at(3)], 3, "missing"],
  ["one doubled", [at(0), at(1), at(1), at(2), at(3)], 1, "missing"],
])("%s shows", (_name, links, sequence, what) => {
  expect(verify(links)).toEqual({ kind: "broken", fault: { sequence, what } });
});

test("a cut off end shows as long as the head stays", () => {
  expect(verify(chain.slice(0, 3), at(3))).toMatchObject({ kind: "broken" });
});

test("one partition's chain does not pass for another's", () => {
  const other = extend(genesis("q"), ["one"]);
  expect(verify(other)).toMatchObject({ kind: "broken", fault: { sequence: 1, what: "unlinked" } });
});

test("however a chain grows, any single change to it shows", () => {
  const some = array(string(), { minLength: 1, maxLength: 8 });
  assert(
    property(array(some, { minLength: 1, maxLength: 5 }), integer(), (batches, pick) => {
      let head = genesis("p");
      const links = batches.flatMap((texts) => {
        const added = extend(head, texts);
        head = added.at(-1) ?? head;
        return added;
      });
      expect(verify(links).kind).toBe("intact");
      const index = Math.abs(pick) % links.length;
      const bent = links.map((link, n) =>
        n === index ? { ...link, text: `${link.text}!` } : link,
      );
      expect(verify(bent).kind).toBe("broken");
      expect(verify(links.toSpliced(index, 1), links.at(-1)).kind).toBe("broken");
    }),
  );
});

test("keys sort newest first, however many records there are", () => {
  assert(
    property(integer({ min: 1, max: 999_999_999_998 }), (sequence) => {
      expect(keyOf(sequence + 1) < keyOf(sequence)).toBe(true);
    }),
  );
});

test.each([
  ["2026-08", "2026-07"],
  ["2026-01", "2025-12"],
  ["2026-10", "2026-09"],
])("the month before %s is %s", (month, before) => {
  expect(monthBefore(month)).toBe(before);
});
