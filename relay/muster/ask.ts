/** One request to Muster: signed in, within its time, and judged. */
import { bodyOf, reasonIn, reasonOf } from "../../shared/kernel/outside-text.ts";
import { MusterFailure } from "../base/muster-failure.ts";
import type { TokenSource } from "../base/token.ts";

// Muster's clock, as its answers tell it. Ends of notifications are moments on that clock; a server whose own
// clock is an hour off must neither start what is over nor give up what is not.

/** Differences below this are the header's own coarseness, and the time an answer takes. */
const toleranceMs = 5_000;
/** The header leaves fractions of the second out. */
const halfSecondMs = 500;

/** A clock that hears what another one says. */
export type MusterClock = {
  readonly now: () => number;
  /** Takes note of an answer's `Date`. */
  readonly hear: (date: string | null) => void;
};

/** This machine's clock until Muster has said anything. */
export function musterClock(own: () => number = Date.now): MusterClock {
  let aheadMs = 0;
  return {
    now: () => own() + aheadMs,
    hear: (date) => {
      const said = Date.parse(date ?? "") + halfSecondMs - own();
      if (Number.isNaN(said)) return;
      aheadMs = Math.abs(said) < toleranceMs ? 0 : said;
    },
  };
}

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
    // The token and the site's devices are for Muster alone, wherever an answer would send us.
    return exchange(base + path, { method, headers, body, signal, redirect: "manual" });
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
    throw new MusterFailure(`Muster does not answer: ${reasonOf(cause)}`);
  }
}

function contentOf({ status, headers, text }: Answer): unknown {
  if (status === noContent) return undefined;
  const body = bodyOf(text);
  if (status >= 200 && status < 300) {
    if (body.kind !== "foreign" && text !== "") return body.kind === "object" ? body.fields : {};
    // A page of somebody in between, such as a sign-in page: Muster has heard nothing.
    throw new MusterFailure(`something answers ${status} in the place of Muster`);
  }
  const { code, detail } = body.kind === "object" ? body.fields : {};
  const said =
    typeof code === "string" ? reasonIn(`${code}: ${String(detail)}`) : "without a reason";
  const seconds = Number(headers.get("retry-after"));
  throw new MusterFailure(`Muster answers ${status} ${said}`, {
    code: typeof code === "string" ? code : undefined,
    retryAfterMs: seconds > 0 ? seconds * secondMs : 0,
  });
}
