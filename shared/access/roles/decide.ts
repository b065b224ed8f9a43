/**
 * May this caller do this, here? Pure, and closed by default: only an assignment opens.
 *
 * One function finds the answer and its reasons, so that what is explained is what is done.
 */

import { type Caller, isPrincipalOf } from "../sign-in/caller.ts";
import { type Assignment, type Reach, type Resource, reachOf } from "./assignments.ts";
import { type Permission, permissions, withImplied } from "./permissions.ts";
import type { Role } from "./roles.ts";

/** Who asks, and everything that was granted to anybody. */
export type Standing = {
  readonly caller: Caller;
  readonly assignments: readonly Assignment[];
  readonly roles: ReadonlyMap<string, Role>;
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
export type Explanation = { readonly decision: Decision; readonly findings: readonly Finding[] };

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
export function grantsOf(standing: Standing): { permission: Permission; assignment: Assignment }[] {
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
  const whole = granting.find(({ reach }) => reach.kind === "whole");
  if (whole) return { allowed: true, assignment: whole.assignment, limits: { kind: "all" } };
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
