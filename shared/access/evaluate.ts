/**
 * May this caller call this operation on this? What an operation requires, answered by decisions. Pure;
 * whatever is missing or unknown means no.
 */

import { fail, type Result } from "../kernel/failure.ts";
import type { On, Requirement } from "./requirements.ts";
import type { Assignment, Resource } from "./roles/assignments.ts";
import {
  type DeniedStep,
  type Explanation,
  explain,
  grantsOf,
  type Limits,
  type Standing,
} from "./roles/decide.ts";
import { beyondCollection } from "./roles/granting.ts";
import {
  type ActionPermissionName,
  actionPermissions,
  type Permission,
} from "./roles/permissions.ts";
import { rolesHolding } from "./roles/roles.ts";

/** What a request is about, as far as it is known before its handler runs. */
export type RequestTarget = {
  readonly tenantId?: string | undefined;
  readonly collectionId?: string | undefined;
  /** The catalogue's word for what the action needs; undefined when no such action exists. */
  readonly actionPermission?: ActionPermissionName | undefined;
};

/** One permission that was asked for, with its reasons. */
export type Asked = { readonly permission: Permission; readonly explanation: Explanation };

/** The answer for a whole operation. */
export type Authorization =
  | {
      readonly allowed: true;
      readonly limits: Limits;
      /** Absent where signing in is enough. */
      readonly assignment?: Assignment;
      readonly asked: readonly Asked[];
    }
  | {
      readonly allowed: false;
      readonly step: DeniedStep;
      readonly permission: Permission;
      readonly asked: readonly Asked[];
    };

/** Answers for one operation. */
export function evaluate(
  standing: Standing,
  requirement: Requirement,
  target: RequestTarget,
): Authorization {
  switch (requirement.kind) {
    case "anonymous":
    case "signedIn":
      return { allowed: true, limits: { kind: "all" }, asked: [] };
    case "permission":
      return withScopes(
        standing,
        requirement,
        target,
        allOf(standing, [requirement.permission], resourceOf(requirement.on, target)),
      );
    case "eachTenant":
      return anywhere(standing, requirement.permission);
    case "action":
      return toAct(standing, requirement.besides ?? [], target);
  }
}

/** The tenants that a permission reaches for a caller; undefined means every one. */
export function tenantsWith(standing: Standing, permission: Permission): Set<string> | undefined {
  const scopes = grantsOf(standing)
    .filter((grant) => grant.permission === permission)
    .map(({ assignment }) => assignment.scope);
  if (scopes.some(({ kind }) => kind === "everything")) return undefined;
  return new Set(
    scopes.flatMap((scope) => {
      if (scope.kind === "tenants") return scope.tenantIds;
      return scope.kind === "collections" ? scope.collections.map(({ tenantId }) => tenantId) : [];
    }),
  );
}

/** Undefined when the request does not say what the operation is about: then nothing is reached. */
function resourceOf(on: On, { tenantId, collectionId }: RequestTarget): Resource | undefined {
  if (on === "global") return { kind: "global" };
  if (tenantId === undefined) return undefined;
  if (on === "tenant") return { kind: "tenant", tenantId };
  return collectionId === undefined ? undefined : { kind: "collection", tenantId, collectionId };
}

/** Refuses what would change assignments that the caller could not make. */
function withScopes(
  standing: Standing,
  { changesScopes }: Extract<Requirement, { kind: "permission" }>,
  { tenantId, collectionId }: RequestTarget,
  answer: Authorization,
): Authorization {
  if (!changesScopes || !answer.allowed || !tenantId || !collectionId) return answer;
  const [permission] = beyondCollection(standing, { tenantId, collectionId });
  const { asked } = answer;
  return permission === undefined ? answer : { allowed: false, step: "scope", permission, asked };
}

function toAct(
  standing: Standing,
  besides: readonly Permission[],
  target: RequestTarget,
): Authorization {
  const resource = resourceOf(target.collectionId === undefined ? "tenant" : "collection", target);
  const all = (needed: readonly Permission[]) => allOf(standing, [...besides, ...needed], resource);
  if (target.actionPermission !== undefined) return all(actionPermissions[target.actionPermission]);
  // No such action: that is said to those who could send another one.
  const answers = Object.values(actionPermissions).map(all);
  return answers.find(({ allowed }) => allowed) ?? (answers[0] as Authorization);
}

function anywhere(standing: Standing, permission: Permission): Authorization {
  const nowhere = tenantsWith(standing, permission)?.size === 0;
  const explanation = explain(standing, permission, { kind: "global" });
  const asked = [{ permission, explanation }];
  if (!nowhere) return { allowed: true, limits: { kind: "all" }, asked };
  const { decision } = explanation;
  return { allowed: false, step: decision.allowed ? "scope" : decision.step, permission, asked };
}

function allOf(
  standing: Standing,
  needed: readonly Permission[],
  resource: Resource | undefined,
): Authorization {
  const [first] = needed;
  if (first === undefined)
    throw new Error("an operation that needs no permission is not listed so");
  if (resource === undefined)
    return { allowed: false, step: "scope", permission: first, asked: [] };
  const asked = needed.map((permission) => ({
    permission,
    explanation: explain(standing, permission, resource),
  }));
  let limits: Limits = { kind: "all" };
  let assignment: Assignment | undefined;
  for (const { permission, explanation } of asked) {
    const { decision } = explanation;
    if (!decision.allowed) return { allowed: false, step: decision.step, permission, asked };
    limits = both(limits, decision.limits);
    assignment ??= decision.assignment;
    if (limits.kind === "collections" && limits.collectionIds.length === 0)
      return { allowed: false, step: "scope", permission, asked };
  }
  return { allowed: true, limits, asked, ...(assignment === undefined ? {} : { assignment }) };
}

/** What lies within both limits. */
function both(one: Limits, other: Limits): Limits {
  if (one.kind === "all") return other;
  if (other.kind === "all") return one;
  const collectionIds = one.collectionIds.filter((id) => other.collectionIds.includes(id));
  return { kind: "collections", collectionIds };
}

// What a refused caller is told. A tenant that is not registered and one that the caller may not see give
// the very same answer, so that asking reveals nothing.

const details: Readonly<Record<DeniedStep, (permission: Permission) => string>> = {
  assignment: () => "You are signed in, but no role is assigned to you. Ask an administrator.",
  permission: (permission) => `None of your roles has the permission ${permission}.`,
  scope: (permission) =>
    `Your roles with ${permission} do not reach this, or it does not exist. GET /api/v1/me shows where they do.`,
  "groups-overage": (permission) =>
    `You are in more groups than a token names, so that roles of your groups do not count, and your own do not give ${permission} here. Ask for a role of your own, or for a token with the application's groups only (docs/access.md).`,
};

/** The steps at which another role would help; at the others it is the reach of one that is missing. */
const lacksRole: ReadonlySet<DeniedStep> = new Set(["assignment", "permission"]);

/**
 * The failure of a denied request, with the built-in roles that hold all of what it takes. Never name here what was
 * asked for.
 */
export function refusalOf(denied: {
  readonly step: DeniedStep;
  readonly permission: Permission;
  readonly asked?: readonly Pick<Asked, "permission">[];
}): Result<never> {
  const { step, permission, asked = [] } = denied;
  const text = details[step](permission);
  if (!lacksRole.has(step)) return fail("forbidden", text);
  const needed = [permission, ...asked.map((one) => one.permission)];
  const roles = rolesHolding(needed).join(", ");
  return fail("forbidden", `${text} Built-in roles that would do: ${roles}.`);
}
