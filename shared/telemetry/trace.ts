/**
 * What is told of work while it goes on: spans that make one trace from a request over messages to the far side, and counts.
 * Until somebody listens (`listen.ts`) all of it does nothing, and messages carry nothing of it.
 *
 * Ids, names and counts only: no bodies, no texts of people, no addresses with what was asked.
 */
import {
  type Attributes,
  type Counter,
  type Histogram,
  metrics,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";

const scope = "muster";

/** Instruments by their names, once somebody listens. */
let instruments: Map<string, Counter | Histogram> | undefined;

/** Somebody listens from now on. */
export function someoneListens(): void {
  instruments = new Map();
}

/** W3C Trace Context: version, trace, parent, flags. */
const traceparentForm = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Whether anybody does: what takes time to count is not counted for nobody. */
export const isOn = (): boolean => instruments !== undefined;

/** Where a piece of work came from, and what it is. */
export type Work = {
  readonly kind: "request" | "message" | "timer";
  /** A W3C `traceparent` of whoever asked for it; absent or strange: of the host's invocation. */
  readonly parent?: string | undefined;
  /** That of the host's own span of the invocation. */
  readonly host: string | undefined;
  readonly attributes: Attributes;
};

/**
 * Does a piece of work as a span; `note` adds what is known only afterwards. What it throws ends the span as failed. The span
 * is internal: the host has one of its own for each invocation, of a server or consumer, and would be counted twice.
 */
export function inSpan<T>(
  name: string,
  { kind, parent, host, attributes }: Work,
  work: (note: (attributes: Attributes) => void) => Promise<T>,
): Promise<T> {
  if (instruments === undefined) return work(() => undefined);
  const [asker, invocation] = [spanContextOf(parent), spanContextOf(host)];
  const links = asker !== undefined && invocation !== undefined ? [{ context: invocation }] : [];
  const from = asker ?? invocation;
  const below = from === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, from);
  const options = { links, attributes: { ...attributes, "muster.work": kind } };
  return trace
    .getTracer(scope)
    .startActiveSpan(name, options, below, (span) =>
      ended(span, () => work((more) => void span.setAttributes(more))),
    );
}

async function ended<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Its message could quote a body: the log has it where it may be said.
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute("error.type", error instanceof Error ? error.name : typeof error);
    throw error;
  } finally {
    span.end();
  }
}

function spanContextOf(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = traceparentForm.exec(text ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** The `traceparent` of the work that goes on here; undefined when nobody listens. */
function traceparent(): string | undefined {
  const span = trace.getActiveSpan();
  if (!span?.isRecording()) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** The trace's id, for lines of the log; undefined when nobody listens. */
export const traceIdNow = (): string | undefined => traceparent()?.slice(3, 35);

// Calls that leave the process.

type Intercept = <T>(operation: string, call: () => Promise<T>) => Promise<T>;

/**
 * The same interceptor, with a span for each call to the outside, and counts. Calls to tables are counted only: there are more of
 * them than of all others, and none tells anything by itself.
 */
export const observed =
  (intercept: Intercept): Intercept =>
  (operation, call) => {
    if (instruments === undefined) return intercept(operation, call);
    if (operation.startsWith("table.")) {
      count("muster.storage.requests", 1, { operation });
      return intercept(operation, call);
    }
    const active = trace.getActiveSpan();
    // What belongs to no work, such as the first look at the key, would be a trace of one span.
    if (active === undefined) return intercept(operation, call);
    return intercept(operation, () => asSpan(operation, call));
  };

function asSpan<T>(operation: string, call: () => Promise<T>): Promise<T> {
  const kind = operation.startsWith("queue.send") ? SpanKind.PRODUCER : SpanKind.CLIENT;
  return trace.getTracer(scope).startActiveSpan(operation, { kind }, (span) =>
    ended(span, async () => {
      const answer = await call();
      const outcome = outcomeOf(answer);
      if (outcome !== undefined) span.setAttribute("muster.outcome", outcome);
      const [side = "", method = ""] = operation.split(".");
      if (side === "graph")
        count("muster.graph.requests", 1, { method, outcome: outcome ?? "none" });
      return answer;
    }),
  );
}

/** How the far side answered, where its client has judged that: `ok`, `throttled`, `refused` and others. */
function outcomeOf(answer: unknown): string | undefined {
  const kind = (answer as { readonly kind?: unknown } | null | undefined)?.kind;
  return typeof kind === "string" ? kind : undefined;
}

// Counts and times. Names are in docs/operations.md.

/** Adds to a count. */
export function count(name: `muster.${string}`, by: number, attributes: Attributes): void {
  const counter = instrument(name, () => metrics.getMeter(scope).createCounter(name));
  counter?.add(by, attributes);
}

/** From what is hardly noticed to what wakes somebody. */
const boundaries = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600];

/** Notes how long something took or was waited for, in seconds. */
export function seconds(name: `muster.${string}`, value: number, attributes: Attributes): void {
  const options = { advice: { explicitBucketBoundaries: [...boundaries] } };
  const create = () => metrics.getMeter(scope).createHistogram(name, options);
  instrument(name, create)?.record(value, attributes);
}

function instrument<I extends Counter | Histogram>(name: string, create: () => I): I | undefined {
  if (instruments === undefined) return undefined;
  // A name has one kind of instrument: that of the function above that it was first given to.
  const known = (instruments.get(name) as I | undefined) ?? create();
  instruments.set(name, known);
  return known;
}

// What messages carry.

/** What a message carries of its trace: where it came from, and when it was to come, by the sender's clock. */
export type Stamp = { readonly traceparent: string; readonly due: number };

/** The stamp for a message that is to come after `delaySeconds`; none when nobody listens. */
export function stamp(now: number, delaySeconds: number): { readonly trace?: Stamp } {
  const parent = traceparent();
  return parent === undefined
    ? {}
    : { trace: { traceparent: parent, due: now + delaySeconds * 1000 } };
}

const idNames = ["kind", "tenantId", "jobId", "syncId", "refreshId", "webhookId", "round"];

/** What a message says of its trace, and the ids that it names. A message without a stamp, or of any shape, is fine. */
export function readStamp(message: unknown): Partial<Stamp> & { readonly ids: Attributes } {
  if (typeof message !== "object" || message === null) return { ids: {} };
  const fields = message as Readonly<Record<string, unknown>>;
  const ids: Attributes = {};
  for (const name of idNames) {
    const value = fields[name];
    if (typeof value === "string" || typeof value === "number") ids[`muster.${name}`] = value;
  }
  const { traceparent: parent, due } = (fields["trace"] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    ids,
    ...(typeof parent === "string" ? { traceparent: parent } : {}),
    ...(typeof due === "number" ? { due } : {}),
  };
}
