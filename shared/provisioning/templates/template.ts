/**
 * Templates: what is done to a device, action by action, in five sections whose order is fixed. A version is never
 * changed; tasks and runs name one. Pure.
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import { platforms } from "../../devices/directory/device.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { digest } from "../../kernel/values.ts";

/**
 * The sections, in their order and in the words of the page. `restartable`: a run may be begun again at any action of
 * it; the other three lie in or around the pre-boot environment, where nothing of a device can be begun.
 */
export const sections = {
  systemMigration: { en: "System migration", fr: "Migration du système", restartable: true },
  preOsInstallation: {
    en: "Pre-OS installation",
    fr: "Pré-installation d'OS",
    restartable: false,
  },
  osInstallation: { en: "OS installation", fr: "Installation d'OS", restartable: false },
  postOsInstallation: {
    en: "Post-OS installation",
    fr: "Post-installation d'OS",
    restartable: false,
  },
  systemConfiguration: {
    en: "System configuration",
    fr: "Configuration système",
    restartable: true,
  },
} as const;
export type SectionId = keyof typeof sections;
export const sectionIds = Object.keys(sections) as [SectionId, ...SectionId[]];

/** A variable's name. It has no dot: with one it is a fact of the device or the tenant. */
const VariableName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, "must be letters, digits and underscores, a letter first");
/** A variable's value; texts may name other variables. */
const VariableValue = z.union([Line.max(4096), z.number(), z.boolean()]);
export type VariableValue = z.output<typeof VariableValue>;

const maxVariables = 100;
/** Variables with their values. */
export const Variables = z
  .record(VariableName, VariableValue)
  .refine((values) => Object.keys(values).length <= maxVariables, `at most ${maxVariables}`)
  .meta({ maxProperties: maxVariables });
export type Variables = z.output<typeof Variables>;

/** Most members of an object, or entries of a list, that an action is given. */
const maxMembers = 1_000;
const isBounded = (value: object): boolean => Object.keys(value).length <= maxMembers;
const tooMany = `at most ${maxMembers}`;
const MemberName = z.string().regex(/^[A-Za-z]\w{0,63}$/, "must be letters and digits");
/** What an action may be given, before its type says more: JSON of texts that people can read. */
const Given: z.ZodType = z
  .lazy(() =>
    z.union([
      Prose.max(100_000),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(Given).max(maxMembers),
      z.record(MemberName, Given).refine(isBounded, tooMany).meta({ maxProperties: maxMembers }),
    ]),
  )
  .meta({ id: "Given", description: "Any JSON; {{name}} in a text stands for a variable" });

/** A condition on a device, as a template says it; which properties and operators there are, the check knows. */
const Test = z.strictObject({
  property: Line.max(64),
  operator: Line.max(64),
  value: z.union([Line.max(256), z.array(Line.max(256)).max(100)]).optional(),
});
const tests = z.array(Test).min(1).max(10);
/** One condition, or several of which all, or any one, must hold. */
const When = z.union([Test, z.strictObject({ all: tests }), z.strictObject({ any: tests })]);

const maxTimeoutSeconds = 30 * 24 * 3600;

/** Id of an action in its template. */
export const ActionId = z
  .string()
  .regex(/^[0-9A-Za-z-]{1,64}$/, "must be letters, digits and dashes");

/** An action of a template. */
export const TemplateAction = z.strictObject({
  id: ActionId.describe("Its own within the template, and the same through its versions"),
  name: Line.trim().min(1).max(100),
  type: Line.max(64).describe("GET /api/v1/provisioning/action-types lists them"),
  parameters: z
    .record(MemberName, Given)
    .refine(isBounded, tooMany)
    .meta({ maxProperties: maxMembers })
    .default({})
    .describe("As its type takes them"),
  required: z
    .boolean()
    .default(true)
    .describe("Whether the device fails with it; false: a warning, and the next action follows"),
  retry: z
    .strictObject({
      max: z.int().min(0).max(10).default(0),
      delaySeconds: z.int().min(0).max(86_400).default(60),
      on: z.enum(["transient", "any"]).default("transient"),
    })
    .prefault({}),
  timeoutSeconds: z.int().min(60).max(maxTimeoutSeconds).default(3600),
  when: When.optional().describe("Where it does not hold, the action is left out"),
  variables: Variables.optional().describe("For this action only"),
});
export type TemplateAction = z.output<typeof TemplateAction>;

/** A variable that a template's actions may name. */
const Declared = z.strictObject({
  description: Prose.max(500).default(""),
  value: VariableValue.optional().describe(
    "Wins over the tenant's, and the device's over it. Without one, the tenant or the device has to give it",
  ),
});

/** Most actions of a template, over all sections. */
export const maxActions = 100;

/** What a version does. */
export const TemplateContent = z.strictObject({
  platforms: z
    .array(z.enum(platforms))
    .min(1)
    .max(platforms.length)
    .default(["windows"])
    .describe("What it is for: each action has to work on one of them"),
  variables: z
    .record(VariableName, Declared)
    .refine((all) => Object.keys(all).length <= maxVariables, `at most ${maxVariables}`)
    .meta({ maxProperties: maxVariables })
    .default({}),
  sections: z
    .array(
      z.strictObject({
        id: z.enum(sectionIds),
        actions: z.array(TemplateAction).max(maxActions).default([]),
      }),
    )
    .max(sectionIds.length),
});
export type TemplateContent = z.output<typeof TemplateContent>;

const who = z.object({
  kind: z.enum(["user", "group", "app", "bootstrap"]),
  homeTenantId: z.string(),
  id: z.string(),
});

/** A version: who made it, and the hash that its content is kept by. */
export const TemplateVersion = z.object({
  version: z.int(),
  hash: z.string(),
  actions: z.int(),
  message: z.string(),
  by: who,
  at: z.number(),
});
export type TemplateVersion = z.output<typeof TemplateVersion>;

/** A template, with its newest version. */
export const Template = z.object({
  v: z.literal(1),
  templateId: z.string(),
  name: z.string(),
  description: z.string(),
  /** Mine is seen by its owner and by who administers templates. */
  visibility: z.enum(["mine", "public"]),
  owner: who,
  newest: TemplateVersion,
  createdAt: z.number(),
});
export type Template = z.output<typeof Template>;

/** An action with the section that it stands in. */
export type PlacedAction = { readonly section: SectionId; readonly action: TemplateAction };

/** The actions of a version in the order in which they are done: a run's step is an index into them. */
export const actionsOf = ({ sections: parts }: TemplateContent): PlacedAction[] =>
  parts.flatMap(({ id, actions }) => actions.map((action) => ({ section: id, action })));

/** The same content has the same hash, however its members are ordered. */
export const hashOf = (content: TemplateContent): string => digest(canonicalize(content) ?? "");
