import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filledText, literal, wholeName } from "../../../shared/kernel/placeholders.ts";

const filled = (text: string, values: Readonly<Record<string, string>>) => {
  const faults: (string | undefined)[] = [];
  const valueOf = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined);
  return { text: filledText(text, valueOf, (name) => faults.push(name)), faults };
};

describe("a text with placeholders", () => {
  test.each<[string, string]>([
    ["{{a}}", "A"],
    ["{{a}}{{b}}", "AB"],
    ["x {{a}} y {{b}} z", "x A y B z"],
    ["{a} {b}} }}", "{a} {b}} }}"],
    ["CN={{{{UserName}}", "CN={{UserName}}"],
    ["{{{{{{a}}", "{{A"],
    ["", ""],
  ])("%j becomes %j", (text, expected) => {
    expect(filled(text, { a: "A", b: "B" })).toEqual({ text: expected, faults: [] });
  });

  test.each(["{{c}}", "{{ a }}", "{{}}", "{{a", "{{a}", "x{{", "{{constructor}}", "{{__proto__}}"])(
    "%j is a fault, and stays as it is",
    (text) => {
      const made = filled(text, { a: "A" });
      expect(made.faults).toHaveLength(1);
      expect(made.text).toBe(text);
    },
  );

  test("reads no value for placeholders, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const values = { a: `${a}{{b}}`, b };
        expect(filled("<{{a}}|{{b}}>", values).text).toBe(`<${a}{{b}}|${b}>`);
      }),
    );
  });

  test("gives every text back that was written as a literal", () => {
    const brace = fc.string({ unit: fc.constantFrom("{", "}", "a", "$", "&") });
    fc.assert(
      fc.property(brace, (text) => {
        expect(filled(literal(text), { a: "A" })).toEqual({ text, faults: [] });
      }),
    );
  });
});

test.each([
  ["{{a}}", "a"],
  ["{{ a }}", " a "],
  ["x{{a}}", undefined],
  ["{{a}}{{b}}", undefined],
  ["{{{{a}}", undefined],
])("the placeholder that is the whole of %j is %j", (text, name) => {
  expect(wholeName(text)).toBe(name);
});
