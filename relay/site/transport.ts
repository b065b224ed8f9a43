/**
 * Requests to AdminService: what can go out, what can come back, and how fast; the two ways in which they go, by Node
 * and by curl; and reading lists and single objects over either.
 */

import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  bodyOf,
  foreignWords,
  type OutsideBody,
  plainText,
  reasonOf,
  serviceErrorIn,
} from "../../shared/kernel/outside-text.ts";
import { pathBelow, wholeLink } from "../../shared/kernel/values.ts";

/** A request; the path is below `/AdminService`. */
type SiteRequest = {
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
function parsed(text: string): unknown {
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

// Requests to AdminService by Node itself: without credentials, or with a name and a password.

/** Errors of a connection that was never made. */
const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** How AdminService learns who asks. */
export type SiteAuth =
  | { readonly kind: "negotiate"; readonly curl: string }
  | { readonly kind: "basic"; readonly user: string; readonly password: string }
  | { readonly kind: "none" };

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
      return { kind: "lost", sent: !neverConnected.has(codeOf(error)), why: reasonOf(error) };
    }
  };
}

function codeOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

// Requests to AdminService as the account that the relay runs under, by Kerberos.
//
// Node has no Kerberos. curl has: on Windows, where it is part of the system, it signs in with the account of
// its process (SSPI), a group managed service account included; elsewhere with the ticket cache (GSSAPI).

/** curl's exit codes for a request that never left: could not resolve, connect, or agree on TLS. */
const neverSent = new Set([5, 6, 7, 35, 60]);
/** What curl writes behind the body. */
const marker = "\nmuster-status:";

/** Makes each request with a curl process of its own. */
export const curlTransport =
  (base: string, curl: string, timeoutMs: number): Transport =>
  (request) =>
    new Promise((resolve) => {
      const child = spawn(curl, curlArguments(base, request, timeoutMs), {
        stdio: ["pipe", "pipe", "pipe"],
        windowsHide: true,
      });
      const out: Buffer[] = [];
      const complaint: Buffer[] = [];
      child.stdout.on("data", (part: Buffer) => out.push(part));
      child.stderr.on("data", (part: Buffer) => complaint.push(part));
      child.once("error", ({ message }) =>
        resolve({ kind: "lost", sent: false, why: `${curl} cannot be run: ${message}` }),
      );
      child.once("close", (code) =>
        resolve(answerOf(code ?? 1, textOf(out), textOf(complaint).trim())),
      );
      // A curl that ended before it read everything has said why by its exit code.
      child.stdin.on("error", () => undefined);
      child.stdin.end(request.body === undefined ? "" : JSON.stringify(request.body));
    });

function curlArguments(
  base: string,
  { method, path, body }: SiteRequest,
  timeoutMs: number,
): string[] {
  // Neither a configuration file of the account's nor a proxy of the machine's has a say in this.
  const own = ["--disable", "--noproxy", "*", "--globoff"];
  const json = ["--header", "Content-Type: application/json", "--data-binary", "@-"];
  // Whoever asks is the account of this process; no name or password is written anywhere.
  const account = ["--negotiate", "--user", ":"];
  const limits = ["--max-time", String(timeoutMs / 1000)];
  const asked = ["--request", method, "--header", "Accept: application/json"];
  const shown = ["--silent", "--show-error", "--write-out", `${marker}%{http_code}`];
  const carried = body === undefined ? [] : json;
  return [...own, ...shown, ...account, ...limits, ...asked, ...carried, new URL(base + path).href];
}

function answerOf(code: number, output: string, complaint: string): SiteAnswer {
  const at = output.lastIndexOf(marker);
  const status = Number(output.slice(at + marker.length));
  if (code !== 0 || at < 0 || !(status > 0))
    return {
      kind: "lost",
      sent: !neverSent.has(code),
      why: plainText(complaint, 300) || `curl ended with ${code}`,
    };
  return { kind: "answer", status, body: parsed(output.slice(0, at)) };
}

const textOf = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString("utf8");

// Reads from AdminService: lists and single objects, in the shapes that Microsoft documents or that are known to work.

/** The site could not be read now. */
export class SiteUnreadable extends Error {}

/** An object of the site's. */
export type Row = Readonly<Record<string, unknown>>;

/** Reading. @throws SiteUnreadable when the site does not answer, or not what was asked for. */
export type OdataReader = ReturnType<typeof odataReader>;

const notFound = 404;
const maxReads = 3;
const rereadMs = 200;

/** More pages than any list of a site has: paging that does not end. */
const maxPages = 1000;

/** Reads over a transport, whose requests go below `base`. */
export function odataReader(transport: Transport, base: string) {
  const read = readerOver(transport);
  return {
    /**
     * A list. A page that is none, such as a proxy's, is no empty list: whoever looks for an own operation in it
     * would start it again, and an inventory would end in the middle.
     */
    list: async (path: string): Promise<readonly Row[]> => {
      const rows: Row[] = [];
      const asked = new Set<string>();
      for (let page: string | undefined = path; page !== undefined; ) {
        asked.add(page);
        const { status, body: given } = await read(page);
        const { body } = wordsOf(given);
        const found = rowsIn(body);
        if (status === notFound || found === undefined)
          throw new SiteUnreadable(`${saysWhat(status, given)}, and no list`);
        for (const row of found) rows.push(row);
        page = nextPage(base, page, body);
        if (page !== undefined && (asked.has(page) || asked.size >= maxPages))
          throw new SiteUnreadable("the site's pages do not end");
      }
      return rows;
    },
    /** One object by its key; undefined when there is none. */
    one: async (path: string): Promise<Row | undefined> => {
      const answer = await read(path);
      const { status } = answer;
      const { body, reason } = wordsOf(answer.body);
      const denies = reason !== undefined && denied.test(reason);
      if (status === notFound && body.kind !== "foreign" && !denies) return undefined;
      if (status === notFound || body.kind !== "object" || reason !== undefined)
        throw new SiteUnreadable(`${saysWhat(status, answer.body)}, and no object`);
      const rows = rowsIn(body);
      return rows === undefined ? body.fields : rows[0];
    },
  };
}

/** AdminService answers 404 for a missing right as well, and says so: what may not be seen may well be there. */
const denied = /denied|unauthori[sz]ed|not authori[sz]ed|forbidden|permission/i;

/** Reads, and reads again after a stumble. What is not there is an answer. */
const readerOver =
  (transport: Transport) =>
  async (path: string): Promise<SiteAnswer & { kind: "answer" }> => {
    for (let reads = 1; ; reads += 1) {
      const answer = await transport({ method: "GET", path });
      if (answer.kind === "answer" && (isSuccess(answer.status) || answer.status === notFound))
        return answer;
      if (reads >= maxReads) throw new SiteUnreadable(failureWords(answer));
      await sleep(rereadMs * reads);
    }
  };

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const failureWords = (answer: SiteAnswer): string =>
  answer.kind === "lost" ? answer.why : saysWhat(answer.status, answer.body);

/** The rows of a list, wrapped as OData does. */
function rowsIn(body: OutsideBody): readonly Row[] | undefined {
  const value = body.kind === "object" ? body.fields["value"] : undefined;
  return Array.isArray(value) ? value.map(recordOf) : undefined;
}

/** Where a list goes on, below the base; our credentials go nowhere else. */
function nextPage(base: string, asked: string, body: OutsideBody): string | undefined {
  const link = body.kind === "object" ? body.fields["@odata.nextLink"] : undefined;
  if (typeof link !== "string" || link === "") return undefined;
  const whole = wholeLink(link, base + asked);
  const path = pathBelow(base, whole);
  if (path === undefined)
    throw new SiteUnreadable(
      `the site says that its list goes on at ${plainText(whole, 200)}, which is not below ${base}`,
    );
  return path;
}

/** Whether a property that is 1, 0 or nothing says yes; some sites write it as a Boolean. */
export const isSet = (value: unknown): boolean => value === true || value === 1;

/** A system that is still there: neither replaced by a newer record nor taken out of service. */
export const isPresent = (row: Row): boolean =>
  !isSet(row["Obsolete"]) && !isSet(row["Decommissioned"]);

/** A number of a row; 0 when it has none. */
export function numberIn(row: Row, name: string): number {
  const value = Number(row[name]);
  return Number.isFinite(value) ? value : 0;
}
