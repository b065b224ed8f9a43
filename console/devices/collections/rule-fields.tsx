/**
 * A rule as fields: conditions, of which all or any must hold. A rule with joints inside joints came over the API; it is
 * shown as it is, and not taken apart.
 */
import { Field, Textarea } from "@fluentui/react-components";
import type { Rule } from "../../../shared/devices/collections/collection.ts";
import { type FieldRow, FieldRows } from "../../page/values/field-rows.tsx";
import { RadioField } from "../../page/values/fields.tsx";
import { type Text, useText } from "../text.ts";

type Condition = Extract<Rule, { readonly property: string }>;
type Property = Condition["property"];

const choice = ["equals", "notEquals", "in"] as const;
/** What can be said of each property. */
const operators: Readonly<Record<Property, readonly Condition["operator"][]>> = {
  operatingSystem: choice,
  text: ["contains"],
  deviceName: ["startsWith", "equals"],
  complianceState: choice,
  managementAgent: choice,
  groupTag: ["equals", "startsWith", "in", "isMissing"],
  lastSyncDateTime: ["olderThan", "newerThan", "before", "after"],
};
const properties = Object.keys(operators) as Property[];

/** A rule's conditions and how they are joined; undefined where it is not that simple. */
function flat(rule: Rule): { joint: "and" | "or"; conditions: readonly Condition[] } | undefined {
  if ("property" in rule) return { joint: "and", conditions: [rule] };
  if ("not" in rule) return undefined;
  const [joint, parts] = "and" in rule ? (["and", rule.and] as const) : (["or", rule.or] as const);
  const conditions = parts.filter((part) => "property" in part);
  return conditions.length === parts.length ? { joint, conditions } : undefined;
}

const joined = (joint: "and" | "or", conditions: readonly Condition[]): Rule =>
  joint === "and" ? { and: conditions } : { or: conditions };

const valueText = (condition: Condition): string => {
  const value = "value" in condition ? condition.value : "";
  return typeof value === "string" ? value : value.join(", ");
};

/** A condition of parts; what the parts allow together is the list of operators, and the server judges the rest. */
function conditionOf({ property, operator, value: text = "" }: FieldRow): Condition {
  if (operator === "isMissing") return { property, operator } as Condition;
  const value = operator === "in" ? text.split(",").map((each) => each.trim()) : text;
  return { property, operator, value } as Condition;
}

/** Whether it says enough to be asked. */
export const isWhole = (rule: Rule): boolean => {
  const parts = flat(rule)?.conditions;
  if (parts === undefined) return true;
  return (
    parts.length > 0 &&
    parts.every((part) => part.operator === "isMissing" || valueText(part).trim() !== "")
  );
};

const exampleOf = (operator: string | undefined, t: Text): string | undefined => {
  if (operator === "in") return t("devices.rule.inHint");
  if (operator === "olderThan" || operator === "newerThan") return t("devices.rule.durationHint");
  return operator === "before" || operator === "after" ? t("devices.rule.instantHint") : undefined;
};

export function RuleFields(props: { rule: Rule; onChange: (rule: Rule) => void }) {
  const { rule, onChange } = props;
  const t = useText();
  const parts = flat(rule);
  if (parts === undefined)
    return (
      <Field label={t("devices.rule.asIs")}>
        <Textarea readOnly rows={8} value={JSON.stringify(rule, undefined, 2)} />
      </Field>
    );
  const { joint, conditions } = parts;
  const named = <Id extends Property | Condition["operator"]>(ids: readonly Id[]) =>
    ids.map((id) => [id, t(`devices.rule.${id}`)] as const);
  return (
    <>
      <RadioField
        isBare
        label={t("devices.rule.joint")}
        value={joint}
        values={(["and", "or"] as const).map((each) => [each, t(`devices.rule.${each}`)])}
        onChange={(value) => onChange(joined(value, conditions))}
      />
      <FieldRows
        label={t("devices.rule")}
        at="/rule"
        columns={[
          {
            name: "property",
            label: t("devices.rule.property"),
            values: named(properties),
            follows: (property) => ({
              operator: operators[property as Property][0] ?? "",
              value: property === "lastSyncDateTime" ? "P7D" : "",
            }),
          },
          {
            name: "operator",
            label: t("devices.rule.operator"),
            values: ({ property }) => named(operators[property as Property]),
          },
          {
            name: "value",
            label: t("devices.rule.value"),
            example: ({ operator }) => exampleOf(operator, t),
            isOut: ({ operator }) => operator === "isMissing",
          },
        ]}
        value={conditions.map((each) => ({ ...each, value: valueText(each) }))}
        onChange={(rows) => onChange(joined(joint, rows.map(conditionOf)))}
      />
    </>
  );
}
