/** Old and new side by side, property by property. */
import { makeStyles, tokens } from "@fluentui/react-components";
import { useText } from "../text.ts";
import type { Plan } from "./verdict-window.tsx";

type Change = Plan["changes"][number];

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
  value: { fontFamily: tokens.fontFamilyMonospace, whiteSpace: "pre-wrap" },
});

const shown = (value: unknown): string =>
  value === undefined
    ? "\u2014"
    : typeof value === "string"
      ? value
      : JSON.stringify(value, undefined, 1);

/** Old and new, property by property. */
export function Properties({ change }: { readonly change: Pick<Change, "properties" | "name"> }) {
  const t = useText();
  const styles = useStyles();
  return (
    <table className={styles.table} aria-label={t("sync.propertiesOf", { name: change.name })}>
      <thead>
        <tr>
          <th scope="col">{t("sync.property")}</th>
          <th scope="col">{t("sync.old")}</th>
          <th scope="col">{t("sync.new")}</th>
        </tr>
      </thead>
      <tbody>
        {change.properties.map(({ pointer, before, after }) => (
          <tr key={pointer}>
            <td>{pointer}</td>
            <td className={styles.value}>{shown(before)}</td>
            <td className={styles.value}>{shown(after)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
