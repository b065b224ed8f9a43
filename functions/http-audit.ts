/** What is remembered of a request on its way, and the audit event that is made of it at its end. */

import {
  auditEventOf,
  cleaned,
  clientAddress,
  isAudited,
  redact,
} from "../shared/access/audit/trail.ts";
import type { Refused } from "../shared/access/guard.ts";
import type { Caller } from "../shared/access/sign-in/caller.ts";
import type { AuditNote } from "../shared/access/signed-in.ts";
import type { Operation } from "../shared/http/operation.ts";
import type { Reply } from "../shared/http/reply.ts";
import type { Failure, Result } from "../shared/kernel/failure.ts";
import { randomId } from "../shared/kernel/values.ts";
import { isReplayed } from "../shared/work/idempotency.ts";
import type { Tools } from "./define.ts";
import type { Incoming } from "./http-request.ts";
import type { Services } from "./services.ts";

/** A request on its way; each step adds what it found. */
export type Trace = {
  readonly operation: Operation;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly ip: string | undefined;
  caller?: Caller;
  /** A registered tenant that a recognised caller asked for. */
  tenantId?: string;
  /** Where the door stayed shut, and whether that goes into the trail. */
  refused?: Pick<Refused, "step" | "audited" | "unrecorded">;
  note: AuditNote;
};

/** Begins the trace of a request. */
export const traceOf = (operation: Operation, request: Incoming, requestId: string): Trace => ({
  operation,
  method: request.method,
  path: new URL(request.url).pathname,
  requestId,
  ip: clientAddress(request.headers.get("x-forwarded-for")),
  note: {},
});

/**
 * Writes the event of an ended request, if it is one for the trail. What was done stays done when the
 * trail cannot be written: then the event stands in the log, without anything secret.
 */
export async function audit(
  trace: Trace,
  result: Result<Reply>,
  { services, log }: Tools<Pick<Services, "clock" | "trail">>,
): Promise<void> {
  const { operation, method, path, requestId, ip, caller, tenantId, refused, note } = trace;
  const outcome = outcomeOf(trace, result);
  if (refused?.audited === false || (operation.anonymous && refused === undefined)) return;
  if (!isAudited({ method, outcome, note })) return;
  const event = auditEventOf({
    eventId: randomId(),
    at: services.clock.now(),
    caller,
    ip,
    operation: operation.name,
    method,
    tenantId,
    outcome,
    step: refused?.step ?? stepOf(result),
    requestId,
    // What an anonymous caller wrote into the address is not kept.
    note:
      caller === undefined
        ? unrecordedBefore(refused)
        : {
            object: path.replace(/^\/api\/v1\//, ""),
            ...(outcome === "refused" ? inShort(operation.name, note) : note),
          },
  });
  try {
    await services.trail.append(event);
  } catch (error) {
    log("audit.lose", { requestId, audit: cleaned(event), error: String(error) });
  }
}

/**
 * A repeated request is kept as what it is: it changed nothing, but the first one may have died between
 * giving its answer and this trail.
 */
function stepOf(result: Result<Reply>): string | undefined {
  if (!result.ok) return result.failure.code;
  return isReplayed(result.value) ? "replayed" : undefined;
}

/** Longest body that is kept of what was refused, in characters. */
const maxRefusedChars = 2000;

/** What a refused caller wanted: who may do nothing at all could fill the trail with it. */
function inShort(operation: string, note: AuditNote): AuditNote {
  const { length } = JSON.stringify(redact(operation, note.after)) ?? "";
  return length > maxRefusedChars ? { ...note, after: `[${length} characters]` } : note;
}

/** How many anonymous calls were refused without an event of their own: what is not kept is counted at least. */
const unrecordedBefore = (refused: Trace["refused"]): AuditNote =>
  refused?.unrecorded ? { after: { unrecorded: refused.unrecorded } } : {};

function outcomeOf({ refused }: Trace, result: Result<Reply>): "allowed" | "refused" | "failed" {
  if (result.ok && refused === undefined) return "allowed";
  return result.ok || refused !== undefined || isRefusal(result.failure) ? "refused" : "failed";
}

/** Handlers refuse too: who gives what they do not hold, who approves what they asked for. */
const isRefusal = ({ code }: Failure): boolean => code === "forbidden";
