/** What can go wrong when Muster is asked. */

/** Muster cannot be asked now, or says no. */
export class MusterFailure extends Error {
  /** Stable name of the problem, in Muster's words; undefined when nobody answered. */
  readonly code: string | undefined;
  /** How long Muster asks to be left alone; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(
    message: string,
    { code, retryAfterMs = 0 }: { code?: string | undefined; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** What was asked about is not there any more. */
  get gone(): boolean {
    return this.code === "unknown-notification" || this.code === "unknown-tenant";
  }

  /** Asking again is no use before an administrator has changed something. */
  get refused(): boolean {
    return refusals.has(this.code ?? "");
  }
}

const refusals = new Set(["unauthenticated", "forbidden", "unknown-tenant", "sign-in"]);
