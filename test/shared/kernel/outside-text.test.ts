import { array, assert, constantFrom, integer, jsonValue, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bodyOf,
  foreignWords,
  Line,
  maxReasonChars,
  plainText,
  reasonIn,
  reasonOf,
  serviceErrorIn,
} from "../../../shared/kernel/outside-text.ts";
import { processorMs } from "../../support/processor-time.ts";

const json = JSON.stringify;
const isKeepable = (text: string): boolean =>
  text.length <= maxReasonChars && text.isWellFormed() && !/[\p{Cc}\u202e\ufffe]/u.test(text);
const errorIn = (error: unknown) => serviceErrorIn(bodyOf({ error }));

describe("the words of a reason", () => {
  test.each([
    ["plain words", "plain words"],
    [json({ _version: 3, Message: "The device is gone" }), "The device is gone"],
    [json({ Message: json({ Message: json({ Message: "Quota" }) }) }), "Quota"],
    [json({ error: { code: "Throttled", message: "Wait" } }), "Throttled: Wait"],
    [
      json({ Message: "An error has occurred", CustomApiErrorPhrase: "DeviceIsRetired" }),
      "DeviceIsRetired: An error has occurred",
    ],
    [`Forbidden: ${json({ Message: json({ detail: "No licence" }) })}`, "Forbidden: No licence"],
    [json({ other: "x" }), json({ other: "x" })],
    [json({ Message: 5 }), json({ Message: 5 })],
    ["null", "null"],
    ["17", "17"],
    ["{broken", "{broken"],
    ["a {b} c", "a {b} c"],
  ])("in %j are %j", (text, words) => {
    expect(reasonIn(text)).toBe(words);
  });

  test("are found behind 40,000 characters of what surrounds them", () => {
    const wrapped = json({ Padding: "x".repeat(40_000), Message: json({ Message: "No licence" }) });
    expect(reasonIn(wrapped)).toBe("No licence");
  });

  test("of 40,000 characters keep their beginning and their end", () => {
    const words = reasonIn(`Refused because ${"x".repeat(40_000)} no licence`);
    expect(words.length).toBeLessThanOrEqual(maxReasonChars);
    expect(words).toMatch(/^Refused because x.* … x*.* no licence$/);
  });

  test("of an error carry what was below it, once", () => {
    const below = new Error("ECONNRESET");
    expect(reasonOf(new Error("fetch failed", { cause: below }))).toBe("fetch failed: ECONNRESET");
    expect(reasonOf(new Error("lost: ECONNRESET", { cause: below }))).toBe("lost: ECONNRESET");
    const all = new AggregateError([new Error("refused by ::1"), new Error("refused by ::2")]);
    expect(reasonOf(all)).toBe("refused by ::1; refused by ::2");
    expect(reasonOf(new Error("fetch failed", { cause: all }))).toMatch(/^fetch failed: refused/);
    expect(reasonOf(new AggregateError([]))).toBe("AggregateError");
    expect(reasonOf("text")).toBe("text");
    expect(reasonOf(undefined)).toBe("undefined");
  });

  test("are one bounded well-formed line, whatever was sent", () => {
    assert(
      property(string({ unit: "binary", maxLength: 2_000 }), jsonValue(), (text, value) => {
        const texts = [text, value, json({ Message: text })].map((each) => reasonIn(each));
        const long = `${"😀".repeat(300)}${text}${"😀".repeat(300)}`;
        expect([...texts, plainText(long, maxReasonChars)].every(isKeepable)).toBe(true);
      }),
    );
  });

  test("lose line breaks, escapes and turned writing", () => {
    expect(plainText("a\r\n\u001b[31mb\u202ec\u0000d", 50)).toBe("a [31mb c d");
  });
});

describe("a body", () => {
  test.each([undefined, null, "", "null", {}, "{}"])("%j says nothing", (given) => {
    expect(bodyOf(given)).toEqual({ kind: "none" });
  });
  test.each(["<html>no</html>", "text", "[1]", "5", 5, [1], true, '"quoted"'])(
    "%j is not a service's",
    (given) => {
      expect(bodyOf(given).kind).toBe("foreign");
    },
  );
  test("that is an object is one, as text and as value", () => {
    const fields = { value: [] };
    expect(bodyOf(json(fields))).toEqual({ kind: "object", fields });
    expect(bodyOf(fields)).toEqual({ kind: "object", fields });
  });
  test("of a page is told by its title, or by its words", () => {
    expect(foreignWords("<html><title>Sign in\n here</title>")).toBe("Sign in here");
    expect(foreignWords("<h1>Blocked</h1><p>by us")).toBe("Blocked by us");
  });
});

describe("a service's error", () => {
  test("has a code and a message, and the id that support asks for", () => {
    const innerError = { "request-id": "r" };
    expect(errorIn({ code: "c", message: "m", innerError })).toEqual({
      code: "c",
      message: "m",
      requestId: "r",
    });
  });
  test("may leave its code empty, as AdminService does", () => {
    expect(errorIn({ code: "", message: "m" })).toEqual({ code: "unknown", message: "m" });
  });
  test.each([undefined, null, "text", 5, [], {}, { code: 403, message: "m" }, { message: "m" }])(
    "is not %j",
    (error) => {
      expect(errorIn(error)).toBeUndefined();
    },
  );
  test("is bounded in every member", () => {
    const long = "x".repeat(40_000);
    const error = errorIn({ code: long, message: long, innerError: { "request-id": long } });
    expect(json(error).length).toBeLessThan(700);
  });
});

test.each([" ", "\u00a0", "\u200b", " \u3164"])(
  "a long run of what nobody sees costs its length, not its square: %j",
  (unseen) => {
    const long = `a${unseen.repeat(40_000)}b`;
    // Compared from each of its places it takes seconds.
    expect(processorMs(() => expect(plainText(long, 100_000)).toMatch(/^a.*b$/))).toBeLessThan(500);
  },
);

test.each(["<", "<title"])("a page of nothing but %s costs its length, too", (tag) => {
  const page = tag.repeat(200_000 / tag.length);
  expect(processorMs(() => expect(foreignWords(page)).toMatch(/^</))).toBeLessThan(500);
});

test("what is kept of a text from outside would be taken as a line from a caller", () => {
  const odd = constantFrom(
    "\ud800",
    "\udc00",
    "\u200b",
    "\ufeff",
    "\ufdd0",
    "\u{1fffe}",
    "\u202e",
    "\n",
    " ",
    "a",
  );
  assert(
    property(array(odd, { maxLength: 40 }), integer({ min: 1, max: 30 }), (parts, most) => {
      const kept = plainText(parts.join(""), most);
      expect([kept, Line.safeParse(kept).success]).toEqual([kept, true]);
    }),
  );
});
