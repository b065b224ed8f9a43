/**
 * Every way an operation can fail that a caller is expected to handle: one closed list of codes.
 *
 * Codes are part of the public contract: clients match on them, `docs/problems.md` explains each.
 */

/** Stable, kebab-case name of an expected failure. */
export type FailureCode =
  | "action-needs-parameters"
  | "already-exists"
  | "bad-page-token"
  | "body-too-large"
  | "body-too-slow"
  | "confirmation-required"
  | "conflict"
  | "device-list-refused"
  | "directory-empty"
  | "forbidden"
  | "graph-refused"
  | "graph-unavailable"
  | "idempotency-key-reused"
  | "internal-error"
  | "invalid-request"
  | "malformed-json"
  | "method-not-allowed"
  | "not-ready"
  | "not-restartable"
  | "nothing-to-restart"
  | "nothing-to-retry"
  | "precondition-failed"
  | "relationship-missing"
  | "restart-changed"
  | "restart-not-offered"
  | "section-not-restartable"
  | "sign-in-unavailable"
  | "template-changed"
  | "tenant-being-removed"
  | "too-many-requests"
  | "too-many-targets"
  | "unauthenticated"
  | "unknown-action"
  | "unknown-approval"
  | "unknown-assignment"
  | "unknown-baseline"
  | "unknown-calendar"
  | "unknown-collection"
  | "unknown-configuration"
  | "unknown-device"
  | "unknown-notification"
  | "unknown-refresh"
  | "unknown-registration"
  | "unknown-role"
  | "unknown-route"
  | "unknown-run"
  | "unknown-output"
  | "unknown-sync"
  | "unknown-task"
  | "unknown-template"
  | "unknown-tenant"
  | "unknown-webhook"
  | "unknown-dead-letter"
  | "not-replayable"
  | "unsupported-media-type";

/**
 * One fault in what the caller sent: where (JSON pointer, RFC 6901) and what is wrong with it; `code` where a program
 * could do something about it.
 */
export type Fault = { readonly pointer: string; readonly detail: string; readonly code?: string };

/** An expected failure: what happened, to what, and what to do next, in words for people. */
export type Failure = {
  readonly code: FailureCode;
  readonly detail: string;
  /** Each fault by itself, when the failure is about the request's content. */
  readonly faults?: readonly Fault[];
  /** Seconds after which the same call may succeed. Absent means that waiting does not help. */
  readonly retryAfterSeconds?: number;
  /** What the path takes, where the method was wrong. */
  readonly allowedMethods?: readonly string[];
};

/** The outcome of a use case: a value, or an expected failure. Bugs and outages are thrown. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Wraps a value as success. */
export const succeed = <T>(value: T): Result<T> => ({ ok: true, value });

/** Builds a failed result. */
export const fail = (
  code: FailureCode,
  detail: string,
  more: Omit<Failure, "code" | "detail"> = {},
): { readonly ok: false; readonly failure: Failure } => ({
  ok: false,
  failure: { code, detail, ...more },
});
