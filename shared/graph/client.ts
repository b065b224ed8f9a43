/**
 * Microsoft Graph over HTTP: one request or a batch, always with an answer that has been judged. First, pure, what a
 * request is and how twenty become one; then the connection. Nothing here retries: whoever owns the work decides, and
 * writes it down, what happens next.
 */

import type { Clock } from "../kernel/clock.ts";
import { plainText, reasonOf } from "../kernel/outside-text.ts";
import { pathBelow, randomId, wholeLink } from "../kernel/values.ts";
import { type GraphAnswer, judge, signInFailure, wordsOf } from "./answer.ts";
import { Deadline, exchange } from "./exchange.ts";

/** Which of Graph's two versions. */
export type GraphVersion = "v1.0" | "beta";

/**
 * Who asks: the app itself in a tenant, given by the tenant's id, or an account that has signed in there. Some of
 * Graph takes no app at all, and what an account may do is what its person may do.
 */
type Asker = string | Account;

/** A person's account: `token` answers a delegated token for Graph, a `fresh` one after Graph refused the one before. */
type Account = {
  readonly tenantId: string;
  readonly token: (fresh: boolean) => Promise<string>;
};

/** One request; `path` starts with `/` and is relative to the version. */
export type GraphRequest = {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Headers beside our own, such as `ConsistencyLevel`, `If-Match` or `Prefer`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Positions of the requests of the same batch that must have succeeded before. Graph wants a batch either without
   * any, or each after the one before it.
   */
  readonly dependsOn?: readonly number[];
  /** Why a write is made, for the administrator who has to approve it at Intune. */
  readonly justification?: string;
  /** Under which Intune held this very request; it is made again with it once somebody has approved. */
  readonly approvalCode?: string;
};

/** What a request carries beside its token, with the type of its body where it has one. */
function headersOf(request: GraphRequest, hasBody: boolean): Record<string, string> {
  return {
    ...(hasBody ? { "Content-Type": "application/json" } : {}),
    ...approvalOf(request),
    ...request.headers,
  };
}

/**
 * Intune's Multi Admin Approval holds writes of apps too where a policy protects what they change, and refuses those
 * without a reason. Elsewhere nobody reads it, so that every write carries one.
 * Source: learn.microsoft.com/intune/intune-service/fundamentals/multi-admin-approval
 */
function approvalOf({ method, path, approvalCode, justification }: GraphRequest) {
  if (approvalCode !== undefined) return { "x-msft-approval-code": approvalCode };
  if (method === "GET" || !intune.test(path)) return {};
  const reason = (justification ?? "Asked for through Muster").slice(0, maxReasonChars);
  return { "x-msft-approval-justification": Buffer.from(reason).toString("base64") };
}

const intune = /^\/device(?:Management|AppManagement)\//;
const maxReasonChars = 1024;

// `$batch`: up to 20 requests in one. Every part is judged by itself; the outer 200 says nothing.

/** Most parts in one batch. Source: Graph's JSON batching page. */
export const maxBatchParts = 20;

/** The body that carries the requests; ids are their positions. */
export function batchBody(requests: readonly GraphRequest[]) {
  if (requests.length > maxBatchParts)
    throw new RangeError(`${requests.length} requests do not fit in a batch`);
  return {
    requests: requests.map((request, index) => {
      const { method, path, body, dependsOn = [] } = request;
      // A part that writes must carry a body and its type even where the same call alone has none.
      const carries = method !== "GET" && method !== "DELETE";
      const headers = headersOf(request, carries);
      return {
        id: String(index),
        method,
        // A request of its own has that done to its address.
        url: path.replaceAll(" ", "%20"),
        ...(Object.keys(headers).length > 0 ? { headers } : {}),
        ...(carries ? { body: body ?? {} } : {}),
        ...(dependsOn.length > 0 ? { dependsOn: dependsOn.map(String) } : {}),
      };
    }),
  };
}

/** Answers in the order of the requests; a part that is missing from the response is unclear. */
export function batchAnswers(
  body: unknown,
  requests: readonly GraphRequest[],
  now: number,
): GraphAnswer[] {
  const answers = requests.map(
    (): GraphAnswer => ({
      kind: "unclear",
      why: "no answer in the batch",
    }),
  );
  const positions = new Set(Array.from(answers.keys(), String));
  for (const part of partsOf(body)) {
    const { id, status } = part;
    // Only what was asked, and only by a whole answer: the rest stays unclear.
    if (typeof id !== "string" || !positions.has(id) || typeof status !== "number") continue;
    const { headers, body: words } = part;
    const dependent = (requests[Number(id)]?.dependsOn ?? []).length > 0;
    answers[Number(id)] = judge(
      { status, body: words, dependent, ...(isRecord(headers) ? { headers } : {}) },
      now,
    );
  }
  return answers;
}

function partsOf(body: unknown): Record<string, unknown>[] {
  const responses = (body as { responses?: unknown } | null | undefined)?.responses;
  if (!Array.isArray(responses)) return [];
  return responses.filter(isRecord);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

// The connection.

/** What the client needs from outside. */
type GraphOptions = {
  /** `https://graph.microsoft.com`, or another cloud's, from the settings. */
  readonly baseUrl: string;
  /** An app token for a tenant; `fresh` after Graph refused the one before. */
  readonly token: (tenantId: string, fresh: boolean) => Promise<string>;
  readonly clock: Clock;
  /** The seam for counting and breaking calls; see the storage room. */
  readonly intercept: <T>(operation: string, call: () => Promise<T>) => Promise<T>;
  /** How long to wait for an answer. */
  readonly timeoutMs: number;
};

/** A connection to Graph for all tenants. */
export class GraphClient {
  readonly #options: GraphOptions;

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  /** Asks once. Only a refused token is asked for again, since nothing was done with it. */
  ask(asker: Asker, version: GraphVersion, request: GraphRequest): Promise<GraphAnswer> {
    const target = `/${version}${request.path}`;
    return this.#inTime((until) => this.#askSignedIn({ asker, target, until }, request, false));
  }

  /**
   * Asks up to 20 things in one request; answers stand in the order of the requests.
   * @throws RangeError when there are more.
   */
  askTogether(
    asker: Asker,
    version: GraphVersion,
    requests: readonly GraphRequest[],
  ): Promise<GraphAnswer[]> {
    const target = `/${version}/$batch`;
    return this.#inTime((until) => this.#together({ asker, target, until }, requests));
  }

  async #together(call: Call, requests: readonly GraphRequest[]): Promise<GraphAnswer[]> {
    const answers = await this.#batch(call, requests, false);
    const again = askedAgain(requests, answers);
    if (again.length === 0) return answers;
    // A part is treated like the request that it stands for: its token is renewed, and it is asked once more.
    const parts = again.map((at): GraphRequest => {
      const { dependsOn = [], ...request } = requests[at] as GraphRequest;
      // What it depends on beside those has succeeded.
      return {
        ...request,
        dependsOn: dependsOn.map((on) => again.indexOf(on)).filter((on) => on >= 0),
      };
    });
    const renewed = await this.#batch(call, parts, true);
    for (const [nth, at] of again.entries()) answers[at] = passing(renewed[nth] ?? noAnswer);
    return answers;
  }

  async #batch(
    call: Call,
    requests: readonly GraphRequest[],
    fresh: boolean,
  ): Promise<GraphAnswer[]> {
    const batch: GraphRequest = { method: "POST", path: "/$batch", body: batchBody(requests) };
    const outer = await this.#askSignedIn(call, batch, fresh);
    if (outer.kind !== "ok") return requests.map(() => outer);
    const { baseUrl, clock } = this.#options;
    const root = baseUrl + call.target.slice(0, -batch.path.length);
    return batchAnswers(outer.body, requests, clock.now()).map((answer, at) =>
      answer.kind === "ok" ? withWholeLink(answer, root + requests[at]?.path) : answer,
    );
  }

  /**
   * Follows a `nextLink` of an answer, with the headers of the request that it continues; one that leads away from
   * Graph is refused, not followed.
   */
  async follow(
    asker: Asker,
    nextLink: string,
    headers: GraphRequest["headers"] = {},
  ): Promise<GraphAnswer> {
    const { baseUrl } = this.#options;
    // Our token goes along: the same host, and below the same path.
    const target = pathBelow(baseUrl, nextLink);
    if (target === undefined)
      return {
        kind: "refused",
        reason: "other",
        code: "foreign-next-link",
        message: `the next page is said to be at ${plainText(nextLink, 200)}, which is not below ${baseUrl}`,
      };
    return this.#inTime((until) =>
      this.#askSignedIn({ asker, target, until }, { method: "GET", path: "", headers }, false),
    );
  }

  /** Signing in counts towards the time: the caller's claim on what we are about to do runs out soon after. */
  async #inTime<T>(call: (until: Deadline) => Promise<T>): Promise<T> {
    const until = new Deadline(this.#options.timeoutMs);
    try {
      return await call(until);
    } finally {
      until.clear();
    }
  }

  async #askSignedIn(call: Call, request: GraphRequest, renewed: boolean): Promise<GraphAnswer> {
    const token = await this.#token(call, renewed);
    if (typeof token !== "string") return token;
    const answer = await this.#send(call, token, request);
    if (!isSignedOut(answer)) return answer;
    if (renewed) return passing(answer);
    const fresh = await this.#token(call, true);
    return typeof fresh === "string" ? passing(await this.#send(call, fresh, request)) : fresh;
  }

  /** A token, or what its absence means: nothing was asked of Graph, so nothing was done. */
  async #token({ asker, until }: Call, fresh: boolean): Promise<string | GraphAnswer> {
    const late = new Promise<never>((_, reject) => {
      until.onEnd(() => reject(new Error("the sign-in service does not answer in time")));
    });
    try {
      const token =
        typeof asker === "string" ? this.#options.token(asker, fresh) : asker.token(fresh);
      return await Promise.race([token, late]);
    } catch (error) {
      return signInFailure(error);
    }
  }

  async #send({ target, until }: Call, token: string, request: GraphRequest): Promise<GraphAnswer> {
    const { baseUrl, clock, intercept } = this.#options;
    const { method, body } = request;
    try {
      return await intercept(`graph.${method}`, async () => {
        const asked = {
          method,
          headers: { ...headersOf(request, body !== undefined), ...ourHeaders(token) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        };
        const { status, headers, text } = await exchange(baseUrl + target, asked, until);
        const answer = judge({ status, headers, body: text }, clock.now());
        const elsewhere = answer.headers?.location;
        // Neither our token nor what we ask for is anybody else's business.
        if (isRedirect(status) && elsewhere !== undefined)
          return {
            kind: "unclear",
            why: `HTTP ${status}: sent on to ${plainText(elsewhere, 200)}`,
          };
        return answer.kind === "ok" ? withWholeLink(answer, baseUrl + target) : answer;
      });
    } catch (error) {
      const why = reasonOf(error);
      return isTimeout(error) ? { kind: "unclear", why, tooMuch: true } : { kind: "unclear", why };
    }
  }
}

/** A request under way: whose, where it goes, and when it is too late for an answer. */
type Call = { readonly asker: Asker; readonly target: string; readonly until: Deadline };

const ourHeaders = (token: string): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  accept: "application/json",
  "client-request-id": randomId(),
});

/** Parts whose token was refused, and those that were not done for it. */
function askedAgain(requests: readonly GraphRequest[], answers: readonly GraphAnswer[]): number[] {
  const again: number[] = [];
  for (const [at, { dependsOn = [] }] of requests.entries()) {
    const waits = answers[at]?.kind === "dependencyFailed";
    if (isSignedOut(answers[at]) || (waits && dependsOn.some((on) => again.includes(on))))
      again.push(at);
  }
  return again;
}

const isRedirect = (status: number): boolean => status >= 300 && status < 400;

const linkName = "@odata.nextLink";

/** A list's link to its next page may be relative to the address that was asked, which whoever follows it has not. */
function withWholeLink(answer: Extract<GraphAnswer, { kind: "ok" }>, asked: string): GraphAnswer {
  const fields = answer.body as Readonly<Record<string, unknown>> | undefined;
  const link = fields?.[linkName];
  if (typeof link !== "string") return answer;
  return { ...answer, body: { ...fields, [linkName]: wholeLink(link, asked) } };
}

const noAnswer: GraphAnswer = { kind: "unclear", why: "no answer in the batch" };

const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.name === "TimeoutError";

const isSignedOut = (answer: GraphAnswer | undefined): boolean =>
  answer?.kind === "refused" && answer.reason === "signedOut";

/**
 * Graph may refuse a token that Entra has just issued: its keys or its record of the app are behind. Nothing was
 * done; whether we may sign in at all is Entra's to say, and that is asked before every request.
 */
function passing(answer: GraphAnswer): GraphAnswer {
  if (answer.kind !== "refused" || answer.reason !== "signedOut") return answer;
  return { kind: "busy", why: `Graph refuses the token: ${wordsOf(answer)}` };
}
