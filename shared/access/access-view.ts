/** What a caller may do, and why, as the API says it. */
import { z } from "zod";
import type { Authorization } from "./authorize.ts";
import type { Caller } from "./caller.ts";
import { AssignmentView } from "./contract.ts";
import { assignmentsOf, type Finding, type Standing } from "./decide.ts";
import { permissionNames, permissions, withImplied } from "./permissions.ts";

const Held = z.object({
  assignment: AssignmentView,
  roleName: z.string().optional().describe("Absent when the role is gone: then it gives nothing"),
  permissions: z.array(z.enum(permissionNames)),
});

/** The caller, with everything they hold. */
export const MeView = z
  .object({
    kind: z.enum(["user", "app", "bootstrap"]),
    homeTenantId: z.string(),
    objectId: z.string(),
    applicationId: z.string(),
    name: z.string().optional(),
    groupsComplete: z
      .boolean()
      .describe("False when the caller is in more groups than a token names: those do not count"),
    assignments: z.array(Held),
  })
  .meta({ id: "Me" });

const FindingView = z.object({
  assignment: AssignmentView,
  roleName: z.string().optional(),
  grants: z.boolean().describe("The role has the permission"),
  reach: z.enum(["whole", "within", "none"]).describe("How far its scope reaches what was asked"),
});

/** An answer with its reasons. */
export const ExplainView = z
  .object({
    operation: z.string(),
    allowed: z.boolean(),
    step: z
      .string()
      .optional()
      .describe(
        "Where it fails: assignment, permission or scope; groups-overage where groups may be missing",
      ),
    groupsComplete: z
      .boolean()
      .describe(
        "False when the token names no groups because they are too many: those do not count",
      ),
    limitedToCollections: z.array(z.string()).optional(),
    because: z.string().optional().describe("The assignment that allows it"),
    asked: z.array(
      z.object({
        permission: z.enum(permissionNames),
        means: z.string(),
        allowed: z.boolean(),
        findings: z.array(FindingView),
      }),
    ),
  })
  .meta({ id: "AccessExplanation" });

/** What a caller holds. */
export function meView(
  { kind, tid, oid, appId, name, groupsComplete }: Caller,
  standing: Standing,
) {
  return {
    kind,
    homeTenantId: tid,
    objectId: oid,
    applicationId: appId,
    ...(name === undefined ? {} : { name }),
    groupsComplete,
    assignments: assignmentsOf(standing).map((assignment) => {
      const role = standing.roles.get(assignment.roleId);
      const held = role === undefined ? [] : [...withImplied(role.permissions)];
      return {
        assignment,
        ...(role === undefined ? {} : { roleName: role.name }),
        permissions: held,
      };
    }),
  };
}

/** An authorization in words. */
export function explainView(
  operation: string,
  { groupsComplete }: Pick<Caller, "groupsComplete">,
  answer: Authorization,
) {
  const asked = answer.asked.map(({ permission, explanation }) => ({
    permission,
    means: permissions[permission].means,
    allowed: explanation.decision.allowed,
    findings: explanation.findings.map(findingView),
  }));
  const said = { operation, groupsComplete, asked };
  if (!answer.allowed) return { ...said, allowed: false, step: answer.step };
  const { limits, assignment } = answer;
  return {
    ...said,
    allowed: true,
    ...(limits.kind === "all" ? {} : { limitedToCollections: [...limits.collectionIds] }),
    ...(assignment === undefined ? {} : { because: assignment.assignmentId }),
  };
}

const findingView = ({ assignment, role, grants, reach }: Finding) => ({
  assignment,
  ...(role === undefined ? {} : { roleName: role.name }),
  grants,
  reach,
});
