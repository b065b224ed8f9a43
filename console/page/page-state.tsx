/**
 * What stands in a page's place until it has what it shows, and where it has nothing: loading, failed, not allowed and
 * empty are four different things, and look it. Where something was read before, it stays, and says from when it is.
 */
import {
  Body1,
  Button,
  makeStyles,
  Skeleton,
  SkeletonItem,
  Subtitle1,
  tokens,
} from "@fluentui/react-components";
import { LockClosedRegular } from "@fluentui/react-icons";
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

const useStyles = makeStyles({
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
  const styles = useStyles();
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
  const styles = useStyles();
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
  const styles = useStyles();
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
  const styles = useStyles();
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
  readonly reading: Omit<Reading<Body>, "etag">;
  readonly children: (body: Body) => ReactNode;
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
