/** Approvals and audit through their HTTP functions, without a server: what the rooms below give them. */
import { beforeEach, describe, expect, test } from "vitest";
import {
  approveApprovalFunction,
  listApprovalsFunction,
  rejectApprovalFunction,
} from "../../../functions/access/approvals.http.ts";
import { listTenantAuditFunction } from "../../../functions/access/audit.http.ts";
import type { ApprovalRule } from "../../../shared/access/approvals/approval.ts";
import { randomId } from "../../../shared/kernel/values.ts";
import { caller, person, startAccess } from "./installation.ts";

type Installation = Awaited<ReturnType<typeof startAccess>>;
let muster: Installation;
beforeEach(async () => {
  muster = await startAccess();
});

const admin = caller("admin");
const digest = "d".repeat(64);

const asked = async () => {
  const tenantId = randomId();
  const rule = {
    kind: "notification",
    actions: "all",
    tenantIds: "all",
    moreThan: 0,
    expiresAfterHours: 1,
    withinHours: 24,
    approvers: ["user"],
  } satisfies ApprovalRule;
  const { approvalId } = await muster.access.approvals.ask(rule, {
    approvalId: randomId(),
    tenantId,
    subject: {
      kind: "notification",
      id: "n1",
      summary: "restart 500 devices",
      action: "restart",
      parameters: {},
      target: { kind: "tenant" },
      count: 500,
    },
    digest,
    requestedBy: { principal: person("bo") },
    requester: caller("bo"),
  });
  return { tenantId, approvalId };
};

describe("approvals over HTTP", () => {
  test("somebody else approves, the requester cannot", async () => {
    const params = await asked();
    const own = await muster.call(approveApprovalFunction, caller("bo"), {
      params,
      body: { digest },
    });
    expect(own.code).toBe("forbidden");
    const approved = await muster.call(approveApprovalFunction, admin, {
      params,
      body: { digest, comment: "fine" },
    });
    expect(approved.body).toMatchObject({ state: "approved", comment: "fine" });
    expect(muster.settled).toMatchObject([{ state: "approved", subject: { id: "n1" } }]);
    expect(muster.notes).toMatchObject([{ object: "notification/n1", approver: admin.oid }]);
    const late = await muster.call(rejectApprovalFunction, admin, { params, body: { digest } });
    expect(late.code).toBe("conflict");
  });

  test("is listed with the state of this moment, in its own tenant only", async () => {
    const { tenantId } = await asked();
    const list = await muster.call(listApprovalsFunction, admin, { params: { tenantId } });
    expect(list.body["value"]).toMatchObject([{ state: "pendingApproval" }]);
    const other = await muster.call(listApprovalsFunction, admin, {
      params: { tenantId: randomId() },
    });
    expect(other.body["value"]).toEqual([]);
  });
});

test("the audit of a tenant is listed, filtered, paged and given as CSV", async () => {
  const tenantId = randomId();
  for (const operation of ["tenants-change", "tenants-remove", "tenants-change"])
    await muster.audit({ tenantId, operation });
  const params = { tenantId };
  const first = await muster.call(listTenantAuditFunction, admin, { params, query: { top: 2 } });
  expect(first.body["value"]).toHaveLength(2);
  const token = new URL(String(first.body["nextLink"])).searchParams.get("pageToken");
  const rest = await muster.call(listTenantAuditFunction, admin, {
    params,
    query: { top: 2, pageToken: token },
  });
  expect(rest.body["value"]).toHaveLength(1);
  const elsewhere = { params: { tenantId: randomId() }, query: { pageToken: token } };
  expect((await muster.call(listTenantAuditFunction, admin, elsewhere)).code).toBe(
    "bad-page-token",
  );
  const removed = await muster.call(listTenantAuditFunction, admin, {
    params,
    query: { operation: "tenants-remove" },
  });
  expect(removed.body["value"]).toHaveLength(1);
  const csv = await muster.call(listTenantAuditFunction, admin, { params, accept: "text/csv" });
  expect(csv.text.split("\r\n")).toHaveLength(5);
});
