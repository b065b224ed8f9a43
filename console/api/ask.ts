/** Questions that are too long for an address: calls that tell something and change nothing, though they are POSTs. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { BodyOf, CallName, Outcome, Problem } from "../../clients/api.ts";
import { useConnection } from "./connection.tsx";
import { type GivenTo, textOf } from "./intention.ts";

/** What was answered. Nothing of an earlier question stands here: a number is always that of what is asked now. */
export type Asked<Body> = {
  readonly body: Body | undefined;
  readonly problem: Problem | undefined;
  readonly isAsking: boolean;
  readonly again: () => void;
};

/** Asks, as long as there is something to ask. */
export function useAsk<N extends CallName>(
  name: N,
  given: GivenTo<N> | undefined,
): Asked<BodyOf<N>> {
  const { api } = useConnection();
  const call = api.call as (name: N, given: object) => Promise<Outcome<N>>;
  const query = useQuery({
    queryKey: ["ask", name, textOf(given)],
    enabled: given !== undefined,
    refetchOnWindowFocus: false,
    // A refusal is an answer too.
    queryFn: ({ signal }) => call(name, { ...(given as object), signal }),
  });
  const outcome = query.data;
  return {
    body: outcome?.ok ? outcome.body : undefined,
    problem: outcome === undefined || outcome.ok ? undefined : outcome.problem,
    isAsking: query.isFetching,
    again: () => void query.refetch(),
  };
}

/** A value once somebody has stopped changing it: nothing is asked for each letter that is typed. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 400);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
