/**
 * Microsoft Graph over HTTP: one request or a batch, always with an answer that has been judged.
 * Nothing here retries: whoever owns the work decides, and writes it down, what happens next.
 */
import type { Clock } from "../kernel/clock.ts";
import { randomId } from "../kernel/ids.ts";
import { type GraphAnswer, judge } from "./answer.ts";
import { batchAnswers, batchBody } from "./batch.ts";
import type { GraphRequest, GraphVersion } from "./request.ts";
import { signInFailure } from "./sign-in-failure.ts";

/** What the client needs from outside. */
export type GraphOptions = {
  /** `https://graph.microsoft.com`, or another cloud's, from the settings. */
  readonly baseUrl: string;
  /** An app token for a tenant; `fresh` after Graph refused the one before. */
  readonly token: (tenantId: string, fresh: boolean) => Promise<string>;
  readonly clock: Clock;
  /** The seam for counting and breaking calls; see the storage room. */
  readonly tap: <T>(operation: string, call: () => Promise<T>) => Promise<T>;
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
  ask(tenantId: string, version: GraphVersion, request: GraphRequest): Promise<GraphAnswer> {
    return this.#askSignedIn(tenantId, `/${version}${request.path}`, request);
  }

  /** Asks up to 20 things in one request; answers stand in the order of the requests. */
  async askTogether(
    tenantId: string,
    version: GraphVersion,
    requests: readonly GraphRequest[],
  ): Promise<GraphAnswer[]> {
    const batch: GraphRequest = { method: "POST", path: "/$batch", body: batchBody(requests) };
    const outer = await this.ask(tenantId, version, batch);
    if (outer.kind !== "ok") return requests.map(() => outer);
    return batchAnswers(outer.body, requests.length, this.#options.clock.now());
  }

  /** Follows a `nextLink` unchanged; one that leads away from Graph is refused, not followed. */
  async follow(tenantId: string, nextLink: string): Promise<GraphAnswer> {
    const { baseUrl } = this.#options;
    const link = URL.canParse(nextLink) ? new URL(nextLink) : undefined;
    // Our token goes along: the same host, and below the same path.
    if (link?.origin !== new URL(baseUrl).origin || !link.href.startsWith(`${baseUrl}/`))
      return { kind: "refused", reason: "other", code: "foreign-next-link", message: nextLink };
    const target = link.href.slice(baseUrl.length);
    return this.#askSignedIn(tenantId, target, { method: "GET", path: "" });
  }

  async #askSignedIn(
    tenantId: string,
    target: string,
    request: GraphRequest,
  ): Promise<GraphAnswer> {
    const token = await this.#token(tenantId, false);
    if (typeof token !== "string") return token;
    const answer = await this.#send(token, target, request);
    if (answer.kind !== "refused" || answer.reason !== "signedOut") return answer;
    const fresh = await this.#token(tenantId, true);
    return typeof fresh === "string" ? this.#send(fresh, target, request) : fresh;
  }

  /** A token, or what its absence means: nothing was asked of Graph, so nothing was done. */
  async #token(tenantId: string, fresh: boolean): Promise<string | GraphAnswer> {
    try {
      return await this.#options.token(tenantId, fresh);
    } catch (error) {
      return signInFailure(error);
    }
  }

  async #send(token: string, target: string, { method, body }: GraphRequest): Promise<GraphAnswer> {
    const { baseUrl, clock, tap, timeoutMs } = this.#options;
    try {
      return await tap(`graph.${method}`, async () => {
        const response = await fetch(baseUrl + target, {
          method,
          headers: headersFor(token, body !== undefined),
          signal: AbortSignal.timeout(timeoutMs),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        const retryAfter = response.headers.get("retry-after");
        return judge({ status: response.status, retryAfter, body: parse(text) }, clock.now());
      });
    } catch (error) {
      return { kind: "unclear", why: reasonOf(error) };
    }
  }
}

function headersFor(token: string, hasBody: boolean): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    accept: "application/json",
    "client-request-id": randomId(),
    ...(hasBody ? { "content-type": "application/json" } : {}),
  };
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's error page: the status decides, and the text helps a person.
    return { error: { code: "not-json", message: text.slice(0, 200) } };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
