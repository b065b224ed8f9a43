/** A few rows of fields, each a thing of its own: added, taken away, and with the API's faults at the fields they are about. */
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
import type { Problem } from "../../../clients/api.ts";
import { useSharedText } from "../../text/text.ts";

/** Texts of a row by the names of its fields. */
export type FieldRow = Readonly<Record<string, string>>;

type Column = {
  readonly name: string;
  readonly label: string;
  readonly isDay?: boolean;
  /** It may have several lines. */
  readonly isLong?: boolean;
  /** What may be chosen, in this row; nothing else may be typed then. */
  readonly values?: Values | ((row: FieldRow) => Values);
  /** How it is written, in this row; undefined: anyhow. */
  readonly example?: (row: FieldRow) => string | undefined;
  /** It says nothing in this row, and is not there. */
  readonly isOut?: (row: FieldRow) => boolean;
  /** Others of the row that follow from what is chosen. */
  readonly follows?: (value: string, row: FieldRow) => FieldRow;
};
type Values = readonly (readonly [string, string])[];

const useStyles = makeStyles({
  row: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "start",
    gap: tokens.spacingHorizontalS,
    margin: `0 0 ${tokens.spacingVerticalS}`,
    padding: tokens.spacingHorizontalS,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    minWidth: 0,
  },
  field: {
    flexGrow: 1,
    flexBasis: "180px",
    minWidth: 0,
    "& > *": { minWidth: 0 },
    "& select": { minWidth: 0, width: "100%", textOverflow: "ellipsis" },
  },
});

/** What the API said is wrong at a place, or beneath it; undefined where it said nothing of it. */
export const faultAt = (problem: Problem | undefined, pointer: string): string | undefined =>
  problem?.errors
    ?.filter((fault) => `${fault.pointer}/`.startsWith(`${pointer}/`))
    .map(({ detail }) => detail)
    .join(" ") || undefined;

/** The JSON that a text is, or the text itself where it is none: what is typed without quotes is a text too. */
export function valueOf(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A value as somebody would type it; nothing for none. */
export const textOfValue = (value: unknown): string =>
  value === undefined
    ? ""
    : typeof value === "string" && value !== "" && valueOf(value) === value
      ? value
      : JSON.stringify(value);

const valuesOf = ({ values = [] }: Column, row: FieldRow): Values =>
  typeof values === "function" ? values(row) : values;

/** A row as it begins: with the first of what may be chosen, and what follows from that. */
const blankOf = (columns: readonly Column[]): FieldRow =>
  columns.reduce<FieldRow>((row, column) => {
    const first = row[column.name] ?? valuesOf(column, row)[0]?.[0] ?? "";
    return { ...row, [column.name]: first, ...column.follows?.(first, row) };
  }, {});

/** The rows. `at`: where they stand in what is sent, for the faults; by its number where each stands elsewhere. */
export function FieldRows(props: {
  label: string;
  columns: readonly Column[];
  value: readonly FieldRow[];
  onChange: (rows: readonly FieldRow[]) => void;
  problem?: Problem | undefined;
  at: string | ((nth: number) => string);
  /** What is wrong with a field before anything is sent, in words. */
  fault?: (nth: number, name: string) => string | undefined;
}) {
  const { label, columns, value: rows, onChange, problem, at, fault } = props;
  const t = useSharedText();
  const styles = useStyles();
  const put = (nth: number, changed: FieldRow) =>
    onChange(rows.map((row, place) => (place === nth ? { ...row, ...changed } : row)));
  const wrongAt = (nth: number, name: string) => {
    const place = typeof at === "string" ? `${at}/${nth}` : at(nth);
    const ofApi = faultAt(problem, `${place}/${name}`);
    return fault?.(nth, name) ?? (ofApi && t.said(ofApi));
  };
  return (
    <div role="group" aria-label={label}>
      <h3>{label}</h3>
      {rows.map((row, nth) => (
        <div key={nth} role="group" aria-label={`${label} ${nth + 1}`} className={styles.row}>
          {columns
            .filter(({ isOut }) => !isOut?.(row))
            .map((column) => (
              <RowField
                key={column.name}
                {...{ column, row }}
                wrong={wrongAt(nth, column.name)}
                onChange={(changed) => put(nth, changed)}
              />
            ))}
          <Button
            appearance="subtle"
            icon={<DeleteRegular />}
            aria-label={t("shared.removeRow", { name: `${label} ${nth + 1}` })}
            onClick={() => onChange(rows.filter((_, place) => place !== nth))}
          />
        </div>
      ))}
      <Button icon={<AddRegular />} onClick={() => onChange([...rows, blankOf(columns)])}>
        {t("shared.addRow")}
      </Button>
    </div>
  );
}

function RowField(props: {
  column: Column;
  row: FieldRow;
  wrong: string | undefined;
  onChange: (changed: FieldRow) => void;
}) {
  const { column, row, wrong, onChange } = props;
  const { name, label, isDay, isLong, example, follows } = column;
  const value = row[name] ?? "";
  const values = valuesOf(column, row);
  const change = (_event: unknown, { value: to }: { readonly value: string }) =>
    onChange({ [name]: to, ...follows?.(to, row) });
  return (
    <Field label={label} className={useStyles().field} {...(wrong && { validationMessage: wrong })}>
      {values.length > 0 ? (
        <Select value={value} onChange={change}>
          {[...values, ...missing(values, value)].map(([each, words]) => (
            <option key={each} value={each}>
              {words}
            </option>
          ))}
        </Select>
      ) : isLong ? (
        <Textarea value={value} onChange={change} />
      ) : (
        <Input
          value={value}
          type={isDay ? "date" : "text"}
          placeholder={example?.(row)}
          onChange={change}
        />
      )}
    </Field>
  );
}

/** What a row has that is none of the values: it stays until somebody chooses another one. */
const missing = (values: Values, has: string): Values =>
  has === "" || values.some(([value]) => value === has) ? [] : [[has, has]];
