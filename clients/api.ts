/**
 * The API's typed client: what a call takes and answers is read from the operations themselves, as types, so that
 * nothing of them is loaded. It runs in a browser as well as in Node.
 *
 * A call is named as the API document names it: `"POST /api/v1/tenants/{tenantId}/notifications"`. That name is all that
 * is left of an operation while this runs, and a name that is none does not compile.
 */
import type * as z from "zod";
import type { ListedOperation } from "../functions/functions.ts";
import type { Problem as ServerProblem } from "../shared/http/reply.ts";
import type { FailureCode } from "../shared/kernel/failure.ts";

// What may be called, what a call takes, and what it answers: types alone.

type Operations = { [O in ListedOperation as `${O["method"]} /${O["path"]}`]: O };

/** A call's name: method and path. */
export type CallName = keyof Operations;

/** What is coerced may be anything to its schema; on its way it is text or a number. */
type Plain<T> = unknown extends T ? string | number : T;

/** Values for a path or a query; one that is undefined is left out. */
type Sent<S> = { readonly [P in keyof z.input<S>]: Plain<z.input<S>[P]> | Missing<z.input<S>, P> };
type Missing<T, P extends keyof T> = object extends Pick<T, P> ? undefined : never;

/** A file that is sent as it is, instead of JSON. */
export type SentFile = { readonly type: string; readonly content: string | Blob };

type Schema = z.ZodType;
type Params<O> = O extends { readonly params: infer S extends Schema }
  ? { readonly params: Sent<S> }
  : unknown;
type Query<O> = O extends { readonly query: infer S extends Schema }
  ? object extends z.input<S>
    ? { readonly query?: Sent<S> }
    : { readonly query: Sent<S> }
  : unknown;
type Body<O> = O extends { readonly body: infer S extends Schema }
  ?
      | { readonly body: z.input<S> }
      | (O extends { readonly file: object } ? { readonly file: SentFile } : never)
  : unknown;
type Extras<O> = {
  readonly signal?: AbortSignal;
  /** For an idempotent call: one for each intention. The same key and body get the same answer for 24 hours. */
  readonly idempotencyKey?: O extends { readonly idempotent: true } ? string : never;
  /** For a conditional call: the etag that was read. */
  readonly ifMatch?: O extends { readonly conditional: true } ? string : never;
};

/** What a call takes. */
export type CallInput<N extends CallName> = Params<Operations[N]> &
  Query<Operations[N]> &
  Body<Operations[N]> &
  Extras<Operations[N]>;
/** The rest of a call's arguments: nothing, where nothing is needed. */
type Given<I> = object extends I ? [given?: I] : [given: I];

type Answers<N extends CallName> = Operations[N]["answers"];
type BodyIn<A> = A extends { readonly body: infer S extends Schema } ? z.output<S> : undefined;

/** A successful answer, told apart by its status. */
export type Answered<N extends CallName> = {
  [S in keyof Answers<N>]: {
    readonly ok: true;
    readonly status: S;
    readonly body: BodyIn<Answers<N>[S]>;
    readonly etag?: string;
    /** Where what was begun or made can be watched: `follow` reads it. */
    readonly location?: string;
    /** When it is worth looking again. */
    readonly retryAfterSeconds?: number;
  };
}[keyof Answers<N>];

/** What a call shows: the body of its 200. */
export type BodyOf<N extends CallName> = Extract<Answered<N>, { readonly status: 200 }>["body"];
/** One of what a call lists. */
export type ItemOf<N extends CallName> =
  BodyOf<N> extends { readonly value: readonly (infer Item)[] } ? Item : never;

/**
 * What went wrong: the server's problem document, or one of this side's own. `not-reached`: nobody answered, and what
 * was asked may or may not have been done. `not-understood`: somebody answered who is not Muster.
 */
export type Problem = Omit<z.output<typeof ServerProblem>, "code"> & {
  readonly code: FailureCode | "not-reached" | "not-understood";
};

/** An answer that is none. */
export type Refused = {
  readonly ok: false;
  readonly problem: Problem;
  readonly retryAfterSeconds?: number;
};

/** What becomes of a call. */
export type Outcome<N extends CallName> = Answered<N> | Refused;

type Only<N, Start extends string> = N extends `${Start}${string}` ? N & CallName : never;
/** Calls that read. */
export type ReadName = Only<CallName, "GET ">;
type Pages = {
  [N in ReadName]: Answers<N> extends { readonly 200: { readonly body: infer S extends Schema } }
    ? z.output<S> extends { readonly value: readonly unknown[]; nextLink?: string | undefined }
      ? N
      : never
    : never;
}[ReadName];
/** Calls that read a list, a page at a time. */
export type ListName = Pages;
/** Other forms of what a call answers. */
export type AlsoOf<N extends CallName> = Answers<N>[keyof Answers<N>] extends {
  readonly also: readonly (infer T)[];
}
  ? T
  : never;

/** Where Muster is, and who asks. */
export type ApiParts = {
  /** `https://muster.example`, and the front end's path prefix if it has one. */
  readonly baseUrl: string;
  /** The bearer token, asked for before each request; undefined: nobody has signed in. */
  readonly token: () => Promise<string | undefined>;
  readonly fetch?: typeof fetch;
  /**
   * Waits before a call is repeated that was told to come again later. Without it, such an answer is handed on as it is.
   */
  readonly wait?: (seconds: number) => Promise<void>;
};

/** The API, callable. */
export type Api = {
  /** Calls an operation. Throws only what `signal` or `token` throws. */
  readonly call: <N extends CallName>(
    name: N,
    ...given: Given<CallInput<N>>
  ) => Promise<Outcome<N>>;
  /**
   * Reads what a `location` or a `nextLink` leads to, by the name of the call that it is.
   * @param known An earlier answer of the same address, which comes back itself as long as it is true (ETag, 304).
   */
  readonly follow: <N extends ReadName>(
    name: N,
    link: string,
    more?: { readonly known?: Answered<N> | undefined; readonly signal?: AbortSignal },
  ) => Promise<Outcome<N>>;
  /** As `call`, for what was read before: the same object as long as it is true. */
  readonly reread: <N extends ReadName>(
    name: N,
    known: Answered<N> | undefined,
    ...given: Given<CallInput<N>>
  ) => Promise<Outcome<N>>;
  /** All pages of a list, each read when it is asked for; a refusal is the last of them. */
  readonly pages: <N extends ListName>(
    name: N,
    ...given: Given<CallInput<N>>
  ) => AsyncGenerator<Outcome<N>, void>;
  /** The same answer in another form (CSV, a ZIP), unread. */
  readonly download: <N extends CallName>(
    name: N,
    type: AlsoOf<N>,
    ...given: Given<CallInput<N>>
  ) => Promise<{ readonly ok: true; readonly response: Response } | Refused>;
};

// What runs.

/** Any call's input, as it looks when types are gone. */
type Loose = {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly file?: SentFile;
  readonly idempotencyKey?: string;
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
  readonly accept?: string;
  readonly known?: { readonly etag?: string };
};
type LooseAnswer = {
  readonly ok: true;
  readonly status: number;
  readonly body: unknown;
  readonly etag?: string;
};

/** Most times that one call is asked, if each answer says "later". */
const mostTries = 5;

/** The API at a place, for one caller. */
export function apiAt(parts: ApiParts): Api {
  const call = async (name: string, given: Loose = {}) =>
    settle(await answered(parts, name, addressOf(parts, name, given), given), given);
  const follow = async (name: string, link: string, given: Loose = {}) => {
    const address = new URL(link, parts.baseUrl);
    // The token is for this Muster, wherever a link leads.
    if (address.origin !== new URL(parts.baseUrl).origin)
      return refused(
        "not-understood",
        `A link leads away from ${parts.baseUrl}, to ${address.origin}`,
      );
    return settle(await answered(parts, name, address, given), given);
  };
  async function* pages(name: string, given: Loose = {}) {
    let page = await call(name, given);
    for (;;) {
      yield page;
      const { nextLink } = (page.ok ? page.body : {}) as { readonly nextLink?: string };
      if (nextLink === undefined) return;
      page = await follow(
        name,
        nextLink,
        given.signal === undefined ? {} : { signal: given.signal },
      );
    }
  }
  const reread = (name: string, known: LooseAnswer | undefined, given: Loose = {}) =>
    call(name, known === undefined ? given : { ...given, known });
  const download = async (name: string, accept: string, given: Loose = {}) => {
    const wanted = { ...given, accept };
    const response = await answered(parts, name, addressOf(parts, name, wanted), wanted);
    return response instanceof Response ? { ok: true, response } : response;
  };
  // Each name's types say what its answers are; that they tell the truth is held by the API document's tests.
  return { call, follow, reread, pages, download } as unknown as Api;
}

function addressOf({ baseUrl }: ApiParts, name: string, { params = {}, query = {} }: Loose): URL {
  const path = name
    .slice(name.indexOf("/"))
    .replaceAll(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(params[key])));
  const address = new URL(baseUrl.replace(/\/$/, "") + path);
  for (const [key, value] of Object.entries(query))
    if (value !== undefined) address.searchParams.set(key, String(value));
  return address;
}

/** Asks until the answer is another one than "later", where waiting is allowed and asking again does nothing twice. */
async function answered(
  parts: ApiParts,
  name: string,
  address: URL,
  given: Loose,
): Promise<Response | Refused> {
  const repeatable = name.startsWith("GET ") || given.idempotencyKey !== undefined;
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(parts, name, address, given);
    if (answer instanceof Response || parts.wait === undefined || tries === mostTries)
      return answer;
    const { retryAfterSeconds: seconds, problem } = answer;
    // Who was told that there are too many requests was not listened to: nothing has been done.
    if (seconds === undefined || !(repeatable || problem.code === "too-many-requests"))
      return answer;
    await parts.wait(seconds);
  }
}

/** One request. */
async function ask(
  parts: ApiParts,
  name: string,
  address: URL,
  given: Loose,
): Promise<Response | Refused> {
  const { body, file, signal } = given;
  const headers = headersOf(given);
  const token = await parts.token();
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const content = file?.content ?? (body === undefined ? undefined : JSON.stringify(body));
  try {
    const response = await (parts.fetch ?? fetch)(address, {
      method: name.slice(0, name.indexOf(" ")),
      headers,
      ...(content === undefined ? {} : { body: content }),
      ...(signal === undefined ? {} : { signal }),
      // A redirect leads elsewhere, and the token is for here.
      redirect: "error",
    });
    return response.ok || response.status === 304 ? response : await refusalOf(response);
  } catch (cause) {
    signal?.throwIfAborted();
    return refused("not-reached", wordsOf(cause));
  }
}

function headersOf({ body, file, accept, idempotencyKey, ifMatch, known }: Loose): Headers {
  const headers = new Headers({ accept: accept ?? "application/json" });
  const type = file?.type ?? (body === undefined ? undefined : "application/json");
  if (type !== undefined) headers.set("content-type", type);
  if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
  if (ifMatch !== undefined) headers.set("if-match", ifMatch);
  if (known?.etag !== undefined) headers.set("if-none-match", known.etag);
  return headers;
}

/** Reads an answer whole; one that says "as you know it" is the known one itself. */
async function settle(
  response: Response | Refused,
  { known, signal }: Loose,
): Promise<LooseAnswer | Refused> {
  if (!(response instanceof Response)) return response;
  if (response.status === 304 && known !== undefined) return known as LooseAnswer;
  try {
    const text = await response.text();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const [etag, location] = ["etag", "location"].map((name) => response.headers.get(name));
    return {
      ok: true,
      status: response.status,
      body,
      ...(etag ? { etag } : {}),
      ...(location ? { location } : {}),
      ...later(response),
    };
  } catch (cause) {
    signal?.throwIfAborted();
    return refused("not-understood", wordsOf(cause), response.status);
  }
}

async function refusalOf(response: Response): Promise<Refused> {
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json");
  const text = await response.text();
  if (!isProblem)
    return {
      ...refused("not-understood", text.slice(0, 200), response.status),
      ...later(response),
    };
  return { ok: false, problem: JSON.parse(text) as Problem, ...later(response) };
}

function later({ headers }: Response): { retryAfterSeconds?: number } {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {};
}

const titles = {
  "not-reached": "Muster was not reached",
  "not-understood": "The answer is not one of Muster's",
};

const refused = (code: keyof typeof titles, detail: string, status = 0): Refused => ({
  ok: false,
  problem: {
    type: `urn:muster:problem:${code}`,
    title: titles[code],
    status,
    code,
    detail,
    instance: "",
  },
});

/** What a failed request says of itself; Node puts the reason beneath. */
function wordsOf(cause: unknown): string {
  const { message, cause: beneath } = cause as {
    readonly message?: string;
    readonly cause?: unknown;
  };
  const reason = (beneath as { readonly message?: string } | undefined)?.message;
  return [message ?? String(cause), reason]
    .filter((words) => words !== undefined && words !== "")
    .join(": ");
}
