/** Requests to AdminService: what can go out, what can come back, and how fast. */
import {
  bodyOf,
  foreignWords,
  type OutsideBody,
  serviceErrorIn,
} from "../../shared/kernel/outside-text.ts";

/** A request; the path is below `/AdminService`. */
export type SiteRequest = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
};

/** What came back, with its body as `bodyOf` takes it. `lost`: it never arrived at the site, or (`sent`) nobody can tell. */
export type SiteAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  | { readonly kind: "lost"; readonly sent: boolean; readonly why: string };

/** Makes one request; never throws for what the network or the site does. */
export type Transport = (request: SiteRequest) => Promise<SiteAnswer>;

/** JSON, or the text itself where it is none: a page. */
export function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return text;
  }
}

/** The same transport, at most so many requests a second. */
export function throttled(transport: Transport, requestsPerSecond: number): Transport {
  const intervalMs = 1000 / requestsPerSecond;
  let nextFree = 0;
  return async (request) => {
    const now = Date.now();
    const at = Math.max(now, nextFree);
    nextFree = at + intervalMs;
    if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now));
    return transport(request);
  };
}

/** Something as a record, empty when it is none. */
export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** An answer's body, and the reason in it if it is the site's own word. */
export function wordsOf(given: unknown): { body: OutsideBody; reason: string | undefined } {
  const body = bodyOf(given);
  const error = serviceErrorIn(body);
  return { body, reason: error && (error.message || error.code) };
}

/** What an answer says, for a person. */
export function saysWhat(status: number, given: unknown): string {
  const { body, reason } = wordsOf(given);
  if (body.kind === "foreign")
    return `something answers ${status} in the place of the site: ${foreignWords(body.text)}`;
  return `the site answers ${status}: ${reason ?? "without a reason"}`;
}
