/** One request to Muster: signed in, within its time, and judged. */
import type { MusterClock } from "./muster-clock.ts";
import type { TokenSource } from "./muster-token.ts";
import { MusterTrouble } from "./muster-trouble.ts";
import { parsed, recordOf } from "./transport.ts";

const timeoutMs = 60_000;
const secondMs = 1000;
const noContent = 204;
const unauthenticated = 401;

/** Where Muster is, and for which site we speak. */
export type MusterAddress = {
  readonly url: string;
  readonly tenantId: string;
  readonly siteCode: string;
};

/** Asks for something below the site; answers the body. @throws MusterTrouble */
export type Ask = (method: string, path: string, body: unknown) => Promise<unknown>;

/** Makes requests for one site. */
export function askerOf(
  { url, tenantId, siteCode }: MusterAddress,
  tokens: TokenSource,
  clock: MusterClock,
): Ask {
  const base = `${url}/api/v1/tenants/${tenantId}/sites/${siteCode}`;
  const send = async (method: string, path: string, body: string, fresh: boolean) => {
    const authorization = `Bearer ${await tokens(fresh)}`;
    const headers = { authorization, "content-type": "application/json" };
    const signal = AbortSignal.timeout(timeoutMs);
    return exchange(base + path, { method, headers, body, signal });
  };
  return async (method, path, body) => {
    const text = JSON.stringify(body);
    let answer = await send(method, path, text, false);
    // A token that ran out on the way, or whose app has been given another role meanwhile.
    if (answer.status === unauthenticated) answer = await send(method, path, text, true);
    clock.hear(answer.headers.get("date"));
    return contentOf(answer);
  };
}

type Answer = { readonly status: number; readonly headers: Headers; readonly text: string };

async function exchange(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (cause) {
    throw new MusterTrouble(`Muster does not answer: ${causeOf(cause)}`);
  }
}

function contentOf({ status, headers, text }: Answer): unknown {
  const content = parsed(text);
  if (status === noContent) return undefined;
  const isObject = typeof content === "object" && content !== null;
  if (status >= 200 && status < 300) {
    if (isObject) return content;
    // A page of somebody in between, such as a sign-in page: Muster has heard nothing.
    throw new MusterTrouble(`something answers ${status} in the place of Muster`);
  }
  const { code, detail } = recordOf(content);
  const said = typeof code === "string" ? `${code}: ${String(detail)}` : "without a reason";
  const seconds = Number(headers.get("retry-after"));
  throw new MusterTrouble(`Muster answers ${status} ${said}`, {
    code: typeof code === "string" ? code : undefined,
    retryAfterMs: seconds > 0 ? seconds * secondMs : 0,
  });
}

/** The reason below the words "fetch failed". */
function causeOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  return String(cause instanceof Error ? cause.message || cause.name : error);
}
