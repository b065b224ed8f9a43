/** What waits for a second person: it is listed, shown, approved or rejected; and the rules of what does. */
import * as z from "zod";
import {
  type Approval,
  ApprovalPolicy,
  type ApprovalRule,
  ApprovalRulesView,
  approvableKinds,
  asOf,
  PersonView,
  personOf,
  personView,
} from "../../shared/access/approvals/approval.ts";
import { noRulesEtag } from "../../shared/access/approvals/approval-gate.ts";
import { holdsIn } from "../../shared/access/roles/decide.ts";
import { callerKinds } from "../../shared/access/sign-in/caller.ts";
import { type AuditNote, signedInOf } from "../../shared/access/signed-in.ts";
import { findAction } from "../../shared/devices/actions/catalogue.ts";
import { invalidRequest, pointerOf } from "../../shared/http/body.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { type Clock, toIso } from "../../shared/kernel/clock.ts";
import { type Fault, succeed } from "../../shared/kernel/failure.ts";
import { Prose } from "../../shared/kernel/outside-text.ts";
import { TenantId } from "../../shared/kernel/values.ts";
import { findActionType } from "../../shared/provisioning/actions/catalogue.ts";
import { registrationActions } from "../../shared/registration/state/registration.ts";
import { TenantPath } from "../../shared/tenants/contract.ts";
import { onHttp, type Tools } from "../define.ts";
import type { AccessServices } from "../services-access.ts";

type Needs = { readonly access: AccessServices; readonly clock: Clock };

// What the API says about approvals.

/** An approval as the API shows it. */
const ApprovalView = z
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
const VerdictBody = z.strictObject({
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "is not the digest of an approval")
    .describe("The approval's digest, as it was shown to who decides"),
  comment: Prose.max(1000).optional(),
});

/** Path of one approval. */
const ApprovalPath = z.strictObject({
  tenantId: TenantId,
  approvalId: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "is not an approval's id"),
});

/** An approval as it is shown at a moment. */
function viewOf(approval: Approval, now: number): z.input<typeof ApprovalView> {
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

// The operations.

export const listApprovalsFunction = onHttp(
  operation({
    name: "approvals-list",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/approvals",
    summary: "List what waits for a second person, and what was decided, newest first",
    tag: "Approvals",
    params: TenantPath,
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of approvals", body: pageOf(ApprovalView) } },
  }),
  async ({ params: { tenantId }, query, url }, tools: Tools<Needs>) => {
    const { access, clock } = tools.services;
    const list = `approvals ${tenantId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const { items, ...page } = await access.approvals.list(tenantId, query.top, position.value);
    const now = clock.now();
    const shown = { items: items.map((each) => viewOf(each, now)), ...page };
    return succeed(ok(pageBody(url, list, shown)));
  },
);

const everywhere = "approvals everywhere";

export const listEveryApprovalFunction = onHttp(
  operation({
    name: "approvals-everywhere",
    method: "GET",
    path: "api/v1/approvals",
    summary: "List what waits for a second person in all your tenants, tenant by tenant",
    tag: "Approvals",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of approvals", body: pageOf(ApprovalView) } },
  }),
  async ({ query, url }, tools: Tools<Needs>) => {
    const { access, clock } = tools.services;
    const { standing } = signedInOf(tools);
    const position = positionOf(everywhere, query.pageToken);
    if (!position.ok) return position;
    const { items, ...page } = await access.approvals.listPending(query.top, position.value);
    const now = clock.now();
    const own = items.filter(
      (each) =>
        holdsIn(standing, "approvals.read", [each.tenantId]) &&
        asOf(each, now).state === "pendingApproval",
    );
    const shown = { items: own.map((each) => viewOf(each, now)), ...page };
    return succeed(ok(pageBody(url, everywhere, shown)));
  },
);

// Shows an approval.

export const getApprovalFunction = onHttp(
  operation({
    name: "approvals-get",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/approvals/{approvalId}",
    summary: "Show an approval",
    tag: "Approvals",
    params: ApprovalPath,
    answers: { 200: { description: "The approval", body: ApprovalView } },
  }),
  async ({ params: { tenantId, approvalId } }, tools: Tools<Needs>) => {
    const { access, clock } = tools.services;
    const found = await access.approvals.read(tenantId, approvalId);
    return found.ok ? succeed(ok(viewOf(found.value, clock.now()))) : found;
  },
);

// What the audit trail keeps of a decision: what was asked for, by whom, and what it came to. Pure.

type Settled = { readonly approval: Approval; readonly before: Approval };

/** The decision as a note on the call that made it. */
const auditedVerdict = ({ approval, before }: Settled): AuditNote => ({
  object: `${approval.subject.kind}/${approval.subject.id}`,
  before: audited(before),
  after: audited(approval),
});

const audited = ({ state, subject, digest, requestedBy, comment }: Approval) => ({
  state,
  digest,
  summary: subject.summary,
  requestedBy: requestedBy.principal,
  ...(comment === undefined ? {} : { comment }),
});

// Approves what somebody else asked for.

export const approveApprovalFunction = onHttp(
  operation({
    name: "approvals-approve",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/approvals/{approvalId}/approve",
    summary: "Approve what somebody else asked for; it begins",
    tag: "Approvals",
    idempotent: true,
    params: ApprovalPath,
    body: VerdictBody,
    answers: { 200: { description: "Approved", body: ApprovalView } },
  }),
  async ({ params, body }, tools: Tools<Needs>) => {
    const { access, clock } = tools.services;
    const { caller, note } = signedInOf(tools);
    const by = personOf(caller);
    const verdict = { event: "approve", by, ...body } as const;
    const settled = await access.approvals.settle(params, verdict, access.settled);
    if (!settled.ok) return settled;
    note({ ...auditedVerdict(settled.value), approver: caller.oid });
    return succeed(ok(viewOf(settled.value.approval, clock.now())));
  },
);

// Rejects what somebody else asked for.

export const rejectApprovalFunction = onHttp(
  operation({
    name: "approvals-reject",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/approvals/{approvalId}/reject",
    summary: "Reject what somebody else asked for; it never begins",
    tag: "Approvals",
    idempotent: true,
    params: ApprovalPath,
    body: VerdictBody,
    answers: { 200: { description: "Rejected", body: ApprovalView } },
  }),
  async ({ params, body }, tools: Tools<Needs>) => {
    const { access, clock } = tools.services;
    const { caller, note } = signedInOf(tools);
    const by = personOf(caller);
    const verdict = { event: "reject", by, ...body } as const;
    const settled = await access.approvals.settle(params, verdict, access.settled);
    if (!settled.ok) return settled;
    note({ ...auditedVerdict(settled.value), approver: caller.oid });
    return succeed(ok(viewOf(settled.value.approval, clock.now())));
  },
);

// Shows what needs a second person.

export const getApprovalRulesFunction = onHttp(
  operation({
    name: "approval-rules-get",
    method: "GET",
    path: "api/v1/access/approval-rules",
    summary: "Show what needs a second person's approval",
    tag: "Approvals",
    answers: { 200: { description: "All rules", body: ApprovalRulesView, headers: ["ETag"] } },
  }),
  async (_input, tools: Tools<Needs>) => {
    const { rules, etag } = await tools.services.access.approvals.rules();
    return succeed(ok(rules, etag ?? noRulesEtag));
  },
);

/** Runs wait for a second person only where something in them must not be done twice. */
const isActionOf: Readonly<Record<ApprovalRule["kind"], (action: string) => boolean>> = {
  registration: (action) => registrationActions.some((each) => each === action),
  notification: (action) => findAction(action) !== undefined,
  provisioning: (action) => findActionType(action)?.guarded === true,
  sync: () => false,
};

/** A rule with a name that nothing has would look like one that protects. */
const unknownActions = ({ rules }: ApprovalPolicy): Fault[] =>
  rules.flatMap(({ kind, actions }, at) =>
    actions === "all"
      ? []
      : actions.flatMap((action, place) =>
          isActionOf[kind](action)
            ? []
            : [
                {
                  pointer: pointerOf(["rules", at, "actions", place]),
                  detail:
                    "unknown action: GET /api/v1/actions lists those of notifications; registrations have register and deregister, provisioning the guarded ones of /api/v1/provisioning/action-types",
                },
              ],
        ),
  );

// Says what needs a second person.

export const replaceApprovalRulesFunction = onHttp(
  operation({
    name: "approval-rules-replace",
    method: "PUT",
    path: "api/v1/access/approval-rules",
    summary: "Say what needs a second person's approval",
    tag: "Approvals",
    conditional: true,
    body: ApprovalPolicy,
    answers: { 200: { description: "All rules", body: ApprovalRulesView, headers: ["ETag"] } },
  }),
  async ({ body, ifMatch }, tools: Tools<Needs>) => {
    const { note } = signedInOf(tools);
    const faults = unknownActions(body);
    if (faults.length > 0) return invalidRequest(faults);
    const replaced = await tools.services.access.approvals.replaceRules(body, ifMatch);
    if (!replaced.ok) return replaced;
    const { rules, etag, before } = replaced.value;
    note({ object: "approval-rules", before, after: rules });
    return succeed(ok(rules, etag));
  },
);
