/**
 * Reading, and reading again: at the pace that the server asks for, never in a tab that nobody sees, with what was read
 * before kept where a reading fails.
 */
import {
  hashKey,
  keepPreviousData,
  type Query,
  type QueryKey,
  useInfiniteQuery,
  useQuery,
} from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type {
  Answered,
  BodyOf,
  CallInput,
  ItemOf,
  ListName,
  Problem,
  ReadName,
  Refused,
} from "../../clients/api.ts";
import { useConnection } from "./connection.tsx";

/** A reading that failed. */
class ReadError extends Error {
  readonly problem: Problem;
  readonly retryAfterSeconds: number | undefined;
  constructor({ problem, retryAfterSeconds }: Refused) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Something that is read: what it said last, since when that is so, and what stands in the way of knowing more. */
export type Reading<Body> = {
  readonly body: Body | undefined;
  readonly etag: string | undefined;
  /** Milliseconds since 1970; 0 where nothing has been read yet. */
  readonly asOf: number;
  readonly problem: Problem | undefined;
  /** Seconds until it is tried again by itself; undefined where it is not. */
  readonly againInSeconds: number | undefined;
  readonly isReading: boolean;
  /** What was asked for has not been read yet: `body` is of what was asked for before. */
  readonly isOfAnother: boolean;
  readonly again: () => void;
};

/** How a reading goes on. */
type ReadOptions<Body> = {
  /** Seconds until it is worth looking again where the server does not say; undefined: it is final. */
  readonly every?: (body: Body) => number | undefined;
  /** Somebody waits in front of it: it is looked at again after so long, whatever the server says. */
  readonly atMostSeconds?: number;
  /** False: nothing is read yet. */
  readonly enabled?: boolean;
};

/** What a call takes, but for what is decided here. */
export type Given<N extends ReadName> = Omit<CallInput<N>, "signal" | "idempotencyKey" | "ifMatch">;
const longestPauseSeconds = 60;
/** How often in a row each reading has failed, by its key's hash. */
const failures = new Map<string, number>();
const failuresOf = (key: QueryKey): number => failures.get(hashKey(key)) ?? 1;

/** The answer; or its problem, thrown and counted. */
function counted<Answer extends { readonly ok: true }>(
  key: QueryKey,
  outcome: Answer | Refused,
): Answer {
  const hash = hashKey(key);
  if (outcome.ok) {
    failures.delete(hash);
    return outcome;
  }
  failures.set(hash, (failures.get(hash) ?? 0) + 1);
  throw new ReadError(outcome);
}

/** What is worth another try without anybody's doing: nobody answered, too much was asked, or the server is at fault. */
const mayPass = ({ status }: Problem): boolean => status === 0 || status === 429 || status >= 500;

const pauseAfter = (error: ReadError, count: number): number | undefined =>
  mayPass(error.problem)
    ? Math.max(error.retryAfterSeconds ?? 0, Math.min(2 ** count, longestPauseSeconds))
    : undefined;

/** What the API said; whatever else went wrong is a fault of the console's own. */
function saidBy(error: Error | null): ReadError | undefined {
  if (error === null || error instanceof ReadError) return error ?? undefined;
  throw error;
}

type Kept = { readonly body: unknown; readonly retryAfterSeconds?: number };

function pauseOf(
  { state, queryKey }: Pick<Query<Kept>, "state" | "queryKey">,
  every: ((body: never) => number | undefined) | undefined,
  atMostSeconds = Number.POSITIVE_INFINITY,
): number | undefined {
  if (state.error instanceof ReadError && state.status === "error")
    return pauseAfter(state.error, failuresOf(queryKey));
  if (state.data === undefined) return undefined;
  const seconds = state.data.retryAfterSeconds ?? every?.(state.data.body as never);
  return seconds === undefined ? undefined : Math.min(seconds, atMostSeconds);
}

/** Reads what a call answers, and goes on reading at the server's pace. The same call is read once, whoever asks. */
export function useRead<N extends ReadName>(
  name: N,
  given: Given<N>,
  { every, atMostSeconds, enabled = true }: ReadOptions<BodyOf<N>> = {},
): Reading<BodyOf<N>> {
  const { api } = useConnection();
  const query = useQuery({
    queryKey: [name, given],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal, client, queryKey }) => {
      const known = client.getQueryData<Answered<N>>(queryKey);
      const outcome = await api.reread(name, known, ...([{ ...given, signal }] as never));
      return counted(queryKey, outcome as Exclude<typeof outcome, Refused> | Refused);
    },
    refetchInterval: (state) => {
      const seconds = pauseOf(state, every, atMostSeconds);
      return seconds === undefined ? false : seconds * 1000;
    },
  });
  const error = saidBy(query.error);
  return {
    body: query.data?.body,
    etag: query.data?.etag,
    asOf: query.dataUpdatedAt,
    problem: error?.problem,
    againInSeconds: error && pauseAfter(error, failuresOf([name, given])),
    isReading: query.isFetching,
    isOfAnother: query.isPlaceholderData,
    again: () => void query.refetch(),
  };
}

/** A list as far as it was read. */
export type ReadList<Item> = Omit<Reading<readonly Item[]>, "etag"> & {
  /** Left out, since the caller's roles do not reach it. */
  readonly hidden: number;
  readonly hasMore: boolean;
  readonly readMore: () => void;
};

type Page<Item> = {
  readonly value: readonly Item[];
  readonly nextLink?: string;
  readonly hidden?: number;
};

/** How a list is read: again after so many seconds, as far as it was read; not at all while it is not enabled. */
type ListOptions<Item> = {
  readonly everySeconds?: number | ((items: readonly Item[]) => number);
  readonly enabled?: boolean;
};

/** What has come to its end since the last reading is read once more, and shows how it ended. */
function useOnceMore(isPaced: boolean, refetch: () => unknown): void {
  const wasPaced = useRef(isPaced);
  useEffect(() => {
    if (wasPaced.current && !isPaced) refetch();
    wasPaced.current = isPaced;
  }, [isPaced, refetch]);
}

/** Reads a list a page at a time. */
export function useReadList<N extends ListName>(
  name: N,
  given: Given<N>,
  { everySeconds, enabled = true }: ListOptions<ItemOf<N>> = {},
): ReadList<ItemOf<N>> {
  const { api } = useConnection();
  const query = useInfiniteQuery({
    queryKey: [name, given, "pages"],
    enabled,
    placeholderData: keepPreviousData,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ signal, queryKey, pageParam: link }) => {
      const first = [{ ...given, signal }] as never;
      const outcome = await (link === undefined
        ? api.call(name, ...first)
        : api.follow(name, link, { signal }));
      const { body } = counted(queryKey, outcome as { ok: true; body: unknown } | Refused);
      return body as Page<ItemOf<N>>;
    },
    getNextPageParam: ({ nextLink }) => nextLink,
    refetchInterval: ({ state, queryKey }) => {
      const items = state.data?.pages.flatMap(({ value }) => value) ?? [];
      const seconds =
        state.error instanceof ReadError && state.status === "error"
          ? pauseAfter(state.error, failuresOf(queryKey))
          : typeof everySeconds === "function"
            ? everySeconds(items)
            : everySeconds;
      return seconds === undefined ? false : seconds * 1000;
    },
  });
  useOnceMore(everySeconds !== undefined, query.refetch);
  const error = saidBy(query.error);
  const pages = query.data?.pages;
  return {
    body: pages?.flatMap(({ value }) => value),
    asOf: query.dataUpdatedAt,
    problem: error?.problem,
    againInSeconds: error && pauseAfter(error, failuresOf([name, given, "pages"])),
    isReading: query.isFetching,
    isOfAnother: query.isPlaceholderData,
    again: () => void query.refetch(),
    hidden: (pages ?? []).reduce((sum, { hidden = 0 }) => sum + hidden, 0),
    hasMore: query.hasNextPage,
    readMore: () => {
      if (!query.isFetchingNextPage) void query.fetchNextPage();
    },
  };
}
