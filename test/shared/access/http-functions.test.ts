/** Operations of the access room through their HTTP functions, without a server: roles, assignments, explanations. */
import { beforeEach, describe, expect, test } from "vitest";
import {
  approveApprovalFunction,
  getApprovalFunction,
  getApprovalRulesFunction,
  listApprovalsFunction,
  rejectApprovalFunction,
  replaceApprovalRulesFunction,
} from "../../../functions/access/approvals.http.ts";
import {
  addAssignmentFunction,
  getAssignmentFunction,
  listAssignmentsFunction,
  removeAssignmentFunction,
  replaceAssignmentFunction,
} from "../../../functions/access/assignments.http.ts";
import {
  listAuditFunction,
  listTenantAuditFunction,
} from "../../../functions/access/audit.http.ts";
import { explainAccessFunction, getMeFunction } from "../../../functions/access/me.http.ts";
import {
  addRoleFunction,
  getRoleFunction,
  listRolesFunction,
  removeRoleFunction,
  replaceRoleFunction,
} from "../../../functions/access/roles.http.ts";
import { openApiDocument } from "../../../shared/http/operation.ts";
import { randomId } from "../../../shared/kernel/values.ts";
import { caller, person, startAccess } from "./installation.ts";

type Installation = Awaited<ReturnType<typeof startAccess>>;
let muster: Installation;
beforeEach(async () => {
  muster = await startAccess();
});

const ours = [
  getMeFunction,
  explainAccessFunction,
  listRolesFunction,
  getRoleFunction,
  addRoleFunction,
  replaceRoleFunction,
  removeRoleFunction,
  listAssignmentsFunction,
  getAssignmentFunction,
  addAssignmentFunction,
  replaceAssignmentFunction,
  removeAssignmentFunction,
  listAuditFunction,
  listTenantAuditFunction,
  listApprovalsFunction,
  getApprovalFunction,
  approveApprovalFunction,
  rejectApprovalFunction,
  getApprovalRulesFunction,
  replaceApprovalRulesFunction,
];

const admin = caller("admin");
const reader = { name: "Reader", description: "", permissions: ["devices.read"] };
const give = (to: string, roleId: string, scope: object = { kind: "everything" }) => ({
  principal: person(to),
  roleId,
  scope,
});

test("every access operation is described, and has a requirement", () => {
  const document = openApiDocument(
    ours.map(({ operation }) => operation),
    "0",
  );
  expect(Object.keys(document["paths"] as object).length).toBeGreaterThan(10);
  expect(
    ours.filter(({ operation }) => muster.requirementOf(operation.name) === undefined),
  ).toEqual([]);
});

describe("roles and assignments", () => {
  test("a role is made, given, used, changed, taken away and removed", async () => {
    const made = await muster.call(addRoleFunction, admin, { body: reader });
    const roleId = String(made.body["roleId"]);
    expect(made.status).toBe(201);
    const bo = caller("bo");
    expect(await muster.may(bo, "devices-list")).toBe(false);
    const given = await muster.call(addAssignmentFunction, admin, { body: give("bo", roleId) });
    const assignmentId = String(given.body["assignmentId"]);
    expect(await muster.may(bo, "devices-list")).toBe(true);
    expect(await muster.may(bo, "collections-list")).toBe(false);
    const wider = { ...reader, permissions: ["devices.read", "collections.read"] };
    await muster.call(replaceRoleFunction, admin, { params: { roleId }, body: wider });
    expect(await muster.may(bo, "collections-list")).toBe(true);
    const used = await muster.call(removeRoleFunction, admin, { params: { roleId } });
    expect(used.code).toBe("conflict");
    await muster.call(removeAssignmentFunction, admin, { params: { assignmentId } });
    expect(await muster.may(bo, "devices-list")).toBe(false);
    expect((await muster.call(removeRoleFunction, admin, { params: { roleId } })).status).toBe(204);
    expect(muster.notes.map(({ object }) => object?.split("/")[0])).toEqual([
      "role",
      "assignment",
      "role",
      "assignment",
      "role",
    ]);
  });

  test("the same request again makes the same thing once", async () => {
    const seed = randomId();
    const [one, other] = [
      await muster.call(addRoleFunction, admin, { body: reader, seed }),
      await muster.call(addRoleFunction, admin, { body: reader, seed }),
    ];
    expect(other.body).toEqual(one.body);
  });

  test("an etag that is not the newest is refused", async () => {
    const { body } = await muster.call(addRoleFunction, admin, { body: reader });
    const params = { roleId: String(body["roleId"]) };
    const stale = { params, body: reader, ifMatch: 'W/"old"' };
    expect((await muster.call(replaceRoleFunction, admin, stale)).code).toBe("precondition-failed");
    expect((await muster.call(removeRoleFunction, admin, stale)).code).toBe("precondition-failed");
  });

  test.each(["fullAdministrator", "partner"])(
    "the built-in role %s stays as it is",
    async (roleId) => {
      const change = { params: { roleId }, body: reader };
      expect((await muster.call(replaceRoleFunction, admin, change)).code).toBe("conflict");
      expect((await muster.call(removeRoleFunction, admin, change)).code).toBe("conflict");
      expect((await muster.call(getRoleFunction, admin, change)).body).toMatchObject({
        builtIn: true,
      });
    },
  );

  test("who manages access cannot give themselves, or a friend, what they do not hold", async () => {
    const body = { ...reader, permissions: ["access.read", "access.manage"] };
    const made = await muster.call(addRoleFunction, admin, { body });
    const roleId = String(made.body["roleId"]);
    await muster.call(addAssignmentFunction, admin, { body: give("clerk", roleId) });
    const clerk = caller("clerk");
    const attempts = [
      await muster.call(addAssignmentFunction, clerk, { body: give("clerk", "fullAdministrator") }),
      await muster.call(addAssignmentFunction, clerk, { body: give("friend", "readOnlyAnalyst") }),
      await muster.call(addRoleFunction, clerk, { body: reader }),
      await muster.call(replaceRoleFunction, clerk, { params: { roleId }, body: reader }),
    ];
    expect(attempts.map(({ code }) => code)).toEqual(Array.from(attempts, () => "forbidden"));
    // Each names the role, what is missing, and who could give it.
    for (const [at, role] of ["Full Administrator", "Read-only Analyst"].entries())
      expect(attempts[at]?.text).toMatch(
        new RegExp(`role ${role} has .*devices[.]read.*, and you do not everywhere[.]`),
      );
    for (const { text } of attempts.slice(2))
      expect(text).toBe(
        "You cannot give what you do not hold: role Reader has devices.read, and you do not everywhere. " +
          "Whoever holds these and access.manage everywhere can give it; built-in roles that do: Full Administrator.",
      );
    const elsewhere = give("friend", "readOnlyAnalyst", {
      kind: "tenants",
      tenantIds: ["0f0f0f0f-1111-4222-8333-444444444444"],
    });
    const there = await muster.call(addAssignmentFunction, clerk, { body: elsewhere });
    expect(there.text).toContain("and you do not in each of those tenants.");
    const allowed = await muster.call(addAssignmentFunction, clerk, {
      body: give("friend", roleId),
    });
    expect(allowed.status).toBe(201);
  });

  test("a role that does not exist is a fault in the body, an assignment is unknown", async () => {
    const wrong = await muster.call(addAssignmentFunction, admin, { body: give("bo", "nothing") });
    expect(wrong.code).toBe("invalid-request");
    const params = { assignmentId: "nothing" };
    expect((await muster.call(getAssignmentFunction, admin, { params })).code).toBe(
      "unknown-assignment",
    );
    expect((await muster.call(getRoleFunction, admin, { params: { roleId: "no" } })).code).toBe(
      "unknown-role",
    );
  });

  test("the list of roles begins with the built-in ones; assignments come newest first", async () => {
    const roles = await muster.call(listRolesFunction, admin, {});
    expect(roles.body["value"]).toHaveLength(10);
    await muster.call(addAssignmentFunction, admin, { body: give("bo", "partner") });
    const list = await muster.call(listAssignmentsFunction, admin, {});
    expect(list.body["value"]).toMatchObject([{ roleId: "partner" }]);
  });
});

describe("oneself", () => {
  test("sees what was given, and where it came from", async () => {
    const tenantIds = [randomId()];
    await muster.call(addAssignmentFunction, admin, {
      body: give("bo", "readOnlyAnalyst", { kind: "tenants", tenantIds }),
    });
    const me = await muster.call(getMeFunction, caller("bo"), {});
    expect(me.body).toMatchObject({
      kind: "user",
      assignments: [{ roleName: "Read-only Analyst", assignment: { scope: { tenantIds } } }],
    });
  });

  test("is told why not, down to the assignment", async () => {
    await muster.call(addAssignmentFunction, admin, {
      body: give("bo", "endpointProtectionManager"),
    });
    const query = { operation: "notifications-send", action: "restart", tenantId: randomId() };
    const why = await muster.call(explainAccessFunction, caller("bo"), { query });
    expect(why.body).toMatchObject({
      allowed: false,
      step: "permission",
      asked: [
        {
          permission: "devices.notifyResource",
          findings: [{ roleName: "Endpoint Protection Manager", grants: false, reach: "whole" }],
        },
      ],
    });
    const scan = { ...query, action: "endpointProtectionQuickScan" };
    expect(
      (await muster.call(explainAccessFunction, caller("bo"), { query: scan })).body,
    ).toMatchObject({
      allowed: true,
    });
  });
});
