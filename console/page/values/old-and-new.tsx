/** Old and new side by side: a row for each thing that is different. */
import { makeStyles, tokens } from "@fluentui/react-components";

const useStyles = makeStyles({
  table: {
    borderCollapse: "collapse",
    width: "100%",
    tableLayout: "fixed",
    "& th": { textAlign: "start", fontWeight: tokens.fontWeightSemibold },
    "& th, & td": {
      padding: tokens.spacingVerticalXS,
      verticalAlign: "top",
      overflowWrap: "anywhere",
      borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    },
  },
  place: { color: tokens.colorNeutralForeground2 },
  value: { fontFamily: tokens.fontFamilyMonospace, whiteSpace: "pre-wrap" },
});

/** What something was or is; `place`: where it stands. Undefined: it was not, or is not. */
export type Side = { readonly value: unknown; readonly place?: string };

const shown = (value: unknown): string =>
  value === undefined
    ? "\u2014"
    : typeof value === "string"
      ? value
      : JSON.stringify(value, undefined, 1);

/** The table; `heads` are those of the name, of the old and of the new. */
export function OldAndNew(props: {
  label: string;
  heads: readonly [string, string, string];
  rows: readonly {
    readonly id: string;
    readonly name: string;
    readonly sides: readonly [Side, Side];
  }[];
}) {
  const { label, heads, rows } = props;
  const styles = useStyles();
  return (
    <table className={styles.table} aria-label={label}>
      <thead>
        <tr>
          {heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ id, name, sides }) => (
          <tr key={id} data-different={id}>
            <th scope="row">{name}</th>
            {sides.map(({ value, place }, index) => (
              // oxlint-disable-next-line react/no-array-index-key -- the old one, and the new one
              <td key={index}>
                <div className={styles.place}>{place}</div>
                <div className={styles.value}>{shown(value)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
