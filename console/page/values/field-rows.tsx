/** A few rows of fields, each a thing of its own: added, taken away, and with the API's faults at the fields they are about. */
import { Button, Field, Input, makeStyles, Select, tokens } from "@fluentui/react-components";
import { AddRegular, DeleteRegular } from "@fluentui/react-icons";
import type { Problem } from "../../../clients/api.ts";
import { useSaid } from "../../api/names.ts";
import { useSharedText } from "../../text/text.ts";

/** Texts of a row by the names of its fields. */
export type FieldRow = Readonly<Record<string, string>>;

type Column = {
  readonly name: string;
  readonly label: string;
  readonly isDay?: boolean;
  /** What may be chosen; nothing else may be typed then. */
  readonly values?: readonly (readonly [string, string])[];
  /** Others of the row that follow from what is chosen. */
  readonly follows?: (value: string) => FieldRow;
};

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

/** The rows. `at`: where they stand in what is sent, for the faults; by its number where each stands elsewhere. */
export function FieldRows(props: {
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly FieldRow[];
  readonly onChange: (rows: readonly FieldRow[]) => void;
  readonly problem?: Problem | undefined;
  readonly at: string | ((nth: number) => string);
}) {
  const { label, columns, rows, onChange, problem, at } = props;
  const t = useSharedText();
  const said = useSaid();
  const styles = useStyles();
  const put = (nth: number, changed: FieldRow) =>
    onChange(rows.map((row, place) => (place === nth ? { ...row, ...changed } : row)));
  const firsts = columns.map(({ name, values }) => [name, values?.[0]?.[0] ?? ""] as const);
  const follow = columns.map(({ values, follows }) => follows?.(values?.[0]?.[0] ?? ""));
  const blank: FieldRow = Object.assign({}, Object.fromEntries(firsts), ...follow);
  return (
    <div role="group" aria-label={label}>
      <h3>{label}</h3>
      {rows.map((row, nth) => (
        <div key={nth} role="group" aria-label={`${label} ${nth + 1}`} className={styles.row}>
          {columns.map(({ name, label: of, isDay, values, follows }) => {
            const place = typeof at === "string" ? `${at}/${nth}` : at(nth);
            const fault = faultAt(problem, `${place}/${name}`);
            const change = (value: string) => put(nth, { [name]: value, ...follows?.(value) });
            return (
              <Field
                key={name}
                label={of}
                className={styles.field}
                {...(fault && { validationMessage: said(fault) })}
              >
                {values && values.length > 0 ? (
                  <Select value={row[name] ?? ""} onChange={(_event, { value }) => change(value)}>
                    {[...values, ...missing(values, row[name])].map(([value, words]) => (
                      <option key={value} value={value}>
                        {words}
                      </option>
                    ))}
                  </Select>
                ) : (
                  <Input
                    value={row[name] ?? ""}
                    type={isDay ? "date" : "text"}
                    onChange={(_event, { value }) => change(value)}
                  />
                )}
              </Field>
            );
          })}
          <Button
            appearance="subtle"
            icon={<DeleteRegular />}
            aria-label={t("shared.removeRow", { name: `${label} ${nth + 1}` })}
            onClick={() => onChange(rows.filter((_, place) => place !== nth))}
          />
        </div>
      ))}
      <Button icon={<AddRegular />} onClick={() => onChange([...rows, blank])}>
        {t("shared.addRow")}
      </Button>
    </div>
  );
}

/** What a row has that is none of the values: it stays until somebody chooses another one. */
const missing = (
  values: readonly (readonly [string, string])[],
  has: string | undefined,
): (readonly [string, string])[] =>
  has === undefined || has === "" || values.some(([value]) => value === has) ? [] : [[has, has]];
