import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod";
import { actionTypes, findActionType } from "../../../../shared/provisioning/actions/catalogue.ts";
import { FactCondition } from "../../../../shared/provisioning/actions/condition.ts";
import { checked } from "../../../../shared/provisioning/templates/check.ts";
import {
  actionTypesView,
  TemplateBody,
  templateDraft,
} from "../../../../shared/provisioning/templates/contract.ts";

test("the template of the documents is taken as it is printed", () => {
  const page = readFileSync(new URL("../../../../docs/provisioning.md", import.meta.url), "utf8");
  const printed = /templates" [^']*'content-type: application\/json' -d '(\{.*?\})'\n/s.exec(
    page,
  )?.[1];
  const { content } = templateDraft(TemplateBody.parse(JSON.parse(printed ?? "")));
  const judges = { findType: findActionType, condition: FactCondition };
  expect(checked(content, judges)).toHaveProperty("content.sections.4.actions.1.id", "scan");
});

test("every type of action is told with a schema that takes what the type takes", () => {
  const { value } = actionTypesView(actionTypes);
  expect(value.map(({ id }) => id)).toEqual(actionTypes.map(({ id }) => id));
  for (const { parameters } of value)
    expect(parameters).toMatchObject({ type: "object", additionalProperties: false });
  const wait = value.find(({ id }) => id === "wait");
  expect(z.fromJSONSchema(wait?.parameters as never).safeParse({ duration: "PT5M" }).success).toBe(
    true,
  );
});
