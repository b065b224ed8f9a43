/**
 * What a baseline says, and what becomes of it in one tenant: items in which `{{name}}` stands for a parameter, and a
 * tailoring with the tenant's own values. A placeholder is read in texts of parsed JSON alone, so that no value can
 * become anything but a part of that text, and a value is not read again for placeholders. Pure.
 */
import * as z from "zod";
import type { Fault } from "../../kernel/failure.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { filledText, literal } from "../../kernel/placeholders.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import { Override } from "../contract.ts";
import type { Json, JsonObject } from "../items/json.ts";
import { escaped } from "../items/references.ts";
import { isObject, isToken, lensFor, tokensIn, withValueAt } from "../plan/shape.ts";
import { ItemName } from "../state/sync.ts";

const maxValueChars = 256;
/** Items of one version: as many as one person can look through. */
export const maxBaselineItems = 500;

/** A parameter's name, as it stands between the braces. */
const ParameterName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/, "must be letters and digits, a letter first");
const Value = Line.max(maxValueChars);

/** A parameter. One without a default has to be given by each tenant. */
export const Parameter = z.strictObject({
  name: ParameterName,
  description: Prose.max(500).default(""),
  kind: z
    .enum(["text", "group"])
    .default("text")
    .describe("What a value is, for whoever gives one: any text, or the name of a group"),
  default: Value.optional().describe("Without one, each tenant has to give a value"),
});
export type Parameter = z.output<typeof Parameter>;

/** What a tenant has of its own. Items are named as the baseline names them. */
export const Tailoring = z.strictObject({
  values: z
    .record(ParameterName, Value)
    .refine((values) => Object.keys(values).length <= 100, "has more than 100 values")
    .meta({ maxProperties: 100 })
    .default({})
    .describe("By parameter"),
  overrides: z
    .array(Override.extend(ItemName.shape))
    .max(100)
    .default([])
    .describe("Values that this tenant has instead, at pointers as plans show them"),
  leaveOut: z.array(ItemName).max(100).default([]).describe("Items that this tenant does without"),
});
export type Tailoring = z.output<typeof Tailoring>;

/** An item of a baseline. Its key is that of its body with the placeholders in it. */
export type BaselineItem = {
  readonly type: string;
  readonly key: string;
  readonly body: JsonObject;
};

/** A version's content. */
export const BaselineDocument = z.object({
  parameters: z.array(Parameter),
  items: z.array(z.custom<BaselineItem>((item) => typeof item === "object" && item !== null)),
});
export type BaselineDocument = z.output<typeof BaselineDocument>;

/** What is wrong with a placeholder. */
const faultOf = (name: string | undefined): string =>
  name === undefined
    ? "opens a parameter that it does not close; {{{{ stands for two braces"
    : `names the parameter ${name}, which there is none of; {{{{ stands for two braces`;

/** Every text of a value through `change`, with its pointer; names of members stay, and so do kinds of references. */
function mapTexts(node: Json, pointer: string, change: TextChange): Json {
  if (typeof node === "string") return change(node, pointer, undefined);
  if (Array.isArray(node))
    return node.map((each: Json, at) => mapTexts(each, `${pointer}/${at}`, change));
  if (!isObject(node)) return node;
  if (!isToken(node))
    return Object.fromEntries(
      Object.entries(node).map(([name, value]) => [
        name,
        mapTexts(value, `${pointer}/${escaped(name)}`, change),
      ]),
    );
  const { name, id, ...rest } = node;
  const newName = name && change(name, `${pointer}/name`, node.$ref);
  const newId = id && change(id, `${pointer}/id`, undefined);
  // An id that stays is that of the thing which had the old name.
  const keepsId = newId !== undefined && (newName === name || newId !== id);
  return {
    ...rest,
    ...(newName === undefined ? {} : { name: newName }),
    ...(keepsId ? { id: newId } : {}),
  };
}

type TextChange = (text: string, pointer: string, family: string | undefined) => string;

const bodyOf = (body: JsonObject, pointer: string, change: TextChange): JsonObject =>
  mapTexts(body, pointer, change) as JsonObject;

// Making one.

/** A parameter of a baseline that is copied: every text that is exactly this becomes its placeholder. */
export type Replacing = Parameter & { readonly replaces?: string | undefined };

/** A tenant's items as a baseline has them. A parameter for a group replaces names of groups, one for texts every text. */
export function copied<T extends Pick<BaselineItem, "type" | "body">>(
  items: readonly T[],
  parameters: readonly Replacing[],
): T[] {
  return items.map((item) => ({
    ...item,
    body: bodyOf(item.body, "", (text, pointer, family) => {
      const namesGroup =
        family === "group" || (item.type === "group" && pointer === "/displayName");
      const parameter = parameters.find(
        ({ kind, replaces }) => replaces === text && (kind === "text" || namesGroup),
      );
      return parameter === undefined ? literal(text) : `{{${parameter.name}}}`;
    }),
  }));
}

/** Families whose ids are the same in every tenant. */
const sameEverywhere: ReadonlySet<string> = new Set(["directoryRole", "servicePrincipal"]);

/** References that have but the id of one tenant: they would lead nowhere in any other. */
const namelessFaults = (items: readonly Pick<BaselineItem, "body">[]): Fault[] =>
  items.flatMap(({ body }, at) =>
    [...tokensIn(body)].flatMap(({ $ref: family, name, id = "" }) =>
      name !== undefined || sameEverywhere.has(family) || /\{\{/.test(id)
        ? []
        : [
            {
              pointer: `/items/${at}/body`,
              detail: `names a ${family} by its id ${id} alone, which means nothing in another tenant`,
            },
          ],
    ),
  );

/**
 * What is wrong with a version: parameters that are unknown, unused or there twice, and references that only one tenant
 * could follow.
 */
export function versionFaults({ parameters, items }: BaselineDocument): Fault[] {
  const faults: Fault[] = namelessFaults(items);
  const known = new Set(parameters.map(({ name }) => name));
  const used = new Set<string>();
  for (const [at, { body }] of items.entries())
    bodyOf(body, `/items/${at}/body`, (text, pointer) =>
      filledText(
        text,
        (name) => {
          used.add(name);
          return known.has(name) ? "" : undefined;
        },
        (name) => faults.push({ pointer, detail: faultOf(name) }),
      ),
    );
  const seen = new Set<string>();
  for (const [at, { name }] of parameters.entries()) {
    const pointer = `/parameters/${at}/name`;
    if (seen.has(name)) faults.push({ pointer, detail: `is ${name} a second time` });
    else if (!used.has(name)) faults.push({ pointer, detail: "stands in no item" });
    seen.add(name);
  }
  return faults;
}

// What becomes of it in a tenant.

/** An item as a tenant is to have it, before its own rules are asked; `at`: its place in the baseline. */
type TailoredItem = Pick<BaselineItem, "type" | "body"> & { readonly at: number };

/** Parameters without a value and a default, as faults of the tenant's tailoring. */
export const missingValues = (
  { parameters }: Pick<BaselineDocument, "parameters">,
  { values }: Pick<Tailoring, "values">,
): Fault[] =>
  parameters.flatMap((parameter) =>
    Object.hasOwn(values, parameter.name) || parameter.default !== undefined
      ? []
      : [{ pointer: `/values/${parameter.name}`, detail: "has no value, and needs one" }],
  );

/** What of a tailoring fits nothing in a version: most likely it is misspelt. */
export function strangeNames(document: BaselineDocument, tailoring: Tailoring): Fault[] {
  const parameters = new Set(document.parameters.map(({ name }) => name));
  const items = new Set(document.items.map(({ type, key }) => `${type}/${key}`));
  const strange = (list: "overrides" | "leaveOut"): Fault[] =>
    tailoring[list].flatMap(({ type, key }, at) =>
      items.has(`${type}/${key}`)
        ? []
        : [{ pointer: `/${list}/${at}`, detail: "names no item of the baseline" }],
    );
  const values = Object.keys(tailoring.values).flatMap((name) =>
    parameters.has(name)
      ? []
      : [{ pointer: `/values/${name}`, detail: "is no parameter of the baseline" }],
  );
  return [...values, ...strange("overrides"), ...strange("leaveOut")];
}

/**
 * The items of a version as a tenant is to have them, or everything that stands in the way. What a tailoring says of
 * parameters and items that this version does not have is of no account.
 */
export function tailored(
  document: BaselineDocument,
  tailoring: Tailoring,
  typeOf: (type: string) => ConfigurationType | undefined,
): { readonly items: readonly TailoredItem[]; readonly faults: readonly Fault[] } {
  const faults: Fault[] = missingValues(document, tailoring);
  if (faults.length > 0) return { items: [], faults };
  const values = new Map(document.parameters.map(({ name, default: usual }) => [name, usual]));
  for (const [name, value] of Object.entries(tailoring.values)) values.set(name, value);
  const out = new Set(tailoring.leaveOut.map(({ type, key }) => `${type}/${key}`));
  const items = document.items.flatMap(({ type: typeName, key, body }, at): TailoredItem[] => {
    const type = typeOf(typeName);
    if (type === undefined || out.has(`${typeName}/${key}`)) return [];
    let made = bodyOf(body, `/items/${at}/body`, (text, pointer) =>
      filledText(
        text,
        (name) => values.get(name),
        (name) => faults.push({ pointer, detail: faultOf(name) }),
      ),
    );
    for (const [place, { pointer, value, ...named }] of tailoring.overrides.entries()) {
      if (named.type !== typeName || named.key !== key) continue;
      const changed = withValueAt(lensFor(type, undefined, made, true), made, pointer, value);
      if (changed === undefined)
        faults.push({
          pointer: `/overrides/${place}/pointer`,
          detail: "leads nowhere in this item",
        });
      else made = changed;
    }
    return [{ type: typeName, body: made, at }];
  });
  return faults.length > 0 ? { items: [], faults } : { items, faults };
}
