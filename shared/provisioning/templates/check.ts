/**
 * Whether a template may be kept: everything that is wrong with it, each with its place and a code. What a variable will
 * say only for a tenant or a device is taken to be right until then. Pure.
 */
import * as z from "zod";
import type { Platform } from "../../devices/directory/device.ts";
import { faultsOf } from "../../http/body.ts";
import type { Fault } from "../../kernel/failure.ts";
import {
  maxActions,
  type SectionId,
  sectionIds,
  type TemplateAction,
  type TemplateContent,
  type Variables,
} from "./template.ts";
import { factNames, filledIn, type Known, open, type Resolved, resolve } from "./variables.ts";

/** A template as somebody writes it: sections may be left out, and are judged by name and order here. */
export type Draft = Omit<TemplateContent, "sections"> & {
  readonly sections: readonly { readonly id: string; readonly actions: TemplateAction[] }[];
};

/** What is known of a type of action. */
type KnownType = {
  readonly sections: readonly SectionId[];
  readonly platforms: readonly Platform[];
  readonly parameters: z.ZodType;
};

/** What templates are judged by: the types of actions, and the conditions that can be decided before one. */
export type Judges = {
  readonly findType: (id: string) => KnownType | undefined;
  readonly condition: z.ZodType;
};

type CodedFault = Fault & { readonly code: string };

/** Largest version, as JSON. */
const maxChars = 500_000;

/** The content with all five sections in their order, or everything that is wrong with it. */
export function checked(
  draft: Draft,
  judges: Judges,
): { readonly content: TemplateContent } | { readonly faults: readonly CodedFault[] } {
  const content: TemplateContent = {
    ...draft,
    sections: sectionIds.map((id) => ({
      id,
      actions: draft.sections.find((section) => section.id === id)?.actions ?? [],
    })),
  };
  const faults = [
    ...sectionFaults(draft),
    ...sizeFaults(draft),
    ...variableFaults(draft),
    ...actionFaults(draft, judges),
  ];
  return faults.length > 0 ? { faults } : { content };
}

function sectionFaults({ sections: given }: Draft): CodedFault[] {
  let last = -1;
  return given.flatMap(({ id }, at): CodedFault[] => {
    const pointer = `/sections/${at}/id`;
    const place = sectionIds.indexOf(id as SectionId);
    const order = `the sections are, in this order, ${sectionIds.join(", ")}`;
    if (place < 0) return [{ pointer, code: "unknown-section", detail: `is no section: ${order}` }];
    if (place <= last)
      return [{ pointer, code: "section-out-of-order", detail: `does not stand here: ${order}` }];
    last = place;
    return [];
  });
}

/** Every action with its place. */
const placed = ({ sections: given }: Draft) =>
  given.flatMap(({ id, actions }, at) =>
    actions.map((action, index) => ({
      action,
      section: id as SectionId,
      pointer: `/sections/${at}/actions/${index}`,
    })),
  );

function sizeFaults(draft: Draft): CodedFault[] {
  const count = placed(draft).length;
  return [
    ...(count > maxActions
      ? [
          {
            pointer: "/sections",
            code: "too-many-actions",
            detail: `have more than ${maxActions} actions`,
          },
        ]
      : []),
    ...(JSON.stringify(draft).length > maxChars
      ? [{ pointer: "", code: "too-large", detail: `has more than ${maxChars} characters as JSON` }]
      : []),
  ];
}

/** The template's own values; what it leaves to the tenant or the device is open, as facts are. */
function ownValues({ variables }: Draft): { own: Variables; given: Record<string, Known> } {
  const all = Object.entries(variables);
  return {
    own: Object.fromEntries(
      all.flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])),
    ),
    given: Object.fromEntries(
      [...factNames, ...Object.keys(variables)].map((name) => [name, open]),
    ),
  };
}

const faultsBelow = (resolved: Resolved, pointerOfName: (name: string) => string): CodedFault[] =>
  resolved.faults.map(({ name, code, detail }) => ({ pointer: pointerOfName(name), code, detail }));

function variableFaults(draft: Draft): CodedFault[] {
  const { own, given } = ownValues(draft);
  return faultsBelow(resolve([own], given), (name) => `/variables/${name}/value`);
}

function actionFaults(draft: Draft, judges: Judges): CodedFault[] {
  const seen = new Set<string>();
  return placed(draft).flatMap((each): CodedFault[] => {
    const { action, pointer } = each;
    const twice = {
      pointer: `${pointer}/id`,
      code: "duplicate-action",
      detail: `is ${action.id} a second time`,
    };
    const isSecond = seen.has(action.id);
    seen.add(action.id);
    return [
      ...(isSecond ? [twice] : []),
      ...placeFaults(each, draft, judges.findType(action.type)),
      ...textFaults(each, draft, judges),
    ];
  });
}

type Placed = ReturnType<typeof placed>[number];

/** Whether there is such a type, and whether it may stand here and works on what the template is for. */
function placeFaults(
  { section, pointer: at }: Placed,
  draft: Draft,
  type?: KnownType,
): CodedFault[] {
  const pointer = `${at}/type`;
  if (type === undefined)
    return [
      {
        pointer,
        code: "unknown-action-type",
        detail: "is no type of action. GET /api/v1/provisioning/action-types lists them",
      },
    ];
  const faults: CodedFault[] = [];
  if (sectionIds.includes(section) && !type.sections.includes(section))
    faults.push({
      pointer,
      code: "misplaced-action",
      detail: `may stand in ${type.sections.join(", ")}`,
    });
  if (!type.platforms.some((platform) => draft.platforms.includes(platform)))
    faults.push({ pointer, code: "no-platform", detail: worksOn(type, draft) });
  return faults;
}

const worksOn = ({ platforms }: KnownType, draft: Draft): string =>
  `works on ${platforms.join(", ") || "nothing that a run reaches"}, and the template is for ${draft.platforms.join(", ")}`;

/** Variables of an action, and what it says with their values. */
function textFaults(
  { action, pointer }: Placed,
  draft: Draft,
  { findType, condition }: Judges,
): CodedFault[] {
  const { own, given } = ownValues(draft);
  const { variables = {}, parameters, when } = action;
  const resolved = resolve([own, variables], given, Object.keys(variables));
  const ofAction = resolved.faults.filter(({ name }) => Object.hasOwn(variables, name));
  const type = findType(action.type);
  return [
    ...faultsBelow({ ...resolved, faults: ofAction }, (name) => `${pointer}/variables/${name}`),
    ...judged(parameters, type?.parameters, resolved, {
      at: `${pointer}/parameters`,
      code: "invalid-parameter",
    }),
    ...(when === undefined
      ? []
      : judged(when, condition, resolved, { at: `${pointer}/when`, code: "invalid-condition" })),
  ];
}

/** A value with what is known of its variables, by its schema; of what is open nothing is said. */
function judged(
  value: unknown,
  schema: z.ZodType | undefined,
  { valueOf }: Resolved,
  { at, code }: { readonly at: string; readonly code: string },
): CodedFault[] {
  const { value: known, open: waiting, faults } = filledIn(value, valueOf);
  const refused = schema?.safeParse(known);
  const found = refused?.error === undefined ? [] : faultsOf(refused.error);
  const isOpen = (pointer: string): boolean =>
    [...waiting].some((each) => each === pointer || each.startsWith(`${pointer}/`));
  return [
    ...faults,
    ...found.filter(({ pointer }) => !isOpen(pointer)).map((fault) => ({ ...fault, code })),
  ].map((fault) => ({ ...fault, pointer: at + fault.pointer }));
}
