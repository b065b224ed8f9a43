/** The API, for whoever is signed in; and what stands in its way: the session is over, or nobody answers. */
import { QueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useSyncExternalStore } from "react";
import { type Api, apiAt } from "../../clients/api.ts";
import type { ConsoleConfig } from "../session/config.ts";
import type { Session } from "../session/sign-in.ts";
import { listening } from "../text/kept.ts";

/** What pages are given. */
type Connection = {
  readonly api: Api;
  readonly session: Session;
  readonly config: ConsoleConfig;
  readonly isOver: ReturnType<typeof flag>;
};

/** Something that becomes true and stays so until it is set back. */
function flag() {
  let now = false;
  const { subscribe, tell } = listening();
  return {
    subscribe,
    get: () => now,
    set: (value: boolean) => {
      now = value;
      tell();
    },
  };
}

/** Opens the connection of a session. A token that is refused is renewed once; then the session is over. */
export function connect(config: ConsoleConfig, session: Session): Connection {
  const isOver = flag();
  const tokenOrOver = async (fresh = false): Promise<string | undefined> => {
    const token = await session.token(fresh);
    if (token === undefined) isOver.set(true);
    return token;
  };
  const send: typeof fetch = async (address, init) => {
    const answer = await fetch(address, init);
    if (answer.status !== 401) return answer;
    const token = await tokenOrOver(true);
    if (token === undefined) return answer;
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    const again = await fetch(address, { ...init, headers });
    if (again.status === 401) isOver.set(true);
    return again;
  };
  const api = apiAt({ baseUrl: location.origin, token: () => tokenOrOver(), fetch: send });
  return { api, session, config, isOver };
}

const Context = createContext<Connection | undefined>(undefined);

/** Gives pages the connection. */
export const ConnectionProvider = (props: { value: Connection; children: ReactNode }) => (
  <Context value={props.value}>{props.children}</Context>
);

/** The connection of the page. */
export function useConnection(): Connection {
  const connection = use(Context);
  if (connection === undefined) throw new Error("Outside of the connection's provider");
  return connection;
}

/** Whether somebody has to sign in again. */
export function useIsOver(): boolean {
  const { isOver } = useConnection();
  return useSyncExternalStore(isOver.subscribe, isOver.get);
}

/** What was read, kept as long as it is looked at and five minutes more. */
export const newQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      // Who repeats, when and how often is decided in one place: `useRead`.
      queries: { retry: false, staleTime: 1000, refetchOnWindowFocus: true },
      mutations: { retry: false },
    },
  });
