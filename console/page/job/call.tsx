/** Calls that somebody makes by a click: at once, or after a window has asked. */
import { type ComponentProps, useRef } from "react";
import type { Answered, CallName } from "../../../clients/api.ts";
import type { GivenTo } from "../../api/intention.ts";
import { useSend } from "../../api/send.ts";
import { MayButton } from "../may-button.tsx";
import { ProblemView } from "../problem-view.tsx";
import { AskWindow } from "../window.tsx";

type Call<N extends CallName> = { readonly call: N; readonly given: GivenTo<N> };

/** A button that makes a call, and says what stood in the way. */
export function CallButton<N extends CallName>(
  props: Omit<ComponentProps<typeof MayButton>, "onClick"> &
    Call<N> & { onDone?: (answer: Answered<N>) => void },
) {
  const { call, given, onDone, isBusy = false, ...rest } = props;
  const { send, isSending, problem } = useSend(call);
  const make = async () => {
    const answer = await send(given);
    if (answer !== undefined) onDone?.(answer);
  };
  return (
    <>
      <MayButton {...rest} isBusy={isBusy || isSending} onClick={() => void make()} />
      {problem && <ProblemView problem={problem} />}
    </>
  );
}

/** A window that asks before a call is made, and makes it once. */
export function CallWindow<N extends CallName>(
  props: Omit<ComponentProps<typeof AskWindow<Answered<N>>>, "sending" | "onDo"> & Call<N>,
) {
  const { call, given, ...rest } = props;
  const sending = useSend(call);
  // A second click while the page changes is the same intention.
  const isDone = useRef(false);
  const make = async () => {
    if (isDone.current) return undefined;
    const answer = await sending.send(given);
    isDone.current = answer !== undefined;
    return answer;
  };
  return <AskWindow {...rest} sending={sending} onDo={make} />;
}
