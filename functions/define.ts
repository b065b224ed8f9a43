/**
 * Functions as values: what triggers them, and what they do. Nothing is registered here, so a test
 * can call a function, and the API document can read it, without a Functions host.
 */
import type { z } from "zod";
import { type SignedIn, signedInOf } from "../shared/access/guard.ts";
import type { RequestTarget, Standing } from "../shared/access/roles/decide.ts";
import type { Reach } from "../shared/devices/collections/list-devices.ts";
import type { Operation } from "../shared/http/operation.ts";
import type { Reply } from "../shared/http/reply.ts";
import type { Result } from "../shared/kernel/failure.ts";
import type { QueueName } from "../shared/storage/names.ts";
import type { Services } from "./services.ts";

/** Writes one event: `noun.verb` and the ids it is about; never message bodies or secrets. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** A request after every check: typed by the operation's own schemas. */
export type HttpInput<O extends Operation> = {
  readonly params: Parsed<O["params"]>;
  readonly query: Parsed<O["query"]>;
  readonly body: Parsed<O["body"]>;
  /** The etag that the caller presented, for conditional operations. */
  readonly ifMatch: string | undefined;
  /** Basis for ids of what the request creates; the same again for the same idempotency key. */
  readonly seed: string;
  readonly url: URL;
  /** Media types that the caller prefers over JSON. */
  readonly accept: string;
};

/** What every handler is given; `signedIn` where the operation asks who is calling (`signedInOf`). */
export type Tools = {
  readonly services: Services;
  readonly log: Log;
  readonly signedIn?: SignedIn;
  /** Where a call came from that nobody signed in for. */
  readonly ip?: string | undefined;
};

/**
 * What a request is about, where its path does not say: the action it sends, the collection it is for. Asked
 * before anybody knows whether the caller may: what they cannot see must look like what is not there.
 */
export type About = (
  input: HttpInput<Operation>,
  services: Services,
  standing: Standing,
) => Promise<Pick<RequestTarget, "actionPermission" | "collectionId">>;

/** An HTTP function. */
export type HttpFunction = {
  readonly kind: "http";
  readonly operation: Operation;
  /** Where it takes more methods than the operation's own. */
  readonly methods?: readonly (Operation["method"] | "OPTIONS")[];
  readonly about?: About;
  /** Whether it keeps within collections; callers that are limited to some are refused elsewhere. */
  readonly keepsLimits?: boolean;
  readonly handle: (input: HttpInput<Operation>, tools: Tools) => Promise<Result<Reply>>;
};

/** Declares an HTTP function for an operation. */
export function onHttp<const O extends Operation>(
  operation: O,
  handle: (input: HttpInput<O>, tools: Tools) => Promise<Result<Reply>>,
  more: {
    readonly about?: (
      input: HttpInput<O>,
      services: Services,
      standing: Standing,
    ) => ReturnType<About>;
    readonly keepsLimits?: boolean;
  } = {},
): HttpFunction {
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
export type QueueFunction = {
  readonly kind: "queue";
  readonly name: QueueName;
  readonly message: z.ZodType;
  readonly handle: (message: never, tools: Tools) => Promise<QueueOutcome>;
  /** An attempt failed: keeps the cause for whoever has to give up later. Its own failures do not matter. */
  readonly onFailure?: (message: never, error: unknown, tools: Tools) => Promise<void>;
  /** The host gave the message up, after every attempt failed: sees that its work ends all the same. */
  readonly onPoison?: (message: never, tools: Tools) => Promise<void>;
};

/** Declares a queue function. */
export function onQueue<S extends z.ZodType>(declared: {
  readonly name: QueueName;
  readonly message: S;
  readonly handle: (message: z.output<S>, tools: Tools) => Promise<QueueOutcome>;
  readonly onFailure?: (message: z.output<S>, error: unknown, tools: Tools) => Promise<void>;
  readonly onPoison?: (message: z.output<S>, tools: Tools) => Promise<void>;
}): QueueFunction {
  return { kind: "queue", ...declared };
}

/** A timer function; the schedule is NCRONTAB with seconds, in UTC. */
export type TimerFunction = {
  readonly kind: "timer";
  readonly name: string;
  readonly schedule: string;
  readonly handle: (tools: Tools) => Promise<void>;
};

/** Declares a timer function. */
export const onTimer = (declared: Omit<TimerFunction, "kind">): TimerFunction => ({
  kind: "timer",
  ...declared,
});

/** Any function of the app. */
export type AnyFunction = HttpFunction | QueueFunction | TimerFunction;

// Which devices of a tenant the caller of a request reaches.

/** The caller's reach in a tenant; undefined: every device. */
export const reachOfCaller = (tools: Tools, tenantId: string): Promise<Reach | undefined> =>
  tools.services.collections.reachOf(tenantId, signedInOf(tools).authorization.limits);
