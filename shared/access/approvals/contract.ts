/** What the API says about approvals. */
import * as z from "zod";
import { toIso } from "../../kernel/clock.ts";
import { TenantId } from "../../kernel/values.ts";
import { type Approval, asOf, type Person } from "./approval.ts";
import { approvableKinds } from "./approval-policy.ts";

/** A person or an app as the API shows them. */
export const PersonView = z.object({
  kind: z.enum(["user", "group", "app", "bootstrap"]),
  homeTenantId: z.string(),
  id: z.string(),
  name: z.string().optional(),
});

/** An approval as the API shows it. */
export const ApprovalView = z
  .object({
    approvalId: z.string(),
    tenantId: z.string(),
    state: z.enum(["pendingApproval", "approved", "rejected", "expired"]),
    subject: z.object({ kind: z.enum(approvableKinds), id: z.string(), summary: z.string() }),
    requestedBy: PersonView,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    decidedBy: PersonView.optional(),
    decidedAt: z.iso.datetime().optional(),
    comment: z.string().optional(),
  })
  .meta({ id: "Approval" });

/** Body of a decision. */
export const VerdictBody = z.strictObject({ comment: z.string().max(1000).optional() });

/** Path of one approval. */
export const ApprovalPath = z.strictObject({
  tenantId: TenantId,
  approvalId: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "is not an approval's id"),
});

/** An approval as it is shown at a moment. */
export function viewOf(approval: Approval, now: number): z.input<typeof ApprovalView> {
  const { requestedBy, createdAt, expiresAt, decidedBy, decidedAt, ...rest } = asOf(approval, now);
  return {
    ...rest,
    requestedBy: personView(requestedBy),
    createdAt: toIso(createdAt),
    expiresAt: toIso(expiresAt),
    ...(decidedBy === undefined ? {} : { decidedBy: personView(decidedBy) }),
    ...(decidedAt === undefined ? {} : { decidedAt: toIso(decidedAt) }),
  };
}

/** A person or an app, flat. */
export const personView = ({ principal, name }: Person) => ({
  ...principal,
  ...(name === undefined ? {} : { name }),
});
