/** What a handler is given about the caller of its request, once sign-in and permission were checked. */

import type { Person } from "./approvals/approval.ts";
import type { ApprovalDeps } from "./approvals/decide-approval.ts";
import type { AuditReaderDeps } from "./audit/audit-reader.ts";
import type { Authorization } from "./evaluate.ts";
import type { Standing } from "./roles/decide.ts";
import type { AssignmentDeps } from "./roles/manage-assignments.ts";
import type { RoleDeps } from "./roles/manage-roles.ts";
import { type Caller, principalOf } from "./sign-in/caller.ts";

/** Everything of this room that handlers use. */
export type AccessServices = RoleDeps &
  AssignmentDeps &
  ApprovalDeps & { readonly auditing: AuditReaderDeps };

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
  readonly access: AccessServices;
  readonly note: (note: AuditNote) => void;
};

/** The caller of the request that these tools belong to. Throws where nobody had to sign in. */
export function signedInOf(tools: object): SignedIn {
  const { signedIn } = tools as { readonly signedIn?: SignedIn };
  if (signedIn === undefined)
    throw new Error("this operation's caller was never asked who they are");
  return signedIn;
}

/** The caller as approvals remember them. */
export const personOf = (caller: Caller): Person => ({
  principal: principalOf(caller),
  ...(caller.name === undefined ? {} : { name: caller.name }),
});
