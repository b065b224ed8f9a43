/** Things beside each other, on a next line where there is no room; and things as a list. */
import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  line: { display: "flex", flexWrap: "wrap" },
  small: { gap: tokens.spacingHorizontalS },
  medium: { gap: tokens.spacingHorizontalM },
  large: { gap: tokens.spacingHorizontalL },
  center: { alignItems: "center" },
  end: { alignItems: "end" },
  normal: { alignItems: "normal" },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalL, overflowWrap: "anywhere" },
});

/** A line, with so much between. */
export function Line(props: {
  gap?: "small" | "medium" | "large";
  align?: "center" | "end" | "normal";
  children: ReactNode;
}) {
  const { gap = "medium", align = "center", children } = props;
  const styles = useStyles();
  return <div className={mergeClasses(styles.line, styles[gap], styles[align])}>{children}</div>;
}

/** A list, close to what it belongs to. */
export const List = (props: { label?: string; children: ReactNode }) => (
  <ul className={useStyles().list} aria-label={props.label}>
    {props.children}
  </ul>
);
