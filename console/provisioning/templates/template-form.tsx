/** A template as fields: what it is for, its variables, and the actions of its five sections in their order. */
import type { CallInput, Problem } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { Ticks } from "../../page/filters.tsx";
import { faultAt } from "../../page/values/field-rows.tsx";
import { ValueField } from "../../page/values/value-field.tsx";
import { useText } from "../text.ts";
import { Fault, SectionFields } from "./section-fields.tsx";
import { type OnTwice, VariableFields } from "./variable-fields.tsx";

/** A template as the API takes it. */
export type Draft = CallInput<"POST /api/v1/templates">["body"];

/** What fields work on. */
export type FormProps = {
  draft: Draft;
  problem: Problem | undefined;
  /** `isMoved`: things stand elsewhere now, and faults do not tell of their places any more. */
  onChange: (draft: Draft, isMoved?: boolean) => void;
  /** While it is told so the draft lacks a variable, and cannot be kept. */
  onTwice: OnTwice;
};

type Shape = Readonly<Record<string, unknown>>;
const isObject = (value: unknown = {}): value is Shape =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isEach = (value: unknown = [], is: (each: Shape) => boolean): boolean =>
  Array.isArray(value) && value.every((each) => isObject(each) && is(each));

/** Either of a condition's lists, where it has one. */
const isWhen = (when: unknown): boolean =>
  ["all", "any"].every((joint) => isEach((when as Shape | undefined)?.[joint], () => true));

/** Whether fields can show it; what is wrong with it besides, the API says. */
export const isDraft = (value: unknown): value is Draft =>
  isObject(value) &&
  Object.values(value["variables"] ?? {}).every(isObject) &&
  Array.isArray(value["platforms"] ?? []) &&
  Array.isArray(value["sections"]) &&
  isEach(value["sections"], ({ actions }) =>
    isEach(
      actions,
      ({ type, parameters, retry, variables, when }) =>
        typeof type === "string" &&
        [parameters, retry, variables, when].every(isObject) &&
        isWhen(when),
    ),
  );

/** Platforms have no other names than these. */
const platforms = [
  ["windows", "Windows"],
  ["macOS", "macOS"],
  ["iOS", "iOS"],
  ["android", "Android"],
] as const;

export function TemplateForm({ draft, problem, onChange, onTwice }: FormProps) {
  const t = useText();
  const { platforms: chosen = ["windows"] } = draft;
  const { body } = useRead("GET /api/v1/provisioning/action-types", {});
  const field = (of: "name" | "description", maxLength: number) => (
    <ValueField
      label={t(`provisioning.${of}`)}
      schema={{ type: "string", maxLength }}
      value={draft[of]}
      isRequired={of === "name"}
      fault={faultAt(problem, `/${of}`)}
      onChange={(value) => onChange({ ...draft, [of]: value })}
    />
  );
  return (
    <>
      {field("name", 100)}
      {field("description", 1000)}
      <section>
        <h3>{t("provisioning.platforms")}</h3>
        <Ticks
          label={t("provisioning.platforms")}
          known={platforms}
          value={chosen}
          onChange={(some) => onChange({ ...draft, platforms: some })}
        />
        <Fault of={faultAt(problem, "/platforms")} />
      </section>
      <VariableFields
        isDescribed
        label={t("provisioning.variables")}
        variables={draft.variables ?? {}}
        {...{ problem, onTwice }}
        at="/variables"
        onChange={(variables, isMoved) =>
          onChange({ ...draft, variables: variables as Draft["variables"] }, isMoved)
        }
      />
      {body?.sections.map((section) => (
        <SectionFields
          key={section.id}
          section={section}
          catalogue={body}
          {...{ draft, problem, onChange, onTwice }}
        />
      ))}
    </>
  );
}
