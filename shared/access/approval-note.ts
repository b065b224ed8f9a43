/** What the audit trail keeps of a decision: what was asked for, by whom, and what it came to. Pure. */
import type { Approval } from "./approval.ts";
import type { Settled } from "./approvals.ts";
import type { AuditNote } from "./signed-in.ts";

/** The decision as a note on the call that made it. */
export const auditedVerdict = ({ approval, before }: Settled): AuditNote => ({
  object: `${approval.subject.kind}/${approval.subject.id}`,
  before: audited(before),
  after: audited(approval),
});

const audited = ({ state, subject, requestedBy, comment }: Approval) => ({
  state,
  summary: subject.summary,
  requestedBy: requestedBy.principal,
  ...(comment === undefined ? {} : { comment }),
});
