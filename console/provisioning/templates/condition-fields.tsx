/** What must hold for an action to be done, as rows of fields. */
import { Radio, RadioGroup } from "@fluentui/react-components";
import { useState } from "react";
import type { Problem } from "../../../clients/api.ts";
import { type FieldRow, FieldRows } from "../../page/values/field-rows.tsx";
import { useText } from "../text.ts";
import type { Action, Catalogue } from "./section-fields.tsx";

type When = NonNullable<Action["when"]>;
type Joint = "all" | "any";
type Test = Extract<When, { readonly property: string }>;
/** Those that have words here. */
const operators = ["equals", "notEquals", "startsWith", "in", "atLeast", "below"] as const;

const testsOf = (when: When | undefined): readonly Test[] =>
  when === undefined ? [] : "any" in when ? when.any : "all" in when ? when.all : [when];

const rowOf = ({ property, operator, value = "" }: Test): FieldRow => ({
  property,
  operator,
  value: [value].flat().join(", "),
});

/** Several values are typed with commas between them. */
const testOf = ({ property = "", operator = "", value = "" }: FieldRow): Test => ({
  property,
  operator,
  value: operator === "in" ? value.split(",").map((each) => each.trim()) : value,
});

/** The fields. The rows stay as they are typed. */
export function ConditionFields(props: {
  when: When | undefined;
  catalogue: Catalogue;
  problem: Problem | undefined;
  at: string;
  onChange: (when: When | undefined, isMoved: boolean) => void;
}) {
  const { when, catalogue, problem, at, onChange } = props;
  const t = useText();
  // What nobody has touched stays as it was: a value may have commas of its own.
  const [given] = useState(() => new Map(testsOf(when).map((test) => [rowOf(test), test])));
  const [rows, setRows] = useState<readonly FieldRow[]>([...given.keys()]);
  const [joint, setJoint] = useState<Joint>(when !== undefined && "any" in when ? "any" : "all");
  const isOne = when !== undefined && "property" in when;
  const allowedFor = (property = "") => {
    const allowed = catalogue.conditions.find(({ id }) => id === property)?.operators;
    return operators.filter((each) => allowed?.includes(each) ?? true);
  };
  const change = (next: readonly FieldRow[], by: Joint) => {
    setRows(next);
    setJoint(by);
    const tests = next.map((row) => given.get(row) ?? testOf(row));
    // One stands by itself: a list of one would be another content.
    const condition = tests.length > 1 ? ({ [by]: tests } as When) : tests[0];
    onChange(condition, next.length < rows.length);
  };
  return (
    <>
      <FieldRows
        label={t("provisioning.when")}
        columns={[
          {
            name: "property",
            label: t("provisioning.property"),
            values: catalogue.conditions.map((each) => [each.id, t.name(each.name)] as const),
            // One that the other property knows too stays chosen.
            follows: (property, { operator = "" }) => {
              const allowed: readonly string[] = allowedFor(property);
              return { operator: allowed.includes(operator) ? operator : (allowed[0] ?? "") };
            },
          },
          {
            name: "operator",
            label: t("provisioning.operator"),
            values: ({ property }) =>
              allowedFor(property).map(
                (each) => [each, t(`provisioning.operator.${each}`)] as const,
              ),
          },
          { name: "value", label: t("provisioning.value") },
        ]}
        value={rows}
        onChange={(next) => change(next, joint)}
        problem={problem}
        at={(nth) => (isOne ? at : `${at}/${joint}/${nth}`)}
      />
      {rows.length > 1 && (
        <RadioGroup
          aria-label={t("provisioning.when")}
          value={joint}
          onChange={(_event, { value }) => change(rows, value as Joint)}
        >
          <Radio value="all" label={t("provisioning.whenAll")} />
          <Radio value="any" label={t("provisioning.whenAny")} />
        </RadioGroup>
      )}
    </>
  );
}
