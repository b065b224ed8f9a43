/** Facts by name: beside each other where there is room, one beneath the other where there is not. */
import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  root: {
    display: "grid",
    gridTemplateColumns: "fit-content(40%) 1fr",
    alignItems: "baseline",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    margin: 0,
    "@media (max-width: 640px)": { gridTemplateColumns: "minmax(0, 1fr)", rowGap: 0 },
    "& dt": { color: tokens.colorNeutralForeground2 },
    "& dd": {
      margin: 0,
      minWidth: 0,
      overflowWrap: "anywhere",
      "@media (max-width: 640px)": { marginBottom: tokens.spacingVerticalS },
    },
  },
  code: {
    whiteSpace: "pre-wrap",
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
  },
});

/** The list, values by their names; what is not known has no line. */
export function Facts(props: { readonly of: Readonly<Record<string, ReactNode>> }) {
  return (
    <dl className={useStyles().root}>
      {Object.entries(props.of)
        .filter(([, value]) => value !== undefined && value !== "" && value !== false)
        .map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** What machines write, as they write it. */
export function Code(props: { readonly children: string }) {
  return <span className={useStyles().code}>{props.children}</span>;
}
