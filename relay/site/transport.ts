/** Requests to AdminService: what can go out, what can come back, and how fast. */
/** A request; the path is below `/AdminService`. */
export type SiteRequest = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
};

/** What came back. `lost`: it never arrived at the site, or (`sent`) nobody can tell. */
export type SiteAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  | { readonly kind: "lost"; readonly sent: boolean; readonly why: string };

/** Makes one request; never throws for what the network or the site does. */
export type Transport = (request: SiteRequest) => Promise<SiteAnswer>;

/** JSON, or undefined for anything else: error pages are HTML. */
export function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** The same transport, at most so many requests a second. */
export function paced(transport: Transport, requestsPerSecond: number): Transport {
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

/** The reason in an error's body. */
export function messageIn(body: unknown): string {
  const { message } = recordOf(recordOf(body)["error"]);
  return typeof message === "string" ? message.slice(0, 300) : "without a reason";
}
