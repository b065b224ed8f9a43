/** What the API says about approvals. */
import * as z from "zod";
import { toIso } from "../../kernel/clock.ts";
import { Prose } from "../../kernel/outside-text.ts";
import { TenantId } from "../../kernel/values.ts";
import { callerKinds } from "../sign-in/caller.ts";
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
    subject: z.object({
      kind: z.enum(approvableKinds),
      id: z.string(),
      summary: z.string(),
      action: z.string(),
      parameters: z.record(z.string(), z.unknown()),
      target: z.record(z.string(), z.unknown()),
      count: z.int().min(0).describe("Devices; which ones was settled when it was asked for"),
    }),
    digest: z
      .string()
      .describe("Of all that would be done, to the last device; a verdict names it"),
    approvers: z.array(z.enum(callerKinds)).describe("Who may approve"),
    requestedBy: PersonView,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    decidedBy: PersonView.optional(),
    decidedAt: z.iso.datetime().optional(),
    comment: z.string().optional(),
  })
  .meta({ id: "Approval" });

/** Body of a decision. */
export const VerdictBody = z.strictObject({
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "is not the digest of an approval")
    .describe("The approval's digest, as it was shown to who decides"),
  comment: Prose.max(1000).optional(),
});

/** Path of one approval. */
export const ApprovalPath = z.strictObject({
  tenantId: TenantId,
  approvalId: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "is not an approval's id"),
});

/** An approval as it is shown at a moment. */
export function viewOf(approval: Approval, now: number): z.input<typeof ApprovalView> {
  const shown = asOf(approval, now);
  const { requestedBy, createdAt, expiresAt, decidedBy, decidedAt, requester: _, ...rest } = shown;
  return {
    ...rest,
    approvers: [...rest.approvers],
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
