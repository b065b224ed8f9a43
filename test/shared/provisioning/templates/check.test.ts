import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import {
  checked,
  type Draft,
  type Judges,
} from "../../../../shared/provisioning/templates/check.ts";
import {
  actionsOf,
  sectionIds,
  TemplateAction,
  TemplateContent,
} from "../../../../shared/provisioning/templates/template.ts";

const judges: Judges = {
  findType: (id) =>
    ({
      wait: {
        sections: sectionIds,
        platforms: ["windows", "macOS"] as const,
        parameters: z.strictObject({ minutes: z.int().min(1), note: z.string().optional() }),
      },
      reset: {
        sections: ["osInstallation"] as const,
        platforms: ["windows"] as const,
        parameters: z.strictObject({}),
      },
      nowhere: { sections: sectionIds, platforms: [], parameters: z.strictObject({}) },
    })[id],
  condition: z.strictObject({
    property: z.enum(["osVersion"]),
    operator: z.enum(["atLeast"]),
    value: z.string().regex(/^\d/),
  }),
};

const wait = (more: object = {}) => ({
  id: "w",
  name: "Wait",
  type: "wait",
  parameters: { minutes: 1 },
  ...more,
});
/** A draft whose faults, if any, are the check's. */
const draft = (
  sections: readonly { id: string; actions: object[] }[],
  more: object = {},
): Draft => ({
  ...TemplateContent.parse({ sections: [], ...more }),
  sections: sections.map(({ id, actions }) => ({
    id,
    actions: actions.map((each) => TemplateAction.parse(each)),
  })),
});
const one = (action: object, more: object = {}, section = "systemMigration") =>
  draft([{ id: section, actions: [action] }], more);
const faultsIn = (given: Draft): string[] => {
  const made = checked(given, judges);
  return "faults" in made ? made.faults.map(({ pointer, code }) => `${code} ${pointer}`) : [];
};
const at = "/sections/0/actions/0";

describe("a template is refused", () => {
  test.each<[string, Draft, string[]]>([
    ["an unknown type", one(wait({ type: "nothing" })), [`unknown-action-type ${at}/type`]],
    [
      "an action where its type may not stand",
      one({ id: "r", name: "R", type: "reset" }),
      [`misplaced-action ${at}/type`],
    ],
    [
      "a type that works on nothing the template is for",
      one(wait(), { platforms: ["iOS", "android"] }),
      [`no-platform ${at}/type`],
    ],
    [
      "a type that no run can do",
      one({ id: "n", name: "N", type: "nowhere" }),
      [`no-platform ${at}/type`],
    ],
    [
      "sections in another order, and one twice",
      draft([
        { id: "osInstallation", actions: [] },
        { id: "systemMigration", actions: [] },
        { id: "osInstallation", actions: [] },
      ]),
      ["section-out-of-order /sections/1/id", "section-out-of-order /sections/2/id"],
    ],
    [
      "an unknown section",
      draft([{ id: "afterwards", actions: [] }]),
      ["unknown-section /sections/0/id"],
    ],
    [
      "two actions of one id, also in two sections",
      draft([
        { id: "systemMigration", actions: [wait()] },
        { id: "osInstallation", actions: [wait()] },
      ]),
      ["duplicate-action /sections/1/actions/0/id"],
    ],
    [
      "a variable that nobody declares",
      one(wait({ parameters: { minutes: 1, note: "for {{site}}" } })),
      [`unknown-variable ${at}/parameters/note`],
    ],
    [
      "variables in a circle",
      one(wait(), { variables: { a: { value: "{{b}}" }, b: { value: "{{a}}" } } }),
      ["cyclic-variable /variables/a/value", "cyclic-variable /variables/b/value"],
    ],
    [
      "a circle through an action's own variable, at the action",
      one(wait({ variables: { a: "{{b}}" } }), {
        variables: { a: { value: "x" }, b: { value: "{{a}}" } },
      }),
      [`cyclic-variable ${at}/variables/a`],
    ],
    [
      "a value that names an unknown variable",
      one(wait(), { variables: { a: { value: "{{device.colour}}" } } }),
      ["unknown-variable /variables/a/value"],
    ],
    [
      "braces that are not closed",
      one(wait({ parameters: { minutes: 1, note: "{{site" } })),
      [`unclosed-variable ${at}/parameters/note`],
    ],
    [
      "parameters that the type refuses, each of them",
      one(wait({ parameters: { minutes: 0, colour: "red" } })),
      [`invalid-parameter ${at}/parameters/minutes`, `invalid-parameter ${at}/parameters/colour`],
    ],
    [
      "a parameter that its variable makes wrong",
      one(wait({ parameters: { minutes: "{{m}}" } }), { variables: { m: { value: "soon" } } }),
      [`invalid-parameter ${at}/parameters/minutes`],
    ],
    [
      "a condition on what nobody knows of a device",
      one(wait({ when: { property: "colour", operator: "atLeast", value: "1" } })),
      [`invalid-condition ${at}/when/property`],
    ],
    [
      "more actions than a template may have, over its sections",
      draft(
        ["systemMigration", "systemConfiguration"].map((id) => ({
          id,
          actions: Array.from({ length: 51 }, (_, index) => wait({ id: `${id}-${index}` })),
        })),
      ),
      ["too-many-actions /sections"],
    ],
    [
      "more than it may hold",
      draft([
        {
          id: "systemMigration",
          actions: Array.from({ length: 6 }, (_, index) =>
            wait({ id: `w${index}`, parameters: { minutes: 1, note: "x".repeat(99_000) } }),
          ),
        },
      ]),
      ["too-large "],
    ],
  ])("for %s", (_, given, expected) => {
    expect(faultsIn(given)).toEqual(expected);
  });

  test("for everything that is wrong at once", () => {
    const given = draft([
      { id: "systemConfiguration", actions: [wait({ type: "x", parameters: { a: "{{b}}" } })] },
      { id: "systemMigration", actions: [wait({ parameters: {} })] },
    ]);
    expect(faultsIn(given)).toEqual([
      "section-out-of-order /sections/1/id",
      `unknown-action-type ${at}/type`,
      `unknown-variable ${at}/parameters/a`,
      "duplicate-action /sections/1/actions/0/id",
      "invalid-parameter /sections/1/actions/0/parameters/minutes",
    ]);
  });
});

describe("a template is taken", () => {
  test.each<[string, Draft]>([
    ["with nothing in it", draft([])],
    [
      "with a number that only the tenant or the device will give",
      one(wait({ parameters: { minutes: "{{m}}" } }), { variables: { m: {} } }),
    ],
    [
      "with a number that its variable gives",
      one(wait({ parameters: { minutes: "{{m}}" } }), { variables: { m: { value: 5 } } }),
    ],
    [
      "with facts of the device and an action's own variable",
      one(
        wait({
          variables: { who: "{{device.serialNumber}}" },
          parameters: { minutes: 1, note: "{{who}}" },
        }),
      ),
    ],
    [
      "with a condition whose value is still open",
      one(wait({ when: { property: "osVersion", operator: "atLeast", value: "{{v}}" } }), {
        variables: { v: {} },
      }),
    ],
    ["for some platform that each action works on", one(wait(), { platforms: ["iOS", "macOS"] })],
  ])("%s", (_, given) => {
    expect(faultsIn(given)).toEqual([]);
  });

  test("with all five sections in their order, whichever it named", () => {
    const made = checked(draft([{ id: "osInstallation", actions: [wait()] }]), judges);
    const content = TemplateContent.parse("content" in made && made.content);
    expect(content.sections.map(({ id }) => id)).toEqual(sectionIds);
    expect(actionsOf(content).map(({ section }) => section)).toEqual(["osInstallation"]);
  });

  test("exactly when its sections are some of the five in their order", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...sectionIds, "other"), { maxLength: 6 }), (ids) => {
        const places = ids.map((id) => sectionIds.indexOf(id as never));
        const isOrdered = places.every(
          (place, index) => place >= 0 && place > (places[index - 1] ?? -1),
        );
        expect(faultsIn(draft(ids.map((id) => ({ id, actions: [] })))).length === 0).toBe(
          isOrdered,
        );
      }),
    );
  });

  test("again and with the same content when what was made of it is checked", () => {
    const ids = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 8 });
    fc.assert(
      fc.property(ids, fc.constantFrom(...sectionIds), (names, section) => {
        const first = checked(
          draft([{ id: section, actions: names.map((id) => wait({ id })) }]),
          judges,
        );
        const content = TemplateContent.parse("content" in first && first.content);
        expect(checked(content, judges)).toEqual({ content });
      }),
    );
  });
});
