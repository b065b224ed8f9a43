/** Rows of approvals as the store reads them: what nobody of ours wrote approves nothing. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { ApprovalRule } from "../../../shared/access/approvals/approval.ts";
import { ApprovalGate } from "../../../shared/access/approvals/approval-gate.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { testStorage } from "../storage/open-storage.ts";

const person = { kind: "user", homeTenantId: "h", id: "o" } as const;
const approval = (tenantId: string) => ({
  approvalId: randomUUID(),
  tenantId,
  subject: {
    kind: "notification" as const,
    id: "n",
    summary: "s",
    action: "restart",
    parameters: { a: [1] },
    target: { kind: "tenant" },
    count: 3,
  },
  digest: "d",
  requestedBy: { principal: person, name: "Ada" },
  requester: {
    kind: "user" as const,
    oid: "o",
    tid: "h",
    appId: "a",
    groups: ["g"],
    groupsComplete: true,
    scopes: [],
    roles: [],
  },
});
const rule: ApprovalRule = {
  kind: "notification",
  actions: "all",
  tenantIds: "all",
  moreThan: 0,
  withinHours: 24,
  expiresAfterHours: 1,
  approvers: ["user"],
};

test("an approval comes back as it was written", async () => {
  const { tables } = await testStorage();
  const gate = new ApprovalGate(tables, { now: () => 1 });
  const written = await gate.ask(rule, approval(randomUUID()));
  expect((await gate.get(written.tenantId, written.approvalId))?.approval).toEqual(written);
});

test.each([
  ["a state that there is not", { state: "approvedByNobody" }],
  ["a requester without groups", { rest: JSON.stringify({ requester: { oid: "o" } }) }],
  ["a target that is no object", { target: '"everything"' }],
  ["text that is no JSON", { parameters: "{" }],
])("a row with %s is an error, and no approval", async (_name, bent) => {
  const { tables } = await testStorage();
  const gate = new ApprovalGate(tables, { now: () => 1 });
  const written = await gate.ask(rule, approval(randomUUID()));
  const row = { partitionKey: written.tenantId, rowKey: written.approvalId, ...bent };
  await tables.transact(tableNames.approvals, [{ kind: "note", row }]);
  await expect(gate.get(written.tenantId, written.approvalId)).rejects.toThrow(/./);
});
