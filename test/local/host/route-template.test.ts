import { describe, expect, test } from "vitest";
import { buildRoutes } from "../../../local/host/http/functions.ts";
import { compileTemplate } from "../../../local/host/http/route-template.ts";

describe("a template matches a path", () => {
  test.each([
    ["a/b", "A/B", {}],
    ["a/b", "a/b/", {}],
    ["a/b", "a", undefined],
    ["", "", {}],
    ["a/{id}", "a/x y", { id: "x y" }],
    ["a/{id}", "a/", undefined],
    ["a/{id}/b", "a/1/c", undefined],
    ["a/{id?}", "a", {}],
    ["a/{id?}", "a/1", { id: "1" }],
    ["a/{x?}/{y?}", "a/1/2", { x: "1", y: "2" }],
    ["a/{id=5}", "a", { id: "5" }],
    ["a/{*rest}", "a/b/c", { rest: "b/c" }],
    ["a/{**rest}", "a", {}],
    ["a/{name}.{extension}", "a/x.y.z", { name: "x.y", extension: "z" }],
    ["v{version}/x", "v2/x", { version: "2" }],
    ["a.b", "aXb", undefined],
    ["a/{{literal}}", "a/{literal}", {}],
    ["a/{id:int}", "a/12", { id: "12" }],
    ["a/{id:int}", "a/12x", undefined],
    ["a/{id:int}", "a/99999999999", undefined],
    ["a/{id:long}", "a/99999999999", { id: "99999999999" }],
    ["a/{id:int?}", "a", {}],
    ["a/{id:int:min(3)}", "a/2", undefined],
    ["a/{id:range(3,5)}", "a/5", { id: "5" }],
    [
      "a/{id:guid}",
      "a/0b8f1c1e-0d0b-4c1e-9d0b-0b8f1c1e0d0b",
      { id: "0b8f1c1e-0d0b-4c1e-9d0b-0b8f1c1e0d0b" },
    ],
    ["a/{id:guid}", "a/0b8f", undefined],
    ["a/{id:bool}", "a/TRUE", { id: "TRUE" }],
    ["a/{id:alpha}", "a/ab1", undefined],
    ["a/{id:length(2)}", "a/abc", undefined],
    ["a/{id:length(2,3)}", "a/abc", { id: "abc" }],
    ["a/{id:minlength(2)}", "a/a", undefined],
    ["a/{id:maxlength(2)}", "a/ab", { id: "ab" }],
    ["a/{id:max(2)}", "a/3", undefined],
    ["a/{id:datetime}", "a/2026-11-21", { id: "2026-11-21" }],
    ["a/{id:decimal}", "a/1,000.5", { id: "1,000.5" }],
    ["a/{id:double}", "a/1e5", { id: "1e5" }],
    ["a/{id:float}", "a/x", undefined],
    ["a/{id:regex(^\\d{{3}}-[a/]$)}", "a/123-a", { id: "123-a" }],
    ["a/{id:required}", "a/1", { id: "1" }],
  ])("%s, %s", (template, path, expected) => {
    expect(compileTemplate(template)(path)).toEqual(expected);
  });
});

test.each([
  "a//b",
  "/a",
  "a/{b",
  "a/b}",
  "a/{}",
  "a/{b}{c}",
  "a/{b?}/c",
  "a/{*b}/c",
  "a/x{*b}",
  "a/{b}/{B}",
  "a/{b:oddly}",
  "a/{b:min(x)}",
  "a/{b=1?}",
  "a?b",
])("%s is refused", (template) => {
  expect(() => compileTemplate(template)).toThrow(/./);
});

test.each([
  [["Items", "item_all", "itemAll"], "itemAll Items item_all"],
  [["b", "A", "a1", "a-1", "a_1"], "A a-1 a1 a_1 b"],
])(
  "functions %s on one route answer in the order of their names, letters as capitals",
  (names, order) => {
    const functions = names.map((name, index) => ({
      kind: "http" as const,
      name,
      id: name,
      trigger: "request",
      outputs: [],
      disabled: false,
      route: index % 2 === 0 ? `{x}` : `{y}`,
      methods: ["GET"],
      authLevel: "anonymous" as const,
    }));
    const inOrder: string[] = [];
    let left = functions;
    while (left.length > 0) {
      const { fn } = buildRoutes(left, "").find("GET", "thing") ?? {};
      if (fn === undefined) break;
      inOrder.push(fn.name);
      left = left.filter((each) => each.name !== fn.name);
    }
    expect(inOrder.join(" ")).toBe(order);
  },
);
