/**
 * A page of the console: its name, what can be done with it as a whole, and its content; links between pages, and facts. And
 * what stands in its place until it has what it shows, and where it has nothing: loading, failed, not allowed and empty are
 * four different things, and look it. Where something was read before, it stays, and says from when it is.
 */
import {
  Body1,
  Button,
  Link as FluentLink,
  makeStyles,
  mergeClasses,
  Skeleton,
  SkeletonItem,
  Subtitle1,
  Title2,
  Toolbar,
  tokens,
} from "@fluentui/react-components";
import { LockClosedRegular } from "@fluentui/react-icons";
import { useLinkProps, useRouter } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import type { Problem } from "../../clients/api.ts";
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useNeeds } from "../api/names.ts";
import type { Reading } from "../api/read.ts";
import { useSharedText } from "../text/text.ts";
import { announce } from "./announce.tsx";
import { CopyButton } from "./copy-button.tsx";
import { Note } from "./look/note.tsx";
import { ProblemView, useCountdown } from "./problem-view.tsx";
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
  title: string;
  above?: ReactNode;
  lead?: ReactNode;
  bar?: ReactNode;
  barLabel?: string;
  children: ReactNode;
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
export function Go(props: { to: Place; children: ReactNode; className?: string }) {
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
export function Facts(props: { of: Readonly<Record<string, ReactNode>>; inColumns?: boolean }) {
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
export function Code({ of }: { of: unknown }) {
  const text = typeof of === "string" ? of : JSON.stringify(of, undefined, 2);
  return <span className={useFactStyles().code}>{text}</span>;
}

const useStateStyles = makeStyles({
  centre: {
    display: "flex",
    flexDirection: "column",
    alignItems: "center",
    textAlign: "center",
    gap: tokens.spacingVerticalM,
    padding: `${tokens.spacingVerticalXXXL} ${tokens.spacingHorizontalL}`,
    color: tokens.colorNeutralForeground2,
  },
  icon: { fontSize: "48px", color: tokens.colorNeutralForeground3 },
  text: { maxWidth: "60ch", overflowWrap: "anywhere" },
  skeleton: { display: "grid", gap: tokens.spacingVerticalL, padding: tokens.spacingVerticalL },
  stale: { marginBottom: tokens.spacingVerticalM },
});

/** Before this nothing is shown: what comes at once needs no skeleton that flashes. */
const skeletonAfterMs = 300;

/** Something is being read for the first time. */
export function Waiting() {
  const t = useSharedText();
  const styles = useStateStyles();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), skeletonAfterMs);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return <div aria-busy="true" />;
  return (
    <Skeleton aria-label={t("state.loading")} className={styles.skeleton}>
      {[100, 92, 96, 88, 94].map((width) => (
        <SkeletonItem key={width} size={24} style={{ width: `${width}%` }} />
      ))}
    </Skeleton>
  );
}

/** There is nothing here: why, and the one thing to do about it. */
export function Empty(props: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  const styles = useStateStyles();
  return (
    <div className={styles.centre} data-state="empty">
      {props.icon && <span className={styles.icon}>{props.icon}</span>}
      <Subtitle1 as="h2">{props.title}</Subtitle1>
      {props.children !== undefined && <Body1 className={styles.text}>{props.children}</Body1>}
      {props.action}
    </div>
  );
}

/** Whoever looks may not: which permission it takes, which roles have it, and whom to ask. */
export function Forbidden(props: { permission?: Permission; problem?: Problem }) {
  const t = useSharedText();
  const styles = useStateStyles();
  const needs = useNeeds();
  const { permission, problem } = props;
  const words = permission === undefined ? t.said(problem?.detail) : needs(permission);
  return (
    <div className={styles.centre} data-state="forbidden">
      <LockClosedRegular className={styles.icon} />
      <Subtitle1 as="h2">{t("state.forbidden")}</Subtitle1>
      <Body1 className={styles.text}>{words}</Body1>
      <Body1 className={styles.text}>{t("state.forbiddenAsk")}</Body1>
      <CopyButton
        text={() => [location.href, words, problem?.instance].filter(Boolean).join("\n")}
      />
    </div>
  );
}

/** What was read before is shown, and could not be read again. */
function Stale(props: { reading: Omit<Reading<unknown>, "etag">; problem: Problem }) {
  const { reading, problem } = props;
  const t = useSharedText();
  const styles = useStateStyles();
  const left = useCountdown(reading.againInSeconds, problem);
  const title =
    problem.status === 429
      ? t("problem.tooMany")
      : t("state.stale", { time: t.time(reading.asOf) });
  const reason =
    problem.status === 0 ? t("problem.notReached") : `${problem.code}: ${t.said(problem.detail)}`;
  useEffect(() => announce(title), [title]);
  return (
    <Note
      intent="warning"
      className={styles.stale}
      data-state="stale"
      title={title}
      actions={<Button onClick={reading.again}>{t("shared.retry")}</Button>}
    >
      {reason} {left !== undefined && t("problem.againIn", { seconds: left })}
    </Note>
  );
}

/** Shows what was read, or why there is nothing to show. */
export function Shown<Body>(props: {
  reading: Omit<Reading<Body>, "etag">;
  children: (body: Body) => ReactNode;
}) {
  const { reading, children } = props;
  const { body, problem } = reading;
  if (problem?.status === 403) return <Forbidden problem={problem} />;
  if (body === undefined) {
    if (problem === undefined) return <Waiting />;
    const { again, againInSeconds } = reading;
    return <ProblemView problem={problem} again={again} againInSeconds={againInSeconds} />;
  }
  return (
    <>
      {problem !== undefined && <Stale reading={reading} problem={problem} />}
      {children(body)}
    </>
  );
}
