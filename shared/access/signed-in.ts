/** What a handler is given about the caller of its request, once sign-in and permission were checked. */
import type { Authorization, Standing } from "./roles/decide.ts";
import type { Caller } from "./sign-in/caller.ts";

/** What a handler adds to the audit event of its own call; secrets are taken out later. */
export type AuditNote = {
  /** The tenant, where the path names none. */
  readonly tenantId?: string;
  /** Kind and id, such as `role/0abc`. */
  readonly object?: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** Object id of the second person. */
  readonly approver?: string;
  /** Nothing changed, as when a relay asked for work and there was none: no event is written. */
  readonly unchanged?: true;
};

/** The caller, and how far they may go. */
export type SignedIn = {
  readonly caller: Caller;
  readonly standing: Standing;
  readonly authorization: Extract<Authorization, { allowed: true }>;
  readonly note: (note: AuditNote) => void;
};

/** The caller of the request that these tools belong to. Throws where nobody had to sign in. */
export function signedInOf(tools: object): SignedIn {
  const { signedIn } = tools as { readonly signedIn?: SignedIn };
  if (signedIn === undefined)
    throw new Error("this operation's caller was never asked who they are");
  return signedIn;
}
