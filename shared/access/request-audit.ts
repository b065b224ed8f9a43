/** The audit event of one request, from what is known of it at its end. Pure. */
import { type Instant, toIso } from "../kernel/clock.ts";
import { randomId } from "../kernel/values.ts";
import type { Approval } from "./approvals/approval.ts";
import type { AuditEvent } from "./audit/audit-event.ts";
import type { Caller } from "./sign-in/caller.ts";
import type { RateLimiter } from "./sign-in/rate-limit.ts";
import type { AuditNote } from "./signed-in.ts";

/** A request at its end. */
export type EndedRequest = {
  readonly eventId: string;
  readonly at: Instant;
  /** Undefined when nobody was recognised. */
  readonly caller: Caller | undefined;
  readonly ip: string | undefined;
  readonly operation: string;
  readonly method: string;
  /** A registered tenant that a recognised caller asked for; never what an anonymous caller wrote. */
  readonly tenantId: string | undefined;
  readonly outcome: AuditEvent["outcome"];
  /** Where it was refused, or the code of the failure. */
  readonly step: string | undefined;
  readonly requestId: string;
  readonly note: AuditNote;
};

/** Whether a request belongs into the trail: what changes something, and what was refused. */
export const isAudited = ({
  method,
  outcome,
  note,
}: Pick<EndedRequest, "method" | "outcome" | "note">): boolean =>
  outcome === "refused" || (method !== "GET" && note.unchanged !== true);

/** The event. */
export function auditEventOf(request: EndedRequest): AuditEvent {
  const { eventId, at, caller, ip, operation, tenantId, outcome, step, requestId, note } = request;
  const { unchanged: _, ...said } = note;
  const known = { ip, tenantId, step, ...said };
  return {
    eventId,
    at: toIso(at),
    actor: actorOf(caller),
    operation,
    outcome,
    requestId,
    // What is not known is left out, not written as nothing.
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  };
}

/** The event of an approval that nobody decided on in time. */
export const expiryEvent = ({
  approvalId,
  tenantId,
  subject,
  expiresAt,
  requestedBy,
}: Approval): AuditEvent => ({
  eventId: randomId(),
  at: toIso(expiresAt),
  actor: { kind: "system", id: "" },
  operation: "approvals-expire",
  tenantId,
  object: `${subject.kind}/${subject.id}`,
  outcome: "allowed",
  before: { state: "pendingApproval" },
  after: { state: "expired", summary: subject.summary, requestedBy: requestedBy.principal },
  requestId: approvalId,
});

function actorOf(caller: Caller | undefined): AuditEvent["actor"] {
  if (caller === undefined) return { kind: "anonymous", id: "" };
  const { kind, oid, tid, appId, name } = caller;
  const said = { ...(appId === "" ? {} : { appId }), ...(name === undefined ? {} : { name }) };
  return { kind, id: oid, homeTenantId: tid, ...said };
}

/**
 * The address that a request came from: the last one of X-Forwarded-For, which the platform's own front
 * end adds. What stands before it is the caller's own claim.
 */
export function clientAddress(forwardedFor: string | null): string | undefined {
  const last = forwardedFor?.split(",").at(-1)?.trim() ?? "";
  const [, bracketed] = /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(last) ?? [];
  if (bracketed !== undefined) return bracketed;
  const [, v4] = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(last) ?? [];
  if (v4 !== undefined) return v4;
  return /^[0-9a-f:]{2,45}$/i.test(last) ? last : undefined;
}

// Which refused anonymous calls get an audit event of their own. Anybody can be refused as often as they
// like, from as many addresses as they have, and the trail is kept for ever: beyond a rate such calls are
// counted, and the next event says how many there were. Each stands in the log by itself.

/** Asks for an event; `unrecorded` is how many had none since the one before. */
export type AnonymousEvents = {
  readonly ask: (network: string) => { readonly audited: boolean; readonly unrecorded: number };
};

/** Keeps count for this process. */
export function limitAnonymousEvents(limiter: RateLimiter): AnonymousEvents {
  let unrecorded = 0;
  return {
    ask(network) {
      const heard =
        limiter.count("anonymous", network, "write").ok &&
        limiter.count("allAnonymous", "all", "write").ok;
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
