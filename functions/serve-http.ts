/**
 * The way of a request, the same for every HTTP function: who is it, is it well formed, may they, has it
 * been answered before, then the handler, then the audit trail. What fails becomes a problem document.
 */
import type { HttpResponseInit, InvocationContext } from "@azure/functions";
import {
  type AuditTrail,
  auditEventOf,
  cleaned,
  clientAddress,
  isAudited,
  redact,
} from "../shared/access/audit/trail.ts";
import {
  accountOf,
  type Guard,
  type RateClass,
  type Refused,
  refused as refuse,
} from "../shared/access/guard.ts";
import { assignmentsOf, refusalOf, type Standing } from "../shared/access/roles/decide.ts";
import type { Caller } from "../shared/access/sign-in/caller.ts";
import type { AuditNote, SignedIn } from "../shared/access/signed-in.ts";
import { discardBody } from "../shared/http/body.ts";
import type { Operation } from "../shared/http/operation.ts";
import {
  browserHeaders,
  preflight,
  problemReply,
  type Reply,
  saysUnknown,
  sharing,
} from "../shared/http/reply.ts";
import type { Clock } from "../shared/kernel/clock.ts";
import { type Failure, fail, type Result, succeed } from "../shared/kernel/failure.ts";
import { randomId } from "../shared/kernel/values.ts";
import type { TenantCache, TenantRegistry, TenantStore } from "../shared/tenants/tenants.ts";
import { type IdempotentAnswers, isReplayed } from "../shared/work/idempotency.ts";
import type { HttpFunction, HttpInput, Tools } from "./define.ts";
import {
  type InputNeeds,
  idIn,
  outwardReply,
  type Read,
  readAddress,
  readWhole,
} from "./http-input.ts";
import type { Incoming } from "./http-request.ts";

/** What a request's way works with, whatever its handler needs besides. */
type HttpNeeds = AuditNeeds &
  InputNeeds & {
    readonly guard: Guard;
    readonly allowedOrigins: readonly string[];
    readonly answers: IdempotentAnswers;
    readonly tenants: TenantRegistry;
    readonly tenantStore: TenantStore;
    readonly knownTenants: TenantCache;
  };

// A reply in the Functions library's words, with the headers that every answer carries.

/** The headers that depend on the request alone, and that no answer to it lacks. */
const headersFor = (
  request: Incoming,
  allowedOrigins: readonly string[],
  requestId: string,
): Readonly<Record<string, string>> => ({
  ...browserHeaders,
  ...sharing(allowedOrigins, request.headers.get("origin")),
  "x-request-id": requestId,
});

/** Turns a reply into what the Functions library sends; the reply's own headers come last. */
function toResponse(
  reply: Reply,
  common: Readonly<Record<string, string>>,
  { mayWrite }: Pick<Incoming, "mayWrite">,
): HttpResponseInit {
  const { status, headers, contentType, body, stream } = reply;
  const all: Record<string, string> = { ...common, ...headers };
  if (stream !== undefined) {
    all["content-type"] = contentType ?? "text/plain; charset=utf-8";
    return { status, headers: all, body: bytesOf(stream, mayWrite) };
  }
  if (body === undefined) return { status, headers: all };
  all["content-type"] = contentType ?? "application/json";
  return { status, headers: all, body: JSON.stringify(body) };
}

async function* bytesOf(
  stream: AsyncIterable<string | Uint8Array>,
  mayWrite: Incoming["mayWrite"],
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const piece of stream) {
    yield typeof piece === "string" ? encoder.encode(piece) : piece;
    if ((await mayWrite?.()) === false) return;
  }
}

/** Answers one request with one function. Never throws: a bug is a 500 that names the request. */
export async function serveHttp<S extends HttpNeeds>(
  definition: HttpFunction<S>,
  request: Incoming,
  { invocationId }: Pick<InvocationContext, "invocationId">,
  tools: Tools<S>,
): Promise<HttpResponseInit> {
  const { operation } = definition;
  const { log } = tools;
  const { allowedOrigins } = tools.services;
  const common = headersFor(request, allowedOrigins, invocationId);
  if (request.method === "OPTIONS") {
    await finishBody(request);
    return toResponse(preflight(allowedOrigins, request.headers.get("origin")), common, request);
  }
  const trace = traceOf(operation, request, invocationId);
  const answering = answer(definition, request, trace, tools).then((given) =>
    given.ok ? outwardReply(given.value, request, tools.services).then(succeed) : given,
  );
  const result = await answering.catch((error: unknown) => {
    log("request.fail", { operation: operation.name, invocationId, error: describe(error) });
    return fail(
      "internal-error",
      `Nothing more is known to you; operators find the cause under request ${invocationId}.`,
    );
  });
  await finishBody(request);
  await audit(trace, result, tools);
  if (result.ok) return toResponse(result.value, common, request);
  const { code } = result.failure;
  const step = trace.refused?.step;
  if (code !== "internal-error")
    log("request.refuse", { operation: operation.name, code, step, invocationId });
  return toResponse(problemReply(result.failure, invocationId), common, request);
}

/** Sees to it that the rest of a body stands in nobody's way. */
async function finishBody(request: Incoming): Promise<void> {
  if (!(await discardBody(request))) request.closeAfter?.();
}

async function answer<S extends HttpNeeds>(
  definition: HttpFunction<S>,
  request: Incoming,
  trace: Trace,
  tools: Tools<S>,
): Promise<Result<Reply>> {
  const { operation } = definition;
  const { services } = tools;
  const from = { address: addressOf(trace, request), rate: rateOf(request) };
  if (operation.anonymous) {
    const busy = services.guard.countAnonymous(from);
    if (busy) return shut(trace, busy);
    const answered = await answerAnybody(definition, request, { ...tools, ip: trace.ip });
    // Somebody brought what we have given to nobody, or gave away what was good once.
    if (answered.ok && saysUnknown(answered.value))
      trace.refused = services.guard.noteAnonymous(from);
    return answered;
  }
  const who = await services.guard.authenticate(request.headers.get("authorization"), from);
  if (who.kind === "refused") return shut(trace, who);
  const { standing } = who;
  const { caller } = standing;
  trace.caller = caller;
  const asked = await readAddress(operation, request, services);
  if (!asked.ok) return asked;
  // A body is read for nobody who may not send it, unless it is the body that says what they want.
  const early = definition.about === undefined;
  const first = early
    ? await authorizeCall(definition, request, trace, standing, asked.value, tools)
    : undefined;
  if (first?.ok === false) return first;
  const read = await readWhole(operation, request, asked.value);
  if (!read.ok) return read;
  const { input: whole } = read.value;
  if (whole.body !== undefined) trace.note = { after: whole.body };
  const authorized =
    first ?? (await authorizeCall(definition, request, trace, standing, whole, tools));
  if (!authorized.ok) return authorized;
  const signedIn: SignedIn = {
    caller,
    standing,
    authorization: authorized.value,
    note: (note) => {
      trace.note = { ...trace.note, ...note };
    },
  };
  const work = (input: HttpInput<Operation>) =>
    workForTenant(definition, input, { ...tools, signedIn });
  return operation.idempotent
    ? once(trace, request, read.value, { work, tools })
    : work(read.value.input);
}

/** Answers what is open to everybody. */
async function answerAnybody<S extends HttpNeeds>(
  { operation, handle }: HttpFunction<S>,
  request: Incoming,
  tools: Tools<S>,
): Promise<Result<Reply>> {
  const asked = await readAddress(operation, request, tools.services);
  if (!asked.ok) return asked;
  const whole = await readWhole(operation, request, asked.value);
  return whole.ok ? handle(whole.value.input, tools) : whole;
}

/**
 * On whose account a request is that nobody has signed yet. Where no front end says who calls, everybody is on one; who hides
 * it shares none with the platform's probes.
 */
const addressOf = ({ ip }: Trace, { hidesAddress }: Incoming): string =>
  ip ?? (hidesAddress ? "hidden" : "unknown");

/** Asks for the permission. */
async function authorizeCall<S extends HttpNeeds>(
  { operation, about, keepsLimits }: HttpFunction<S>,
  request: Incoming,
  trace: Trace,
  standing: Standing,
  input: HttpInput<Operation>,
  tools: Tools<S>,
): Promise<Result<SignedIn["authorization"]>> {
  const { services } = tools;
  const tenantId = idIn(input.params, "tenantId");
  const collectionId = idIn(input.params, "collectionId");
  const target = { tenantId, collectionId, ...(await about?.(input, services, standing)) };
  const authorized = await services.guard.authorize(standing, {
    operation: operation.name,
    target,
    rate: rateOf(request),
  });
  // Who has no role at all writes into no tenant's trail: theirs goes with those of anonymous callers.
  const hasRole = assignmentsOf(standing).length > 0;
  const isRefused = authorized.kind === "refused";
  if (hasRole && tenantId !== undefined && (!isRefused || authorized.audited))
    await noteTenant(trace, tenantId, isRefused, services);
  if (isRefused) return shut(trace, authorized);
  const { authorization } = authorized;
  if (authorization.limits.kind === "all" || keepsLimits) return succeed(authorization);
  const permission = authorization.asked[0]?.permission ?? "access.manage";
  return shut(trace, refuse("limits", refusalOf({ step: "scope", permission }), true));
}

/** Notes a registered tenant: its trail is where the request's event goes. */
async function noteTenant(
  trace: Trace,
  tenantId: string,
  isRefused: boolean,
  { tenantStore, knownTenants }: Pick<HttpNeeds, "tenantStore" | "knownTenants">,
): Promise<void> {
  // Read for who is refused, not remembered: else the time it takes would say which tenants are in use.
  const tenants = isRefused ? tenantStore : knownTenants;
  if ((await tenants.get(tenantId)) !== undefined) trace.tenantId = tenantId;
}

/**
 * Nobody has anything below a tenant that is not registered. Said here for all operations: reading looks at the tenant as
 * it was seconds ago, a change at what it is now.
 */
async function workForTenant<S extends HttpNeeds>(
  { operation: { method, path }, handle, outlivesTenant }: HttpFunction<S>,
  input: HttpInput<Operation>,
  tools: Tools<S>,
): Promise<Result<Reply>> {
  const { tenants } = tools.services;
  const tenantId = idIn(input.params, "tenantId");
  if (tenantId !== undefined && !outlivesTenant && path.startsWith("api/v1/tenants/{tenantId}/")) {
    const known = await (method === "GET" ? tenants.known(tenantId) : tenants.get(tenantId));
    if (!known.ok) return known;
  }
  return handle(input, tools);
}

/** Answers a repeated request with the first answer; keys are each caller's own. */
function once(
  { operation, caller }: Trace,
  request: Incoming,
  { input, text }: Read,
  {
    work,
    tools,
  }: {
    work: (input: HttpInput<Operation>) => Promise<Result<Reply>>;
    tools: Tools<Pick<HttpNeeds, "answers">>;
  },
): Promise<Result<Reply>> {
  const account = caller === undefined ? "" : accountOf(caller);
  const keyed = {
    scope: `${operation.name} ${idIn(input.params, "tenantId") ?? ""} ${account}`,
    key: request.headers.get("idempotency-key"),
    body: `${input.url.pathname}${input.url.search}\n${text}`,
    seed: input.seed,
  };
  return tools.services.answers.once(keyed, (seed) => work({ ...input, seed }));
}

function shut(trace: Trace, refusal: Refused): Result<never> {
  trace.refused = refusal;
  return { ok: false, failure: refusal.failure };
}

const rateOf = ({ method }: Incoming): RateClass => (method === "GET" ? "read" : "write");

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// What is remembered of a request on its way, and the audit event that is made of it at its end.

/** What writing it down works with. */
type AuditNeeds = { readonly clock: Clock; readonly trail: AuditTrail };

/** A request on its way; each step adds what it found. */
type Trace = {
  readonly operation: Operation;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly ip: string | undefined;
  caller?: Caller;
  /** A registered tenant that a recognised caller asked for. */
  tenantId?: string;
  /** At which step the caller was refused, and whether that goes into the trail. */
  refused?: Pick<Refused, "step" | "audited" | "unrecorded">;
  note: AuditNote;
};

/** Begins the trace of a request. */
const traceOf = (operation: Operation, request: Incoming, requestId: string): Trace => ({
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
async function audit(
  trace: Trace,
  result: Result<Reply>,
  { services, log }: Tools<AuditNeeds>,
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
