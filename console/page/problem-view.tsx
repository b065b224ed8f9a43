/** A problem as people need it: what happened, what support asks for, a copy of all of it, and another try. */
import {
  Button,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import { ArrowClockwiseRegular } from "@fluentui/react-icons";
import { useEffect, useState } from "react";
import type { Problem } from "../../clients/api.ts";
import { useSharedText } from "../text/text.ts";
import { CopyButton } from "./copy-button.tsx";

const useStyles = makeStyles({
  root: { whiteSpace: "normal" },
  facts: {
    display: "grid",
    gridTemplateColumns: "max-content 1fr",
    gap: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
    margin: `${tokens.spacingVerticalS} 0 0`,
    "& dt": { color: tokens.colorNeutralForeground2 },
    "& dd": { margin: 0, overflowWrap: "anywhere", fontFamily: tokens.fontFamilyMonospace },
  },
  faults: { margin: `${tokens.spacingVerticalS} 0 0`, paddingLeft: tokens.spacingHorizontalL },
});

/** The request's id, without what says that it is one. */
const requestIdOf = ({ instance }: Problem): string => instance.replace("urn:request:", "");

/** All of a problem in one text. */
const textOf = (problem: Problem, placeOf: (pointer: string) => string): string =>
  [
    `${problem.code} (${problem.status}): ${problem.title}`,
    problem.detail,
    ...(problem.errors ?? []).map(({ pointer, detail }) => `${placeOf(pointer)}: ${detail}`),
    requestIdOf(problem),
    location.href,
    new Date().toISOString(),
  ].join("\n");

/** Counts down to a moment that is so many seconds away; starts anew where `from` changes. */
export function useCountdown(seconds: number | undefined, from: unknown): number | undefined {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    if (seconds === undefined) return setLeft(undefined);
    const end = Date.now() + seconds * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((end - Date.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [seconds, from]);
  return left;
}

const asItIs = (pointer: string): string => pointer;

/** Shows a problem, at once to who hears as well. `placeOf`: what a fault's pointer is called here. */
export function ProblemView(props: {
  problem: Problem;
  again?: (() => void) | undefined;
  againInSeconds?: number | undefined;
  placeOf?: ((pointer: string) => string) | undefined;
}) {
  const { problem, again, againInSeconds, placeOf = asItIs } = props;
  const t = useSharedText();
  const styles = useStyles();
  const left = useCountdown(againInSeconds, problem);
  const known = t.named("problems", problem.code);
  const ofCode = known === problem.code ? problem.title : known;
  const title = problem.status === 0 ? t("problem.notReached") : ofCode;
  return (
    <MessageBar intent="error" layout="multiline" className={styles.root} role="alert">
      <MessageBarBody className={styles.root}>
        <MessageBarTitle>{problem.status === 429 ? t("problem.tooMany") : title}</MessageBarTitle>
        {t.said(problem.detail)}
        {left !== undefined && <div>{t("problem.againIn", { seconds: left })}</div>}
        {problem.errors !== undefined && (
          <ul className={styles.faults}>
            {problem.errors.map(({ pointer, detail }) => (
              <li key={`${pointer} ${detail}`}>{`${placeOf(pointer)}: ${t.said(detail)}`}</li>
            ))}
          </ul>
        )}
        <dl className={styles.facts}>
          <dt>{t("problem.code")}</dt>
          <dd>{problem.code}</dd>
          {problem.instance !== "" && (
            <>
              <dt>{t("problem.request")}</dt>
              <dd>{requestIdOf(problem)}</dd>
            </>
          )}
        </dl>
      </MessageBarBody>
      <MessageBarActions>
        {again && (
          <Button icon={<ArrowClockwiseRegular />} onClick={again}>
            {t("shared.retry")}
          </Button>
        )}
        <CopyButton text={() => textOf(problem, placeOf)} />
      </MessageBarActions>
    </MessageBar>
  );
}
