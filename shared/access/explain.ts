/** Explains what somebody may do: the caller themselves, or another principal for who may read access. */
import * as z from "zod";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { Guid, TenantId } from "../kernel/values.ts";
import { AssignmentView } from "./roles/contract.ts";
import {
  type Authorization,
  assignmentsOf,
  decide,
  evaluate,
  type Finding,
  type RequestTarget,
  refusalOf,
  type Standing,
} from "./roles/decide.ts";
import { requirementOf, requirements } from "./roles/requirements.ts";
import { permissionNames, permissions, withImplied } from "./roles/roles.ts";
import type { Caller, Principal } from "./sign-in/caller.ts";

const principalPattern = /^(user|group|app):([0-9a-f-]{36}):([0-9a-f-]{36})$/i;

/** Query of an explanation. */
export const ExplainQuery = {
  operation: z.string().min(1).max(100).describe("operationId, such as notifications-send"),
  tenantId: TenantId.optional(),
  collectionId: z.string().min(1).max(64).optional(),
  principal: z
    .string()
    .regex(principalPattern, "must be kind:homeTenantId:id, with kind user, group or app")
    .transform((text): Principal => {
      const [, kind = "user", homeTenantId = "", id = ""] = principalPattern.exec(text) ?? [];
      const ids = { homeTenantId: homeTenantId.toLowerCase(), id: id.toLowerCase() };
      return { kind: kind.toLowerCase() as Principal["kind"], ...ids };
    })
    .optional()
    .describe("kind:homeTenantId:id; absent means you"),
  groups: z
    .string()
    .max(8000)
    .transform((text) => text.split(","))
    .pipe(z.array(Guid).max(200))
    .optional()
    .describe("Groups of that principal, since no directory is asked; comma separated"),
};

/** Answers whether somebody may call an operation, with the reasons. */
export function explainAccess(
  standing: Standing,
  about: {
    readonly operation: string;
    readonly principal?: Principal | undefined;
    readonly groups?: readonly string[] | undefined;
  },
  target: RequestTarget,
): Result<Authorization> {
  const requirement = requirementOf(about.operation);
  if (requirement === undefined)
    return fail("invalid-request", `There is no operation ${about.operation}.`, {
      faults: [{ pointer: "/query/operation", detail: "no such operationId" }],
    });
  if (about.principal === undefined) return succeed(evaluate(standing, requirement, target));
  const may = decide(standing, "access.read", { kind: "global" });
  if (!may.allowed) return refusalOf({ step: may.step, permission: "access.read" });
  const caller = imagined(about.principal, about.groups ?? []);
  return succeed(evaluate({ ...standing, caller }, requirement, target));
}

/** A caller as a token of that principal would make them; a group is somebody who is only in it. */
function imagined({ kind, homeTenantId, id }: Principal, groups: readonly string[]): Caller {
  const isGroup = kind === "group";
  return {
    kind: kind === "app" ? "app" : "user",
    oid: isGroup ? "" : id,
    tid: homeTenantId,
    appId: kind === "app" ? id : "",
    groups: isGroup ? [id, ...groups] : groups,
    groupsComplete: true,
    scopes: [],
    roles: [],
  };
}

// What a caller may do, and why, as the API says it.

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
    may: z
      .object({
        operations: z.array(z.string()).describe("operationIds"),
        limitedOperations: z
          .array(z.string())
          .describe("Those for some devices of the tenant only: members of your collections"),
        actions: z.array(z.string()).describe("Actions that you may send in the tenant"),
      })
      .describe("What you may do: in the tenant of the query, or where none is named"),
  })
  .meta({ id: "Me" });

/** What a caller may call in a tenant, or, without one, of what is about none. */
export function operationsFor(standing: Standing, tenantId: string | undefined) {
  const answers = Object.entries(requirements).map(([name, requirement]) => {
    // Which collection it will be about is not known yet: the tenant's any.
    const asked =
      requirement.kind === "permission" && requirement.on === "collection"
        ? { ...requirement, on: "tenant" as const }
        : requirement;
    return { name, answer: evaluate(standing, asked, { tenantId }) };
  });
  const allowed = answers.flatMap(({ name, answer }) =>
    answer.allowed ? [{ name, isWhole: answer.limits.kind === "all" }] : [],
  );
  return {
    operations: allowed.filter(({ isWhole }) => isWhole).map(({ name }) => name),
    limitedOperations: allowed.filter(({ isWhole }) => !isWhole).map(({ name }) => name),
  };
}

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
  may: z.output<typeof MeView>["may"],
) {
  return {
    kind,
    homeTenantId: tid,
    objectId: oid,
    applicationId: appId,
    ...(name === undefined ? {} : { name }),
    groupsComplete,
    may,
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
