/** Requests to AdminService by Node itself: without credentials, or with a name and a password. */
import { reasonOf } from "../../shared/kernel/outside-text.ts";
import type { SiteAuth } from "../base/settings.ts";
import { parsed, type Transport } from "./transport.ts";

/** Errors of a connection that was never made. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Makes requests for an account that is not this process's own. */
export function fetchTransport(
  base: string,
  auth: Exclude<SiteAuth, { kind: "negotiate" }>,
  timeoutMs: number,
): Transport {
  const credentials =
    auth.kind === "basic"
      ? {
          authorization: `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString("base64")}`,
        }
      : {};
  return async ({ method, path, body }) => {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    try {
      const answer = await fetch(base + path, {
        method,
        headers: { accept: "application/json", ...credentials, ...json },
        signal: AbortSignal.timeout(timeoutMs),
        // What the site is asked, and by whom, is nobody else's business.
        redirect: "manual",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { kind: "answer", status: answer.status, body: parsed(await answer.text()) };
    } catch (error) {
      return { kind: "lost", sent: !neverSent.has(codeOf(error)), why: reasonOf(error) };
    }
  };
}

function codeOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}
