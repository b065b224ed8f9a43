/** Doing something: once for each intention, however often somebody clicks. */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import type { Answered, CallName, Outcome, Problem } from "../../clients/api.ts";
import { useConnection } from "./connection.tsx";
import { type GivenTo, textOf } from "./intention.ts";

/** Something that can be done. */
export type Sending<N extends CallName> = {
  /** Does it. Calls while it is being done are the same intention and do nothing. */
  readonly send: (given: GivenTo<N>) => Promise<Answered<N> | undefined>;
  readonly isSending: boolean;
  /** Why the last attempt came to nothing. */
  readonly problem: Problem | undefined;
  /** Forgets the last attempt: what is sent next is another intention. */
  readonly reset: () => void;
};

/**
 * Does what a call does. The idempotency key is made with the first attempt and kept until there is an answer, so that
 * whoever tries again after silence does not do it twice. What was read is read again afterwards.
 */
export function useSend<N extends CallName>(name: N): Sending<N> {
  const { api } = useConnection();
  const queries = useQueryClient();
  const intention = useRef<{ key: string; body: string } | undefined>(undefined);
  const busy = useRef(false);
  const [state, setState] = useState<{ isSending: boolean; problem?: Problem }>({
    isSending: false,
  });
  const reset = useCallback(() => {
    intention.current = undefined;
    setState({ isSending: false });
  }, []);
  const send = useCallback(
    async (given: GivenTo<N>): Promise<Answered<N> | undefined> => {
      if (busy.current) return undefined;
      busy.current = true;
      setState({ isSending: true });
      const body = textOf(given);
      // Something else is another intention.
      if (intention.current?.body !== body) intention.current = { key: crypto.randomUUID(), body };
      const idempotencyKey = intention.current.key;
      const call = api.call as (name: N, given: object) => Promise<Outcome<N>>;
      try {
        const outcome = await call(name, { ...(given as object), idempotencyKey });
        if (outcome.ok || outcome.problem.status !== 0) intention.current = undefined;
        setState(
          outcome.ok ? { isSending: false } : { isSending: false, problem: outcome.problem },
        );
        if (!outcome.ok) return undefined;
        // Whoever goes on to another page does not wait for what this one shows.
        // What was asked before it was done is not asked anew: an offer that was taken is none any more.
        void queries.invalidateQueries({ predicate: ({ queryKey: [kind] }) => kind !== "ask" });
        return outcome;
      } finally {
        busy.current = false;
      }
    },
    [api, name, queries],
  );
  return { send, reset, ...state, problem: state.problem };
}
