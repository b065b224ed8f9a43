/** What the API says about templates. */
import * as z from "zod";
import { toIso } from "../../kernel/clock.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { OwnId, TenantId } from "../../kernel/values.ts";
import type { ActionType } from "../actions/action-type.ts";
import { conditionFacts } from "../actions/condition.ts";
import type { TemplateDraft, WholeVersion } from "./manage-templates.ts";
import { sectionIds, sections, Template, TemplateContent, TemplateVersion } from "./template.ts";
import { factNames } from "./variables.ts";

/** Paths. */
export const TemplatePath = z.strictObject({ templateId: OwnId });
export const TemplateVersionPath = TemplatePath.extend({
  version: z.coerce.number().int().min(1).max(999_999_999),
});

const named = { name: Line.trim().min(1).max(100), description: Prose.max(1000).default("") };
const message = Line.max(200).default("").describe("Why this version");

/** Body of a template's creation, and of its replacement. */
export const TemplateBody = z.strictObject({
  ...named,
  visibility: Template.shape.visibility.default("mine"),
  message,
  ...TemplateContent.shape,
  // Names and order are judged with everything else, so that all faults are told at once.
  sections: z
    .array(TemplateContent.shape.sections.element.extend({ id: Line.max(64) }))
    .max(100)
    .describe(`Some of ${sectionIds.join(", ")}, in this order`),
});

/** Body that makes a task of a template. */
export const ScheduleTemplate = z.strictObject({
  tenantId: TenantId,
  version: z.int().min(1).max(999_999_999).optional().describe("Default: the newest"),
  displayName: Line.trim().min(1).max(200).optional().describe("Default: the template's name"),
});

/** What a body asks for. */
export const templateDraft = ({
  name,
  description,
  visibility,
  message: why,
  ...content
}: z.output<typeof TemplateBody>): TemplateDraft => ({
  name,
  description,
  visibility,
  message: why,
  content,
});

/** A version in a list. */
export const VersionView = TemplateVersion.extend({ at: z.iso.datetime() }).meta({
  id: "TemplateVersion",
});

/** A template in a list. */
export const TemplateView = Template.omit({ v: true })
  .extend({ newest: VersionView, createdAt: z.iso.datetime() })
  .meta({ id: "Template" });

/** A version to be kept elsewhere: a POST of it makes the same template again. */
export const TemplateExport = z
  .strictObject({ ...named, message, ...TemplateContent.shape })
  .meta({ id: "TemplateExport" });

const names = z.object({ en: z.string(), fr: z.string() });

/** The types of actions, with what whoever writes a template has to know besides. */
export const ActionTypesView = z.object({
  sections: z.array(
    z.object({
      id: z.string(),
      name: names,
      restartable: z.boolean().describe("A run may be begun again at any of its actions"),
    }),
  ),
  facts: z.array(z.string()).describe("What every text may name without declaring it"),
  conditions: z
    .array(z.object({ id: z.string(), name: names, operators: z.array(z.string()) }))
    .describe("Properties that an action's `when` may ask"),
  value: z.array(
    z.object({
      id: z.string(),
      name: names,
      sections: z.array(z.string()).describe("Where it may stand"),
      platforms: z.array(z.string()).describe("What it works on; none: no run can do it"),
      route: z.string(),
      guarded: z.boolean().describe("Not asked again where the answer was unclear"),
      permissions: z.array(z.string()).describe("What whoever starts a run must hold besides"),
      parameters: z
        .record(z.string(), z.unknown())
        .describe("JSON Schema; `name` says what a parameter is called"),
    }),
  ),
});

/** A version. */
export const versionView = (version: TemplateVersion): z.output<typeof VersionView> => ({
  ...version,
  at: toIso(version.at),
});

/** A template. */
export function templateView(template: Template): z.output<typeof TemplateView> {
  const { v: _, newest, createdAt, ...rest } = template;
  return { ...rest, newest: versionView(newest), createdAt: toIso(createdAt) };
}

/** A version as it is exported. */
export const templateExport = ({
  template: { name, description },
  version,
  content,
}: WholeVersion): z.output<typeof TemplateExport> => ({
  name,
  description,
  message: version.message,
  ...content,
});

/** The types of actions. */
export const actionTypesView = (
  types: readonly ActionType[],
): z.output<typeof ActionTypesView> => ({
  sections: sectionIds.map((id) => {
    const { en, fr, restartable } = sections[id];
    return { id, name: { en, fr }, restartable };
  }),
  facts: [...factNames],
  conditions: conditionFacts,
  value: types.map((type) => ({
    ...type,
    sections: [...type.sections],
    platforms: [...type.platforms],
    permissions: [...type.permissions],
    parameters: z.toJSONSchema(type.parameters, { io: "input", unrepresentable: "any" }),
  })),
});
