/**
 * Functions as values: what triggers them, and what they do. Nothing is registered here, so a test
 * can call a function, and the API document can read it, without a Functions host.
 */
import type { InvocationContext } from "@azure/functions";
import * as z from "zod";
import type { RequestTarget, Standing } from "../shared/access/roles/decide.ts";
import { type SignedIn, signedInOf } from "../shared/access/signed-in.ts";
import type { Reach } from "../shared/devices/collections/list-devices.ts";
import { faultsOf } from "../shared/http/body.ts";
import type { Asked } from "../shared/http/console-files.ts";
import type { Operation } from "../shared/http/operation.ts";
import type { Reply } from "../shared/http/reply.ts";
import type { ReadFile } from "../shared/http/upload.ts";
import type { Result } from "../shared/kernel/failure.ts";
import type { QueueName } from "../shared/storage/names.ts";
import type { Storage } from "../shared/storage/storage.ts";
import type { DeadLetterStore } from "../shared/work/dead-letters.ts";

/** Writes one event: `noun.verb` and the ids it is about; never message bodies or secrets. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** A request after every check: typed by the operation's own schemas. */
export type HttpInput<O extends Operation> = {
  readonly params: Parsed<O["params"]>;
  readonly query: Parsed<O["query"]>;
  readonly body: O["file"] extends object ? Parsed<O["body"]> | undefined : Parsed<O["body"]>;
  /** What came instead of a JSON body, to be read once. */
  readonly file?: ReadFile;
  /** The etag that the caller presented, for conditional operations. */
  readonly ifMatch: string | undefined;
  /** Basis for ids of what the request creates; the same again for the same idempotency key. */
  readonly seed: string;
  readonly url: URL;
  /** Media types that the caller prefers over JSON. */
  readonly accept: string;
  /** How a file may be packed, and which one the caller has. */
  readonly asked: Asked;
};

/**
 * What every handler is given: the services that it names, and no others; `signedIn` where the operation asks who is
 * calling (`signedInOf`).
 */
export type Tools<S = object> = {
  readonly services: S;
  readonly log: Log;
  readonly signedIn?: SignedIn;
  /** How often a queue's message has been delivered by now. */
  readonly tries?: number;
  /** Where a call came from that nobody signed in for. */
  readonly ip?: string | undefined;
};

/**
 * What a request is about, where its path does not say: the action it sends, the collection it is for. Asked
 * before anybody knows whether the caller may: what they cannot see must look like what is not there.
 */
export type About<S> = (
  input: HttpInput<Operation>,
  services: S,
  standing: Standing,
) => Promise<Pick<RequestTarget, "actionPermission" | "collectionId">>;

/** An HTTP function that works with some services; its operation's own type is what clients are typed by. */
export type HttpFunction<S, O extends Operation = Operation> = {
  readonly kind: "http";
  readonly operation: O;
  /** Where it takes more methods than the operation's own. */
  readonly methods?: readonly (Operation["method"] | "HEAD" | "OPTIONS")[];
  readonly about?: About<S>;
  /** Whether it keeps within collections; callers that are limited to some are refused elsewhere. */
  readonly keepsLimits?: boolean;
  /** Whether what it is about outlives its tenant: it is answered for tenants that nobody has registered, too. */
  readonly outlivesTenant?: boolean;
  readonly handle: (input: HttpInput<Operation>, tools: Tools<S>) => Promise<Result<Reply>>;
};

/** Declares an HTTP function for an operation; its handler's tools say which services it works with. */
export function onHttp<const O extends Operation, S = object>(
  operation: O,
  handle: (input: HttpInput<O>, tools: Tools<S>) => Promise<Result<Reply>>,
  more: {
    readonly about?: (input: HttpInput<O>, services: S, standing: Standing) => ReturnType<About<S>>;
    readonly keepsLimits?: boolean;
    readonly outlivesTenant?: boolean;
  } = {},
): HttpFunction<S, O> {
  // The input is built from this very operation's schemas, so the narrower type is what arrives.
  return { kind: "http", operation, handle, ...more };
}

/** What becomes of a queue message. Throwing means: deliver it again soon. */
export type QueueOutcome =
  | { readonly kind: "ack" }
  /** Done for now; look again after a while. A copy is sent, since Functions cannot postpone. */
  | { readonly kind: "again"; readonly afterSeconds: number; readonly message?: object }
  | { readonly kind: "deadLetter"; readonly reason: string };

/** A queue function; it listens on the queue of its own name. */
export type QueueFunction<S> = {
  readonly kind: "queue";
  readonly name: QueueName;
  readonly message: z.ZodType;
  readonly handle: (message: never, tools: Tools<S>) => Promise<QueueOutcome>;
  /** An attempt failed: keeps the cause for whoever has to give up later. Its own failures do not matter. */
  readonly onFailure?: (message: never, error: unknown, tools: Tools<S>) => Promise<void>;
  /** The host gave the message up, after every attempt failed: sees that its work ends all the same. */
  readonly onPoison?: (message: never, tools: Tools<S>) => Promise<void>;
};

/** Declares a queue function. */
export function onQueue<M extends z.ZodType, S = object>(declared: {
  readonly name: QueueName;
  readonly message: M;
  readonly handle: (message: z.output<M>, tools: Tools<S>) => Promise<QueueOutcome>;
  readonly onFailure?: (message: z.output<M>, error: unknown, tools: Tools<S>) => Promise<void>;
  readonly onPoison?: (message: z.output<M>, tools: Tools<S>) => Promise<void>;
}): QueueFunction<S> {
  return { kind: "queue", ...declared };
}

// The way of a queue message, the same for every queue function: is it one of ours, then the handler, then what the
// handler decided. Unknown shapes are set aside with the reason, never retried.

/** Every message of ours says which version of its shape it has; some say which trace they belong to, which no handler needs. */
const Versioned = z.looseObject({ v: z.literal(1), trace: z.unknown().optional() });

/** What a message's way works with, whatever its handler needs besides. */
export type QueueNeeds = { readonly storage: Storage; readonly deadLetters: DeadLetterStore };

/** Handles one message. Throws only when the message should come back. */
export async function serveQueue<S extends QueueNeeds>(
  { name, message: schema, handle, onFailure }: QueueFunction<S>,
  raw: unknown,
  { invocationId }: Pick<InvocationContext, "invocationId">,
  tools: Tools<S>,
): Promise<void> {
  const { services, log } = tools;
  const setAside = async (reason: string): Promise<void> => {
    log("message.dead-letter", { queue: name, reason, invocationId });
    await services.deadLetters.add({ queue: name, reason, content: raw });
  };
  const version = Versioned.safeParse(raw);
  if (!version.success) return setAside("unknown version or no message of ours");
  const { v: _, trace: __, ...ids } = version.data;
  const parsed = schema.safeParse(ids);
  if (!parsed.success) {
    const faults = faultsOf(parsed.error).map(({ pointer, detail }) => `${pointer} ${detail}`);
    return setAside(`unknown shape: ${faults.join("; ")}`);
  }
  const outcome = await handle(parsed.data as never, tools).catch(async (error: unknown) => {
    await onFailure?.(parsed.data as never, error, tools).catch(() => undefined);
    throw error;
  });
  if (outcome.kind === "deadLetter") return setAside(outcome.reason);
  if (outcome.kind === "again")
    await services.storage.queues.send(name, outcome.message ?? ids, outcome.afterSeconds);
}

/** A timer function; the schedule is NCRONTAB with seconds, in UTC. */
export type TimerFunction<S> = {
  readonly kind: "timer";
  readonly name: string;
  readonly schedule: string;
  readonly handle: (tools: Tools<S>) => Promise<void>;
};

/** Declares a timer function. */
export const onTimer = <S = object>(
  declared: Omit<TimerFunction<S>, "kind">,
): TimerFunction<S> => ({ kind: "timer", ...declared });

/** Any function of the app. */
export type AnyFunction<S> = HttpFunction<S> | QueueFunction<S> | TimerFunction<S>;

// Which devices of a tenant the caller of a request reaches.

type ReachReader = {
  readonly reachOf: (
    tenantId: string,
    limits: SignedIn["authorization"]["limits"],
  ) => Promise<Reach | undefined>;
};

/** The caller's reach in a tenant; undefined: every device. */
export const reachOfCaller = (
  tools: Tools<{ readonly collections: ReachReader }>,
  tenantId: string,
): Promise<Reach | undefined> =>
  tools.services.collections.reachOf(tenantId, signedInOf(tools).authorization.limits);
