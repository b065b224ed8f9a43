/** Files to keep: what the API gives in another form, and what a page has made of what it shows. */
import { ArrowDownloadRegular } from "@fluentui/react-icons";
import { type ComponentProps, useState } from "react";
import type { AlsoOf, CallName, Problem, Refused } from "../../clients/api.ts";
import { useConnection } from "../api/connection.tsx";
import type { GivenTo } from "../api/intention.ts";
import { MayButton } from "./may-button.tsx";
import { ProblemView } from "./problem-view.tsx";

/** As long as the browser may take to begin. */
const keptMs = 60_000;

/** Saves a content under a name, as the browser does with any download. */
export function saveFile(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), keptMs);
}

type Downloaded = Promise<{ readonly ok: true; readonly response: Response } | Refused>;

/** A button that saves what a call answers in another form; where it does not, it says why. */
export function Download<N extends CallName>(
  props: Pick<ComponentProps<typeof MayButton>, "appearance" | "children"> & {
    call: N;
    type: AlsoOf<N>;
    given: GivenTo<N>;
    /** What the file is called. */
    name: string;
  },
) {
  const { call, type, given, name, ...rest } = props;
  const { api } = useConnection();
  const [problem, setProblem] = useState<Problem>();
  const download = api.download as (call: N, type: AlsoOf<N>, given: GivenTo<N>) => Downloaded;
  const save = async () => {
    const answer = await download(call, type, given);
    setProblem(answer.ok ? undefined : answer.problem);
    if (answer.ok) saveFile(await answer.response.blob(), name);
  };
  return (
    <>
      <MayButton {...rest} icon={<ArrowDownloadRegular />} onClick={() => void save()} />
      {problem && <ProblemView problem={problem} />}
    </>
  );
}
