/**
 * Posting to an address that somebody wrote down. Everything else that this app calls is named in its settings; here a
 * caller of the API decides, so that the address must lead to the internet and nowhere into our own network. It is
 * judged by what it resolves to, at the moment of connecting: a name that was harmless when it was written down may
 * resolve to something else by now. First, pure, which addresses are taken; then the request.
 */
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { type Clock, fromIso, type Instant } from "../kernel/clock.ts";
import { reasonOf } from "../kernel/outside-text.ts";
import { type Answer, attemptMs } from "./webhook.ts";

type Subnet = readonly [address: string, prefix: number];

function listOf(family: "ipv4" | "ipv6", subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of subnets) list.addSubnet(address, prefix, family);
  return list;
}

/** Everything that IANA's registry of special-purpose addresses keeps off the internet, and Azure's own host. */
const closed4 = listOf("ipv4", [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // Azure's own host, which answers every machine there: it looks public and is not.
  ["168.63.129.16", 32],
]);
/** Unicast of the internet: loopback, private, link-local, multicast, mapped and translated addresses are outside of it. */
const open6 = listOf("ipv6", [["2000::", 3]]);
/** Inside of it, what is for protocols and examples, and what carries an IPv4 address to somewhere. */
const closed6 = listOf("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/** Whether an IP address is one of the internet. */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !closed4.check(address, "ipv4");
    case 6:
      return open6.check(address, "ipv6") && !closed6.check(address, "ipv6");
    default:
      return false;
  }
}

const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, "");
const isLoopback = (host: string): boolean => /^(localhost|127\.0\.0\.1|::1)$/.test(host);
const lowestPort = 1024;

/** What is wrong with an address; undefined: it can be taken. `toLoopback`: the settings let this very machine be one. */
export function faultOf(address: string, toLoopback: boolean): string | undefined {
  const url = URL.parse(address);
  if (url === null) return "is not an address";
  if (url.username !== "" || url.password !== "") return "must not hold a name and password";
  if (url.hash !== "") return "must not have a fragment";
  const host = bare(url.hostname);
  if (toLoopback && isLoopback(host) && /^https?:$/.test(url.protocol)) return undefined;
  if (url.protocol !== "https:") return "must begin with https://";
  if (url.port !== "" && Number(url.port) < lowestPort)
    return `must not have a port below ${lowestPort} other than 443`;
  if (isLoopback(host) || (isIP(host) !== 0 && !isPublic(host)))
    return "must lead to the internet, not into a private network";
  return undefined;
}

/** The name resolves to what must not be called. Which address that was is not for whoever asked. */
class AddressRefused extends Error {
  constructor() {
    super("the name resolves to an address that is none of the internet");
  }
}

/** Resolves as `resolve` does, and refuses a name that has a single address outside of the internet. */
const guarded =
  (resolve: LookupFunction): LookupFunction =>
  (hostname, options, done) =>
    resolve(hostname, { ...options, all: true }, (error, found) => {
      const addresses: readonly LookupAddress[] = typeof found === "string" ? [] : (found ?? []);
      const [first] = addresses;
      if (error !== null) return done(error, []);
      if (first === undefined || !addresses.every(({ address }) => isPublic(address)))
        return done(new AddressRefused(), []);
      return options.all === true
        ? done(null, [...addresses])
        : done(null, first.address, first.family);
    });

/** How addresses are resolved and how long an answer may take; tests have their own. */
export type PostOptions = {
  readonly clock: Clock;
  readonly toLoopback: boolean;
  readonly resolve?: LookupFunction;
  readonly timeoutMs?: number;
};

/** Posts once, on a connection of its own. Follows no redirect, and reads nothing of the answer but its head. */
export async function post(
  address: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  { clock, toLoopback, resolve = systemLookup, timeoutMs = attemptMs }: PostOptions,
): Promise<Answer> {
  // Again, since settings change, and an address by number is never resolved.
  const fault = faultOf(address, toLoopback);
  if (fault !== undefined) return { kind: "failed", error: `the address ${fault}` };
  const url = new URL(address);
  const isOwn = isLoopback(bare(url.hostname));
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await new Promise<Answer>((answer, failed) => {
      const request = (url.protocol === "https:" ? tlsRequest : plainRequest)(url, {
        method: "POST",
        agent: false,
        lookup: isOwn ? resolve : guarded(resolve),
        signal,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "user-agent": "Muster",
          ...headers,
        },
      });
      request.on("response", ({ statusCode = 0, headers: { "retry-after": after } }) => {
        answer(judge(statusCode, after, clock.now()));
        request.destroy();
      });
      request.on("error", failed);
      request.end(body);
    });
  } catch (error) {
    return { kind: "failed", error: signal.aborted ? "no answer in time" : reasonOf(error) };
  }
}

const gone = 410;

function judge(status: number, retryAfter: string | undefined, now: Instant): Answer {
  if (status >= 200 && status < 300) return { kind: "taken", status };
  if (status === gone) return { kind: "gone", status };
  const isRedirect = status >= 300 && status < 400;
  const error = isRedirect ? `${status}: redirects are not followed` : `answered ${status}`;
  const waitMs = retryAfter === undefined ? undefined : waitOf(retryAfter, now);
  return { kind: "failed", status, error, ...(waitMs === undefined ? {} : { waitMs }) };
}

/** Milliseconds of a Retry-After, which counts seconds or names a moment; nothing of one that says neither. */
function waitOf(text: string, now: Instant): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const until = fromIso(text);
  return until === undefined ? undefined : Math.max(0, until - now);
}
