/**
 * May this caller do this, here? Pure, and closed by default: only an assignment opens; whatever is missing or unknown
 * means no. First how far an assignment reaches, then the answer for a permission on a resource, then what follows for
 * who gives roles, then the answer for a whole operation.
 */
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { type Caller, isPrincipalOf, type Principal } from "../sign-in/caller.ts";
import type { On, Rule } from "./requirements.ts";
import {
  type ActionPermissionName,
  actionPermissions,
  type Permission,
  permissions,
  type Role,
  rolesHolding,
  type ScopeKind,
  withImplied,
} from "./roles.ts";

/** Where a role holds. */
export type Scope =
  | { readonly kind: "everything" }
  | { readonly kind: "tenants"; readonly tenantIds: readonly string[] }
  | { readonly kind: "collections"; readonly collections: readonly CollectionRef[] };

/** One collection of one tenant. */
type CollectionRef = { readonly tenantId: string; readonly collectionId: string };

/** Who made an assignment. */
export type Assignment = {
  readonly assignmentId: string;
  readonly principal: Principal;
  readonly roleId: string;
  readonly scope: Scope;
  /** For people to read. */
  readonly note?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** What is to be read or changed. */
export type Resource =
  | { readonly kind: "global" }
  /** Everything of a tenant that the permission reaches, such as its list of devices. */
  | { readonly kind: "tenant"; readonly tenantId: string }
  | ({ readonly kind: "collection" } & CollectionRef);

/** How far a scope reaches a resource. */
type Reach =
  | { readonly kind: "whole" }
  /** Only what belongs to these collections of the tenant. */
  | { readonly kind: "within"; readonly collectionIds: readonly string[] }
  | { readonly kind: "none" };

const none: Reach = { kind: "none" };
const whole: Reach = { kind: "whole" };

/** How far a scope reaches a resource with a permission that can be held at `narrowest` at least. */
export function reachOf(scope: Scope, narrowest: ScopeKind, resource: Resource): Reach {
  if (scope.kind === "everything") return whole;
  if (narrowest === "global" || resource.kind === "global") return none;
  if (scope.kind === "tenants") return scope.tenantIds.includes(resource.tenantId) ? whole : none;
  if (narrowest === "tenant") return none;
  const ids = scope.collections.flatMap(({ tenantId, collectionId }) =>
    tenantId === resource.tenantId ? [collectionId] : [],
  );
  if (resource.kind === "collection") return ids.includes(resource.collectionId) ? whole : none;
  return ids.length === 0 ? none : { kind: "within", collectionIds: ids };
}

/** Whether a scope contains another one whole. */
export function containsScope(outer: Scope, inner: Scope): boolean {
  if (outer.kind === "everything") return true;
  if (inner.kind === "everything") return false;
  const held = outer.kind === "tenants" ? outer.tenantIds : [];
  if (inner.kind === "tenants") return inner.tenantIds.every((id) => held.includes(id));
  return inner.collections.every(
    ({ tenantId, collectionId }) =>
      held.includes(tenantId) ||
      (outer.kind === "collections" &&
        outer.collections.some(
          (one) => one.tenantId === tenantId && one.collectionId === collectionId,
        )),
  );
}

// The answer for a permission on a resource. One function finds it and its reasons, so that what is explained is what is
// done.

/** Who asks, and everything that was granted to anybody. */
export type Standing = {
  readonly caller: Caller;
  readonly assignments: readonly Assignment[];
  readonly roles: ReadonlyMap<string, Role>;
};

/** Reads what a decision is made from, apart from the caller; after `invalidate` anew. */
export type SnapshotReader = {
  readonly read: () => Promise<Omit<Standing, "caller">>;
  readonly invalidate: () => void;
};

/**
 * The step at which a request fails: no assignment at all, none with the permission, none that reaches; or
 * any of these for somebody whose groups nobody knows, while there are assignments to groups.
 */
export type DeniedStep = "assignment" | "permission" | "scope" | "groups-overage";

/** How much of what was asked for the caller may touch. */
export type Limits =
  | { readonly kind: "all" }
  /** Only members of these collections; lists, targets and results hide the rest and count it. */
  | { readonly kind: "collections"; readonly collectionIds: readonly string[] };

/** The answer. */
export type Decision =
  | {
      readonly allowed: true;
      /** The assignment that allows it; with limits the first of several. */
      readonly assignment: Assignment;
      readonly limits: Limits;
    }
  | { readonly allowed: false; readonly step: DeniedStep };

/** What one of the caller's assignments contributes. */
export type Finding = {
  readonly assignment: Assignment;
  /** Undefined when the role is gone: the assignment then gives nothing. */
  readonly role: Role | undefined;
  readonly grants: boolean;
  readonly reach: Reach["kind"];
};

/** The answer with every assignment that was looked at. */
type Explanation = { readonly decision: Decision; readonly findings: readonly Finding[] };

/** Answers, and says why. */
export function explain(
  standing: Standing,
  permission: Permission,
  resource: Resource,
): Explanation {
  const weighed = assignmentsOf(standing).map((assignment) => {
    const role = standing.roles.get(assignment.roleId);
    const grants = role !== undefined && withImplied(role.permissions).has(permission);
    const reach = reachOf(assignment.scope, permissions[permission].scope, resource);
    return { assignment, role, grants, reach };
  });
  const decision = conclude(weighed);
  return {
    decision:
      decision.allowed || !missesGroups(standing)
        ? decision
        : { allowed: false, step: "groups-overage" },
    findings: weighed.map((finding) => ({ ...finding, reach: finding.reach.kind })),
  };
}

/** Answers alone. */
export const decide = (standing: Standing, permission: Permission, resource: Resource): Decision =>
  explain(standing, permission, resource).decision;

/** Whether a permission is held for the whole of each of these tenants; without tenants: everywhere. */
export function holdsIn(
  standing: Standing,
  permission: Permission,
  tenantIds: readonly string[] | undefined,
): boolean {
  const resources: readonly Resource[] = tenantIds?.map((tenantId) => ({
    kind: "tenant",
    tenantId,
  })) ?? [{ kind: "global" }];
  return resources.every((resource) => {
    const decision = decide(standing, permission, resource);
    return decision.allowed && decision.limits.kind === "all";
  });
}

/**
 * Whether assignments to groups may be missing: the caller is in more groups than a token names. Which ones
 * is not looked at, so that being told so says nothing of what was asked for.
 */
export const missesGroups = ({ caller, assignments }: Standing): boolean =>
  !caller.groupsComplete &&
  assignments.some(
    ({ principal }) => principal.kind === "group" && principal.homeTenantId === caller.tid,
  );

/** The caller's own assignments and those of their groups. */
export const assignmentsOf = ({ caller, assignments }: Standing): Assignment[] =>
  assignments.filter(({ principal }) => isPrincipalOf(caller, principal));

/** Every permission that the caller holds anywhere, with where. */
function grantsOf(standing: Standing): { permission: Permission; assignment: Assignment }[] {
  return assignmentsOf(standing).flatMap((assignment) => {
    const role = standing.roles.get(assignment.roleId);
    const held = role === undefined ? [] : [...withImplied(role.permissions)];
    return held.map((permission) => ({ permission, assignment }));
  });
}

type Weighed = Omit<Finding, "reach"> & { readonly reach: Reach };

function conclude(weighed: readonly Weighed[]): Decision {
  if (weighed.length === 0) return { allowed: false, step: "assignment" };
  const granting = weighed.filter(({ grants }) => grants);
  if (granting.length === 0) return { allowed: false, step: "permission" };
  const full = granting.find(({ reach }) => reach.kind === "whole");
  if (full) return { allowed: true, assignment: full.assignment, limits: { kind: "all" } };
  const parts = granting.flatMap(({ assignment, reach }) =>
    reach.kind === "within" ? [{ assignment, ids: reach.collectionIds }] : [],
  );
  const [first] = parts;
  if (first === undefined) return { allowed: false, step: "scope" };
  const collectionIds = [...new Set(parts.flatMap(({ ids }) => ids))];
  return {
    allowed: true,
    assignment: first.assignment,
    limits: { kind: "collections", collectionIds },
  };
}

// Nobody gives what they do not hold: without this rule the permission to manage access would be every
// permission.

const everything: Scope = { kind: "everything" };

/**
 * The permissions among `wanted` that the caller could not hand on for `scope`: they hold them nowhere, or
 * not by one assignment that contains the whole scope.
 */
export function beyondReach(
  standing: Standing,
  wanted: readonly Permission[],
  scope: Scope = everything,
): Permission[] {
  const grants = grantsOf(standing);
  return [...withImplied(wanted)].filter(
    (permission) =>
      !grants.some(
        (held) => held.permission === permission && containsScope(held.assignment.scope, scope),
      ),
  );
}

/**
 * The permissions that the caller lacks to make anew the assignments that name a collection. Who changes its
 * members changes what those assignments give.
 */
function beyondCollection(standing: Standing, ref: CollectionRef): Permission[] {
  const beyond = standing.assignments.flatMap(({ roleId, scope }) => {
    const names =
      scope.kind === "collections" &&
      scope.collections.some(
        ({ tenantId, collectionId }) =>
          tenantId === ref.tenantId && collectionId === ref.collectionId,
      );
    if (!names) return [];
    const given = standing.roles.get(roleId)?.permissions ?? [];
    return [
      ...beyondReach(standing, ["access.manage"]),
      ...beyondReach(standing, [...given], scope),
    ];
  });
  return [...new Set(beyond)];
}

// The answer for a whole operation.

/** What a request is about, as far as it is known before its handler runs. */
export type RequestTarget = {
  readonly tenantId?: string | undefined;
  readonly collectionId?: string | undefined;
  /** The catalogue's word for what the action needs; undefined when no such action exists. */
  readonly actionPermission?: ActionPermissionName | undefined;
  /** What the types of a template's actions need; undefined where nobody said which they are. */
  readonly typePermissions?: readonly Permission[] | undefined;
};

/** One permission that was asked for, with its reasons. */
type Asked = { readonly permission: Permission; readonly explanation: Explanation };

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

const open: Authorization = { allowed: true, limits: { kind: "all" }, asked: [] };

/** Answers for one operation, as far as it is asked before its handler runs; or for what its handler asks besides. */
export function evaluate(standing: Standing, rule: Rule, target: RequestTarget): Authorization {
  switch (rule.kind) {
    case "anonymous":
    case "signedIn":
      return open;
    case "permission":
      return withScopes(standing, rule, target, onResource(standing, rule, target));
    case "eachTenant":
      return anywhere(standing, rule.permission);
    case "action":
      return toAct(standing, rule.besides ?? [], target);
    case "actionTypes":
      return target.typePermissions?.length
        ? allOf(standing, target.typePermissions, resourceOf("tenant", target))
        : open;
  }
}

function onResource(
  standing: Standing,
  { permission, on, everywhere }: Extract<Rule, { kind: "permission" }>,
  target: RequestTarget,
): Authorization {
  const answer = allOf(standing, [permission], resourceOf(on, target));
  return everywhere === undefined
    ? answer
    : joined(answer, allOf(standing, [everywhere], { kind: "global" }));
}

/** Both of two answers. */
export function joined(one: Authorization, other: Authorization): Authorization {
  const asked = [...one.asked, ...other.asked];
  if (!one.allowed) return { ...one, asked };
  if (!other.allowed) return { ...other, asked };
  const limits = both(one.limits, other.limits);
  const permission = other.asked[0]?.permission;
  if (
    permission !== undefined &&
    limits.kind === "collections" &&
    limits.collectionIds.length === 0
  )
    return { allowed: false, step: "scope", permission, asked };
  return { ...other, ...one, limits, asked };
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
  { changesScopes }: Extract<Rule, { kind: "permission" }>,
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

/** What an answer leaves open for a handler's own reading, or the refusal. */
export const limitsOf = (answer: Authorization): Result<Limits> =>
  answer.allowed ? succeed(answer.limits) : refusalOf(answer);
