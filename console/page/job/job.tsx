/** What the pages of all jobs begin with: a sentence that follows the counts, why it failed as a whole, and facts. */
import { Badge, makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useEffect, useRef } from "react";
import { useSharedText } from "../../text/text.ts";
import { announce } from "../announce.tsx";
import { Tabs } from "../look/tabs.tsx";
import { Failure } from "./reason.tsx";

const useStyles = makeStyles({
  sum: { fontSize: tokens.fontSizeBase500, fontWeight: tokens.fontWeightSemibold },
  facts: {
    display: "flex",
    flexWrap: "wrap",
    gap: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalL}`,
    color: tokens.colorNeutralForeground2,
  },
});

/** The head; it says how far the job is at each quarter, and how it ended. */
export function JobHead(props: {
  sentence: string;
  /** How the job was judged, in front of the sentence. */
  verdict?: { readonly id: string; readonly name: string } | undefined;
  final: boolean;
  /** The part that has come to its end, from 0 to 1. */
  share: number;
  failure: { readonly code: string; readonly detail: string } | undefined;
  state: string;
  /** What the state is called. */
  word: string;
  /** Facts about it. */
  children: ReactNode;
}) {
  const { sentence, verdict, final, share, failure, state, word, children } = props;
  const styles = useStyles();
  const quarter = final ? 4 : Math.floor(share * 4);
  const before = useRef(quarter);
  useEffect(() => {
    if (quarter > before.current) announce(sentence);
    before.current = quarter;
  }, [quarter, sentence]);
  return (
    <>
      <div className={styles.sum} data-sum={final ? "final" : "open"} data-verdict={verdict?.id}>
        {verdict !== undefined && `${verdict.name}. `}
        {sentence}
      </div>
      <Failure of={failure} />
      <div className={styles.facts}>
        <Badge appearance="outline" color="informative" data-word={state}>
          {word}
        </Badge>
        {children}
      </div>
    </>
  );
}

/** A tab for each state of what a job consists of, and one for all; with numbers where they are known. */
export function StateTabs<State extends string>(props: {
  all: string;
  states: readonly State[];
  nameOf: (state: State) => string;
  counts: Readonly<Record<State, number>> | undefined;
  chosen: State | undefined;
  onChoose: (state: State | undefined) => void;
}) {
  const { all, states, nameOf, counts, chosen, onChoose } = props;
  const t = useSharedText();
  const countOf = (each: State) => (counts === undefined ? "" : ` (${t.number(counts[each])})`);
  return (
    <Tabs<State | "all">
      value={chosen ?? "all"}
      values={[
        ["all", all],
        ...states.map((each) => [each, nameOf(each) + countOf(each)] as const),
      ]}
      onChange={(value) => onChoose(value === "all" ? undefined : value)}
    />
  );
}
