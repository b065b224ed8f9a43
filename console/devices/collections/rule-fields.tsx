/**
 * A rule as fields: conditions, of which all or any must hold. A rule with joints inside joints came over the API; it is
 * shown as it is, and not taken apart.
 */
import {
  Button,
  Field,
  Input,
  makeStyles,
  Select,
  Textarea,
  tokens,
} from "@fluentui/react-components";
import { AddRegular, DeleteRegular } from "@fluentui/react-icons";
import type { Rule } from "../../../shared/devices/collections/collection.ts";
import { RadioField } from "../../page/values/fields.tsx";
import { type Text, useText } from "../text.ts";

type Condition = Extract<Rule, { readonly property: string }>;
type Property = Condition["property"];

const choice = ["equals", "notEquals", "in"] as const;
/** What can be said of each property. */
const operators: Readonly<Record<Property, readonly Condition["operator"][]>> = {
  text: ["contains"],
  deviceName: ["startsWith", "equals"],
  operatingSystem: choice,
  complianceState: choice,
  managementAgent: choice,
  groupTag: ["equals", "startsWith", "in", "isMissing"],
  lastSyncDateTime: ["olderThan", "newerThan", "before", "after"],
};
const properties = Object.keys(operators) as Property[];

const useStyles = makeStyles({
  root: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalS },
  line: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS, alignItems: "center" },
  field: { flexGrow: 1, flexBasis: "140px", minWidth: 0 },
});

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
function conditionOf(property: Property, operator: string, text: string): Condition {
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

const hintOf = ({ operator }: Condition, t: Text): string | undefined => {
  if (operator === "in") return t("devices.rule.inHint");
  if (operator === "olderThan" || operator === "newerThan") return t("devices.rule.durationHint");
  return operator === "before" || operator === "after" ? t("devices.rule.instantHint") : undefined;
};

export function RuleFields({ rule, onChange }: { rule: Rule; onChange: (rule: Rule) => void }) {
  const t = useText();
  const styles = useStyles();
  const parts = flat(rule);
  if (parts === undefined)
    return (
      <Field label={t("devices.rule.asIs")}>
        <Textarea readOnly rows={8} value={JSON.stringify(rule, undefined, 2)} />
      </Field>
    );
  const { joint, conditions } = parts;
  const replace = (at: number, condition: Condition | undefined) =>
    onChange(
      joined(
        joint,
        conditions.flatMap((each, index) => (index === at ? (condition ?? []) : each)),
      ),
    );
  return (
    <div className={styles.root} role="group" aria-label={t("devices.rule")}>
      <RadioField
        isBare
        label={t("devices.rule.joint")}
        value={joint}
        values={(["and", "or"] as const).map((each) => [each, t(`devices.rule.${each}`)])}
        onChange={(value) => onChange(joined(value, conditions))}
      />
      {conditions.map((condition, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- a condition has no name but its place
        <Line
          key={at}
          number={at + 1}
          condition={condition}
          onChange={(next) => replace(at, next)}
        />
      ))}
      <div>
        <Button
          icon={<AddRegular />}
          onClick={() =>
            onChange(joined(joint, [...conditions, conditionOf("operatingSystem", "equals", "")]))
          }
        >
          {t("devices.rule.add")}
        </Button>
      </div>
    </div>
  );
}

function Line(props: {
  number: number;
  condition: Condition;
  onChange: (condition: Condition | undefined) => void;
}) {
  const { number, condition, onChange } = props;
  const { property, operator } = condition;
  const t = useText();
  const styles = useStyles();
  const value = valueText(condition);
  return (
    <div className={styles.line} role="group" aria-label={t("devices.rule.condition", { number })}>
      <Select
        className={styles.field}
        aria-label={t("devices.rule.property")}
        value={property}
        onChange={(_event, data) => {
          const next = data.value as Property;
          const [first] = operators[next];
          onChange(conditionOf(next, first ?? "equals", next === "lastSyncDateTime" ? "P7D" : ""));
        }}
      >
        {properties.map((each) => (
          <option key={each} value={each}>
            {t(`devices.rule.${each}`)}
          </option>
        ))}
      </Select>
      <Select
        className={styles.field}
        aria-label={t("devices.rule.operator")}
        value={operator}
        onChange={(_event, data) => onChange(conditionOf(property, data.value, value))}
      >
        {operators[property].map((each) => (
          <option key={each} value={each}>
            {t(`devices.rule.${each}`)}
          </option>
        ))}
      </Select>
      {operator !== "isMissing" && (
        <Input
          className={styles.field}
          aria-label={t("devices.rule.value")}
          placeholder={hintOf(condition, t)}
          value={value}
          onChange={(_event, data) => onChange(conditionOf(property, operator, data.value))}
        />
      )}
      <Button
        appearance="subtle"
        aria-label={t("devices.rule.remove", { number })}
        icon={<DeleteRegular />}
        onClick={() => onChange(undefined)}
      />
    </div>
  );
}
