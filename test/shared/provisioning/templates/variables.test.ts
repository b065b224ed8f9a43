import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  TemplateAction,
  type Variables,
} from "../../../../shared/provisioning/templates/template.ts";
import { TenantVariables } from "../../../../shared/provisioning/templates/tenant-variables.ts";
import {
  actionFor,
  factsOf,
  filledIn,
  open,
  resolve,
} from "../../../../shared/provisioning/templates/variables.ts";

const facts = factsOf("t1", "d1", { name: "PC-{{site}}", serialNumber: "S1", osVersion: "" });
const action = (parameters: object, more: object = {}): TemplateAction =>
  TemplateAction.parse({ id: "a", name: "A", type: "x", parameters, ...more });
const none = { tenant: {}, template: {}, device: {} };

describe("the narrower variable wins", () => {
  const layers = ["tenant", "template", "action", "device"] as const;
  test.each(layers.map((_, at) => layers.slice(0, at + 1)))("among %j %s %s %s", (...given) => {
    const of = (layer: string): Variables => (given.includes(layer as never) ? { v: layer } : {});
    const made = actionFor(
      action({ x: "{{v}}" }, { variables: of("action") }),
      { tenant: of("tenant"), template: of("template"), device: of("device") },
      {},
    );
    expect(made).toMatchObject({ value: { parameters: { x: given.at(-1) } }, faults: [] });
  });

  test("in any set of layers that have it", () => {
    const some = fc.option(
      fc.string({ unit: "grapheme-ascii" }).map((text) => text.replaceAll("{", "(")),
    );
    fc.assert(
      fc.property(fc.tuple(some, some, some, some), (values) => {
        const [tenant, template, own, device] = values.map(
          (v): Variables => (v === null ? {} : { v }),
        );
        const made = actionFor(
          action({ x: "{{v}}" }, { variables: own }),
          { tenant: tenant ?? {}, template: template ?? {}, device: device ?? {} },
          {},
        );
        const narrowest = values.findLast((value) => value !== null);
        expect(made.value.parameters["x"]).toBe(narrowest ?? "{{v}}");
        expect(made.faults.length).toBe(narrowest === undefined ? 1 : 0);
      }),
    );
  });
});

describe("a text", () => {
  const values: Variables = { n: 7, yes: true, site: "Lyon", long: "{{site}}-{{n}}" };
  test.each<[string, unknown]>([
    ["{{n}}", 7],
    ["{{yes}}", true],
    ["{{n}} of {{n}}", "7 of 7"],
    ["{{long}}", "Lyon-7"],
    ["{{device.serialNumber}}-{{tenant.id}}", "S1-t1"],
    ["{{{{site}}", "{{site}}"],
    ["plain", "plain"],
  ])("%j becomes %j", (text, expected) => {
    const made = actionFor(action({ a: [{ b: text }] }), { ...none, tenant: values }, facts);
    expect(made).toEqual({ value: { parameters: { a: [{ b: expected }] } }, faults: [] });
  });

  test("is filled in conditions too", () => {
    const when = { property: "deviceName", operator: "equals", value: "{{site}}" };
    const made = actionFor(action({ site: 1 }, { when }), { ...none, tenant: values }, facts);
    expect(made.value).toEqual({ parameters: { site: 1 }, when: { ...when, value: "Lyon" } });
  });

  test("takes a fact as it is: what a device is called is read for no variable", () => {
    const made = actionFor(action({ x: "{{device.name}}" }), { ...none, tenant: values }, facts);
    expect(made).toEqual({ value: { parameters: { x: "PC-{{site}}" } }, faults: [] });
  });

  test("can become no other JSON, whatever its values are", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, before) => {
        const known = factsOf("t1", "d1", { name: `x${name}` });
        const text = `${before.replaceAll("{", "(")}|{{device.name}}`;
        const made = actionFor(action({ list: [text], other: 1 }), none, known);
        expect(made.value.parameters).toEqual({
          list: [`${before.replaceAll("{", "(")}|x${name}`],
          other: 1,
        });
      }),
    );
  });
});

describe("what has no value keeps an action from a device", () => {
  test.each<[string, Variables, string]>([
    ["a name that nobody gave", {}, "{{v}}"],
    ["a fact that is not known", {}, "{{device.osVersion}}"],
    ["a value that names what nobody gave", { v: "{{w}}" }, "{{v}}"],
    ["a value in a circle", { v: "{{w}}", w: "{{v}}" }, "{{v}}"],
    ["a value that names itself", { v: "a{{v}}" }, "x{{v}}"],
    ["a name of every object", {}, "{{constructor}}"],
  ])("%s", (_, tenant, text) => {
    const made = actionFor(action({ deep: { x: text } }), { ...none, tenant }, facts);
    expect(made.faults).toMatchObject([
      { pointer: "/parameters/deep/x", code: "unknown-variable" },
    ]);
  });

  test("and a circle of variables that the action does not name keeps it from nothing", () => {
    const made = actionFor(
      action({ x: "{{n}}" }),
      { ...none, tenant: { n: 1, v: "{{v}}" } },
      facts,
    );
    expect(made).toEqual({ value: { parameters: { x: 1 } }, faults: [] });
  });
});

test("every variable of a circle is told, and nothing beside it", () => {
  const layer = { a: "{{b}}", b: "x{{c}}", c: "{{a}}", d: "{{a}}", e: "{{f}}", f: "fine" };
  const { faults, valueOf } = resolve([layer], {});
  expect(faults.map(({ name, code }) => `${name} ${code}`)).toEqual([
    "a cyclic-variable",
    "b cyclic-variable",
    "c cyclic-variable",
  ]);
  expect(valueOf("e")).toBe("fine");
});

test("variables come to an end whatever they name, and name a circle exactly where there is one", () => {
  const names = ["a", "b", "c", "d", "e"] as const;
  const edges = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)));
  fc.assert(
    fc.property(edges, (pairs) => {
      const to = (from: string) => pairs.flatMap(([one, other]) => (one === from ? [other] : []));
      const layer = Object.fromEntries(
        names.map((name) => [
          name,
          `-${to(name)
            .map((each) => `{{${each}}}`)
            .join("")}`,
        ]),
      );
      const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
        to(from).some((next) => {
          if (next === goal) return true;
          if (seen.has(next)) return false;
          seen.add(next);
          return reaches(next, goal, seen);
        });
      const isCyclic = names.some((name) => reaches(name, name));
      const { faults, valueOf } = resolve([layer], {});
      expect(faults.some(({ code }) => code === "cyclic-variable")).toBe(isCyclic);
      for (const { name } of faults) expect(reaches(name, name)).toBe(true);
      const whole = names.filter((name) => valueOf(name) !== open);
      for (const name of whole) expect(String(valueOf(name))).toMatch(/^-+$/);
    }),
  );
});

test("variables that double each other are refused before they fill the memory", () => {
  const layer = Object.fromEntries(
    Array.from({ length: 100 }, (_, at) => [`v${at}`, `{{v${at + 1}}}{{v${at + 1}}}`]),
  );
  const { faults } = resolve([{ ...layer, v100: "x".repeat(100) }], {});
  expect(faults[0]).toMatchObject({ code: "too-long" });
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`p${at}`, "{{v}}"]));
  const made = filledIn(many, () => "x".repeat(4096));
  expect(JSON.stringify(made.value).length).toBeLessThan(200_000);
  expect(made.faults[0]).toMatchObject({ code: "too-long" });
});

test("variables that an action does not name cost it nothing", () => {
  const layer = { big: "{{{{".repeat(1000), small: "{{big}}" };
  const resolved = resolve([layer], {}, []);
  expect(resolved.chars()).toBe(0);
  expect(resolved.valueOf("small")).toBe("{{".repeat(1000));
  expect(resolved.chars()).toBeGreaterThan(4000);
});

test("values of many devices that each name all of the tenant's are refused before they keep everybody waiting", async () => {
  const values = Object.fromEntries(
    Array.from({ length: 90 }, (_, at) => [`v${at}`, "{{{{".repeat(1000)]),
  );
  const all = Object.fromEntries(
    Object.keys(values).map((name) => [name.replace("v", "w"), `{{${name}}}`]),
  );
  const devices = Object.fromEntries(
    Array.from({ length: 2000 }, (_, at) => [
      `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
      all,
    ]),
  );
  // Nothing is read or written of what is refused.
  const replaced = await new TenantVariables(undefined as never).replace(
    "t",
    { values, devices },
    undefined,
  );
  expect(replaced).toMatchObject({
    failure: { faults: [{ pointer: "/devices", code: "too-long" }] },
  });
}, 3_000);
