/** Asks before a call is made, and makes it once. Apart from other windows: the first page that is loaded has none. */
import { type ComponentProps, useRef } from "react";
import type { Answered, CallName } from "../../../clients/api.ts";
import type { GivenTo } from "../../api/intention.ts";
import { useSend } from "../../api/send.ts";
import { AskWindow } from "../window.tsx";

/** The window. */
export function CallWindow<N extends CallName>(
  props: Omit<ComponentProps<typeof AskWindow<Answered<N>>>, "sending" | "onDo"> & {
    readonly call: N;
    readonly given: GivenTo<N>;
  },
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
