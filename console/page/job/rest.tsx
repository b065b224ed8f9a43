/** Lets a job rest, or go on where it rests. */
import { PauseRegular, PlayRegular } from "@fluentui/react-icons";
import type { ComponentProps } from "react";
import type { Sending } from "../../api/send.ts";
import { useSharedText } from "../../text/text.ts";
import { MayButton } from "../may-button.tsx";
import { ProblemView } from "../problem-view.tsx";

type Takes = Pick<ComponentProps<typeof MayButton>, "permission" | "tenantId" | "why">;
type Call<Params> = Pick<Sending<never>, "isSending" | "problem"> & {
  readonly send: (given: { readonly params: Params }) => unknown;
};

/** The button; none where the job neither runs nor rests. What resuming takes may be another thing than what pausing takes. */
export function Rest<Params>(props: {
  readonly state: string;
  readonly params: Params;
  readonly pause: Call<Params>;
  readonly resume: Call<Params>;
  readonly takes: Takes;
  readonly resumeTakes?: Takes;
  /** States in which it runs. */
  readonly runs?: readonly string[];
}) {
  const { state, params, takes, resumeTakes = takes, runs = ["running"] } = props;
  const t = useSharedText();
  const rests = state === "paused";
  const call = rests ? props.resume : props.pause;
  const problem = props.pause.problem ?? props.resume.problem;
  return (
    <>
      {(rests || runs.includes(state)) && (
        <MayButton
          {...(rests ? resumeTakes : takes)}
          icon={rests ? <PlayRegular /> : <PauseRegular />}
          isBusy={call.isSending}
          onClick={() => void call.send({ params })}
        >
          {t(rests ? "shared.resume" : "shared.pause")}
        </MayButton>
      )}
      {problem && <ProblemView problem={problem} />}
    </>
  );
}
