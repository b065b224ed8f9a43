/**
 * Which refused calls of strangers get an audit event of their own. Anybody can be refused as often as they
 * like, from as many addresses as they have, and the trail is kept for ever: beyond a rate such calls are
 * counted, and the next event says how many there were. Each stands in the log by itself.
 */
import type { RateLimiter } from "./rate-limiter.ts";

/** Asks for an event; `unrecorded` is how many had none since the one before. */
export type StrangerEvents = {
  readonly ask: (network: string) => { readonly audited: boolean; readonly unrecorded: number };
};

/** Keeps count for this process. */
export function strangerEvents(limiter: RateLimiter): StrangerEvents {
  let unrecorded = 0;
  return {
    ask(network) {
      const heard =
        limiter.count("stranger", network, "write").ok &&
        limiter.count("strangers", "all", "write").ok;
      const before = unrecorded;
      unrecorded = heard ? 0 : before + 1;
      return { audited: heard, unrecorded: before };
    },
  };
}

const groups = 8;
/** Whoever has one address of IPv6 has all of its /64. */
const networkGroups = 4;

/** What counts as one place to call from: an IPv4 address, or the /64 of one of IPv6. Pure. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const [first, last] = [partsOf(head), partsOf(tail ?? "")];
  const gap = tail === undefined ? 0 : Math.max(0, groups - first.length - last.length);
  const all = [...first, ...Array.from({ length: gap }, () => "0"), ...last];
  const network = all.slice(0, networkGroups).map((part) => part.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}

const partsOf = (text: string): string[] => text.split(":").filter((part) => part !== "");
