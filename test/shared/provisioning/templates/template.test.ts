import { describe, expect, test } from "vitest";
import {
  actionsOf,
  hashOf,
  sectionIds,
  sections,
  Template,
  TemplateContent,
} from "../../../../shared/provisioning/templates/template.ts";

const content = TemplateContent.parse({
  sections: [
    {
      id: "systemMigration",
      actions: [{ id: "a", name: "A", type: "wait", parameters: { x: 1, y: 2 } }],
    },
    { id: "preOsInstallation" },
    { id: "systemConfiguration", actions: [{ id: "b", name: "B", type: "wait" }] },
  ],
});

describe("a template", () => {
  test("has the five sections of the page, in its order and in its words", () => {
    expect(sectionIds.map((id) => sections[id].fr)).toEqual([
      "Migration du système",
      "Pré-installation d'OS",
      "Installation d'OS",
      "Post-installation d'OS",
      "Configuration système",
    ]);
  });

  test("is begun again at a chosen action in the first and in the last section only", () => {
    expect(sectionIds.filter((id) => sections[id].restartable)).toEqual([
      "systemMigration",
      "systemConfiguration",
    ]);
  });

  test("gives its actions in the order in which they are done, each with its section", () => {
    expect(actionsOf(content).map(({ section, action }) => [section, action.id])).toEqual([
      ["systemMigration", "a"],
      ["systemConfiguration", "b"],
    ]);
  });

  test("takes an action for required, tried once, and an hour long where nothing else is said", () => {
    expect(actionsOf(content)[1]?.action).toEqual({
      id: "b",
      name: "B",
      type: "wait",
      parameters: {},
      required: true,
      retry: { max: 0, delaySeconds: 60, on: "transient" },
      timeoutSeconds: 3600,
    });
  });

  test("has the same hash however the members of its content are ordered, and another for other content", () => {
    const [first, ...rest] = content.sections;
    const turned = { ...first, actions: [{ ...first?.actions[0], parameters: { y: 2, x: 1 } }] };
    const other = { ...first, actions: [{ ...first?.actions[0], parameters: { y: 2, x: 3 } }] };
    const hash = (section: unknown) =>
      hashOf(TemplateContent.parse({ sections: [section, ...rest] }));
    expect(hash(turned)).toBe(hashOf(content));
    expect(hash(other)).not.toBe(hashOf(content));
  });

  test("is read from its row as it was written, and another version of rows is refused", () => {
    const who = { kind: "user", homeTenantId: "t", id: "u" };
    const newest = { version: 1, hash: "h", actions: 2, message: "", by: who, at: 1 };
    const row = {
      v: 1,
      templateId: "x",
      name: "N",
      description: "",
      visibility: "mine",
      owner: who,
      newest,
      createdAt: 1,
    };
    expect(Template.parse(row)).toEqual(row);
    expect(Template.safeParse({ ...row, v: 2 }).success).toBe(false);
  });
});
