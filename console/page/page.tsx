/** A page of the console: its name, what can be done with it as a whole, and its content. Links between pages, and facts. */
import {
  Link as FluentLink,
  makeStyles,
  mergeClasses,
  Title2,
  Toolbar,
  tokens,
} from "@fluentui/react-components";
import { useLinkProps, useRouter } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Place } from "./screen.ts";

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalM,
    padding: `${tokens.spacingVerticalL} ${tokens.spacingHorizontalXXL} ${tokens.spacingVerticalXXXL}`,
    "@media (max-width: 640px)": {
      paddingLeft: tokens.spacingHorizontalM,
      paddingRight: tokens.spacingHorizontalM,
    },
  },
  title: { outlineStyle: "none", overflowWrap: "anywhere" },
  lead: { color: tokens.colorNeutralForeground2, maxWidth: "80ch" },
  bar: {
    flexWrap: "wrap",
    paddingLeft: 0,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    paddingBottom: tokens.spacingVerticalS,
  },
});

/** A page. `bar`: toolbar buttons. The name is where the focus goes when somebody comes here. */
export function PageFrame(props: {
  readonly title: string;
  readonly above?: ReactNode;
  readonly lead?: ReactNode;
  readonly bar?: ReactNode;
  readonly barLabel?: string;
  readonly children: ReactNode;
}) {
  const { title, above, lead, bar, barLabel, children } = props;
  const styles = useStyles();
  return (
    <div className={styles.root}>
      <div>
        {above !== undefined && <div>{above}</div>}
        <Title2 as="h1" tabIndex={-1} className={styles.title}>
          {title}
        </Title2>
        {lead !== undefined && <div className={styles.lead}>{lead}</div>}
      </div>
      {bar !== undefined && (
        <Toolbar aria-label={barLabel ?? title} className={styles.bar}>
          {bar}
        </Toolbar>
      )}
      {children}
    </div>
  );
}

const useLinkStyles = makeStyles({
  // Targets are 24 px high, in a line of text as well (WCAG 2.5.8).
  root: { minHeight: "24px", display: "inline-flex", alignItems: "center", textAlign: "start" },
});

/** A link to a place in the console. */
export function Go(props: {
  readonly to: Place;
  readonly children: ReactNode;
  readonly className?: string;
}) {
  const { to, children, className } = props;
  const link = useLinkProps(to as never);
  return (
    <FluentLink {...(link as object)} className={mergeClasses(useLinkStyles().root, className)}>
      {children}
    </FluentLink>
  );
}

/** Goes to a place in the console. */
export function useGo(): (to: Place) => void {
  const router = useRouter();
  return (to) => void router.navigate(to as never);
}

const useFactStyles = makeStyles({
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
  columns: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fill, minmax(min(260px, 100%), 1fr))",
    gap: tokens.spacingVerticalM,
    margin: 0,
    "& dt": { color: tokens.colorNeutralForeground2 },
    "& dd": { margin: 0, overflowWrap: "anywhere" },
  },
  code: {
    whiteSpace: "pre-wrap",
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
  },
});

/**
 * Facts, values by their names: beside each other where there is room, one beneath the other where there is not. What is not
 * known has no line. `inColumns`: of many short ones, as many beside each other as there is room for.
 */
export function Facts(props: {
  readonly of: Readonly<Record<string, ReactNode>>;
  readonly inColumns?: boolean;
}) {
  const { of, inColumns = false } = props;
  const styles = useFactStyles();
  return (
    <dl className={inColumns ? styles.columns : styles.root}>
      {Object.entries(of)
        .filter(([, value]) => value !== undefined && value !== "" && value !== false)
        .map(([name, value]) => (
          <div key={name} style={inColumns ? {} : { display: "contents" }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** What machines write, as they write it; what is no text, as JSON. */
export function Code({ of }: { readonly of: unknown }) {
  const text = typeof of === "string" ? of : JSON.stringify(of, undefined, 2);
  return <span className={useFactStyles().code}>{text}</span>;
}
