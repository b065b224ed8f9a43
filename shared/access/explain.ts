/** Explains what somebody may do: the caller themselves, or another principal for who may read access. */
import * as z from "zod";
import { invalidRequest } from "../http/body.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { Guid, TenantId } from "../kernel/values.ts";
import { AssignmentView } from "./roles/contract.ts";
import {
  type Authorization,
  assignmentsOf,
  decide,
  evaluate,
  type Finding,
  joined,
  type RequestTarget,
  refusalOf,
  type Standing,
} from "./roles/decide.ts";
import {
  type More,
  type Requirement,
  type Rule,
  requirementOf,
  requirements,
  type WorkKind,
  workKinds,
} from "./roles/requirements.ts";
import { permissionNames, permissions, withImplied } from "./roles/roles.ts";
import type { Caller, Principal } from "./sign-in/caller.ts";

const principalPattern = /^(user|group|app):([0-9a-f-]{36}):([0-9a-f-]{36})$/i;

/** Query of an explanation. */
export const ExplainQuery = {
  operation: z.string().min(1).max(100).describe("operationId, such as notifications-send"),
  tenantId: TenantId.optional(),
  collectionId: z.string().min(1).max(64).optional(),
  action: z
    .string()
    .max(64)
    .optional()
    .describe("Action id, where the operation sends one; a type of action, where it begins a run"),
  work: z.enum(workKinds).optional().describe("What a task begins; with an action a notification"),
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

// An operation with what its handler asks besides.

/** The answer for an operation with what its handler asks besides. */
type Whole = {
  readonly answer: Authorization;
  /** The kind of what it begins, where that is known. */
  readonly work: WorkKind | undefined;
  /** What a question may name, so that it is weighed too. */
  readonly takes: readonly ("tenantId" | "work" | "action")[];
  /** In words, what was not named and is asked besides. */
  readonly besides: string | undefined;
};

/** Answers for an operation and for what it begins: by the same rules as its handler, as far as the target says of what. */
function evaluateWhole(standing: Standing, requirement: Requirement, target: Target): Whole {
  const begun = kindsOf(requirement.more);
  const work = target.work ?? (begun.length === 1 ? begun[0] : kindOfAction(begun, target));
  const rules = work === undefined ? [] : (requirement.more?.work?.[work] ?? []);
  const every = [requirement, ...rules];
  const known = rules.filter((rule) => isNamed(rule, target));
  const answers = [requirement, ...known].map((rule) => evaluate(standing, rule, target));
  const { words, later } = requirement.more ?? {};
  const isWhole =
    begun.length > 0
      ? rules.length > 0 && known.length === rules.length && work !== later
      : requirement.kind === "action" && isNamed(requirement, target);
  return {
    answer: answers.reduce(joined),
    work,
    takes: [
      ...(every.some(isInTenant) ? (["tenantId"] as const) : []),
      ...(begun.length > 1 ? (["work"] as const) : []),
      ...(every.some(isOfAction) || begun.length > 1 ? (["action"] as const) : []),
    ],
    besides: isWhole ? undefined : words,
  };
}

const kindsOf = (more: More | undefined): readonly WorkKind[] =>
  Object.keys(more?.work ?? {}) as WorkKind[];

/** Who names an action of the catalogue and nothing else means a notification. */
const kindOfAction = (kinds: readonly WorkKind[], { actionPermission }: RequestTarget) =>
  actionPermission === undefined ? undefined : kinds.find((kind) => kind === "notification");

const isInTenant = (rule: Rule): boolean =>
  rule.kind === "action" ||
  rule.kind === "actionTypes" ||
  (rule.kind === "permission" && rule.on !== "global");
const isOfAction = ({ kind }: Rule): boolean => kind === "action" || kind === "actionTypes";

/** Whether a target says what a rule is about. */
function isNamed(rule: Rule, target: RequestTarget): boolean {
  if (rule.kind === "action") return target.actionPermission !== undefined;
  if (rule.kind === "actionTypes") return target.typePermissions !== undefined;
  return !isInTenant(rule) || target.tenantId !== undefined;
}

// Whether somebody may, and what it is about.

type Target = RequestTarget & { readonly work?: WorkKind | undefined };

/** What an action takes, as an operation asks for it; undefined where no action has the id. */
type ActionNeeds = (
  action: string,
) => Pick<RequestTarget, "actionPermission" | "typePermissions"> | undefined;

/** Answers whether somebody may call an operation, with the reasons. */
export function explainAccess(
  standing: Standing,
  about: Pick<Target, "tenantId" | "collectionId" | "work"> & {
    readonly operation: string;
    readonly action?: string | undefined;
    readonly principal?: Principal | undefined;
    readonly groups?: readonly string[] | undefined;
  },
  needsOf: ActionNeeds,
): Result<Whole> {
  const requirement = requirementOf(about.operation);
  if (requirement === undefined)
    return invalidRequest([{ pointer: "/query/operation", detail: "no such operationId" }]);
  const { action, work } = about;
  const needs = action === undefined ? {} : needsOf(action);
  const kinds = requirement.more?.work;
  if (needs === undefined)
    return invalidRequest([{ pointer: "/query/action", detail: "no such action" }]);
  if (work !== undefined && kinds?.[work] === undefined)
    return invalidRequest([
      { pointer: "/query/work", detail: "is none that the operation begins" },
    ]);
  const target = { ...about, ...needs };
  if (about.principal === undefined) return succeed(evaluateWhole(standing, requirement, target));
  const may = decide(standing, "access.read", { kind: "global" });
  if (!may.allowed) return refusalOf({ step: may.step, permission: "access.read" });
  const caller = imagined(about.principal, about.groups ?? []);
  return succeed(evaluateWhole({ ...standing, caller }, requirement, target));
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
    besides: z
      .string()
      .optional()
      .describe(
        "In words, what the operation asks besides, once it has read what it is about; absent where the question named all of it",
      ),
    takes: z
      .array(z.enum(["tenantId", "work", "action"]))
      .describe("What a question about the operation may name"),
    work: z.enum(workKinds).optional().describe("What it begins, as it was weighed"),
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
  { answer, besides, takes, work }: Whole,
) {
  const asked = answer.asked.map(({ permission, explanation }) => ({
    permission,
    means: permissions[permission].means,
    allowed: explanation.decision.allowed,
    findings: explanation.findings.map(findingView),
  }));
  const said = {
    operation,
    groupsComplete,
    asked,
    takes: [...takes],
    ...(besides === undefined ? {} : { besides }),
    ...(work === undefined ? {} : { work }),
  };
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
