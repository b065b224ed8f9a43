/** Variables as rows of fields: those of a template, and those of one of its actions. */
import { useEffect, useState } from "react";
import type { Problem } from "../../../clients/api.ts";
import {
  type FieldRow,
  FieldRows,
  faultAt,
  textOfValue,
  valueOf,
} from "../../page/values/field-rows.tsx";
import { useText } from "../text.ts";

/** Is told (1) where two variables have one name, and (-1) where they no longer do: the draft lacks the second. */
export type OnTwice = (by: 1 | -1) => void;

/** Whether a row above has its name too. */
const isTwice = (rows: readonly FieldRow[], nth: number): boolean => {
  const name = rows[nth]?.["name"];
  return !!name && rows.findIndex((row) => row["name"] === name) < nth;
};

type Given = { readonly description?: string | undefined; readonly value?: unknown };

/** The rows. They stay as they are typed: two may have one name for a moment, and one none yet. */
export function VariableFields(props: {
  label: string;
  /** What is known of each at first. */
  variables: Readonly<Record<string, Given>>;
  /** Whether each says what it is for; else it is its value alone, also in what is sent. */
  isDescribed?: boolean;
  problem: Problem | undefined;
  at: string;
  onTwice: OnTwice;
  onChange: (variables: Readonly<Record<string, Given>>, isMoved: boolean) => void;
}) {
  const { label, isDescribed = false, problem, at, onTwice, onChange } = props;
  const t = useText();
  const [rows, setRows] = useState<readonly FieldRow[]>(() =>
    Object.entries(props.variables).map(([name, { description = "", value }]) => ({
      name,
      description,
      value: textOfValue(value),
    })),
  );
  const once = rows.filter((_, nth) => !isTwice(rows, nth));
  const isAnyTwice = once.length < rows.length;
  useEffect(() => {
    if (!isAnyTwice) return undefined;
    onTwice(1);
    return () => onTwice(-1);
  }, [isAnyTwice, onTwice]);
  const change = (next: readonly FieldRow[]) => {
    setRows(next);
    const named = next.filter(({ name }, nth) => name && !isTwice(next, nth));
    const variables = named.map(({ name = "", description = "", value = "" }) => {
      return [name, { description, ...(value !== "" && { value: valueOf(value) }) }] as const;
    });
    onChange(Object.fromEntries(variables), next.length < rows.length);
  };
  const placeOf = (nth: number) => `${at}/${rows[nth]?.["name"]}`;
  const faultOf = (nth: number, name: string) => {
    if (name === "name") return isTwice(rows, nth) ? t("provisioning.variableTwice") : undefined;
    const fault = isDescribed ? undefined : faultAt(problem, placeOf(nth));
    return fault && t.said(fault);
  };
  const description = {
    name: "description",
    label: t("provisioning.description"),
    isLong: true,
  } as const;
  return (
    <FieldRows
      label={label}
      columns={[
        { name: "name", label: t("provisioning.name") },
        ...(isDescribed ? [description] : []),
        { name: "value", label: t("provisioning.value") },
      ]}
      value={rows}
      onChange={change}
      problem={problem}
      fault={faultOf}
      at={placeOf}
    />
  );
}
