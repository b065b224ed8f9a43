/** Assignments: add, read, replace, remove. */
import { type Clock, toIso } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { AssignmentStore, StoredAssignment } from "./assignment-store.ts";
import type { Assignment } from "./assignments.ts";
import { type AssignmentBody, maxAssignments } from "./contract.ts";
import type { Standing } from "./decide.ts";
import { beyondReach, cannotGive } from "./granting.ts";
import { readRole } from "./manage-roles.ts";
import type { RoleStore } from "./role-store.ts";
import type { SnapshotReader } from "./snapshot.ts";

/** What assignments need. */
export type AssignmentDeps = {
  readonly roles: RoleStore;
  readonly assignments: AssignmentStore;
  readonly snapshots: SnapshotReader;
  readonly clock: Clock;
};

/** One assignment. */
export async function readAssignment(
  { assignments }: Pick<AssignmentDeps, "assignments">,
  assignmentId: string,
): Promise<Result<StoredAssignment>> {
  const stored = await assignments.get(assignmentId);
  return stored === undefined ? unknownAssignment(assignmentId) : succeed(stored);
}

/** Adds an assignment; its id comes from the request, so that a repeated one adds it once. */
export async function addAssignment(
  deps: AssignmentDeps,
  granter: Standing,
  assignmentId: string,
  body: AssignmentBody,
): Promise<Result<StoredAssignment>> {
  const checked = await check(deps, granter, body);
  if (!checked.ok) return checked;
  if ((await deps.assignments.all()).length >= maxAssignments)
    return fail("conflict", `There are ${maxAssignments} assignments. Assign to groups instead.`);
  const now = toIso(deps.clock.now());
  await deps.assignments.insert(toAssignment(assignmentId, body, now, now));
  deps.snapshots.invalidate();
  return readAssignment(deps, assignmentId);
}

/** Replaces an assignment whole; with `ifMatch` only the version that the caller read. Answers both. */
export async function replaceAssignment(
  deps: AssignmentDeps,
  granter: Standing,
  change: {
    readonly assignmentId: string;
    readonly body: AssignmentBody;
    readonly ifMatch: string | undefined;
  },
): Promise<Result<StoredAssignment & { readonly before: Assignment }>> {
  const { assignmentId, body, ifMatch } = change;
  const stored = await readAssignment(deps, assignmentId);
  if (!stored.ok) return stored;
  if (ifMatch !== undefined && ifMatch !== stored.value.etag) return changedMeanwhile(assignmentId);
  const checked = await check(deps, granter, body);
  if (!checked.ok) return checked;
  const { assignment: before } = stored.value;
  const assignment = toAssignment(assignmentId, body, before.createdAt, toIso(deps.clock.now()));
  const etag = await deps.assignments.replace(assignment, stored.value.etag);
  deps.snapshots.invalidate();
  if (etag === undefined) return changedMeanwhile(assignmentId);
  return succeed({ assignment, etag, before });
}

/**
 * Removes an assignment; answers what it was. Whoever may manage access may take away anything, also more
 * than they hold.
 */
export async function removeAssignment(
  deps: AssignmentDeps,
  assignmentId: string,
  ifMatch: string | undefined,
): Promise<Result<Assignment>> {
  const stored = await readAssignment(deps, assignmentId);
  if (!stored.ok) return stored;
  // Compared here: what is no etag at all, storage takes for a fault of ours.
  if (ifMatch !== undefined && ifMatch !== stored.value.etag) return changedMeanwhile(assignmentId);
  const removed = await deps.assignments.remove(assignmentId, stored.value.etag);
  deps.snapshots.invalidate();
  if (removed === "lost") return changedMeanwhile(assignmentId);
  return succeed(stored.value.assignment);
}

async function check(
  deps: AssignmentDeps,
  granter: Standing,
  { roleId, scope }: AssignmentBody,
): Promise<Result<undefined>> {
  const found = await readRole(deps, roleId);
  if (!found.ok)
    return fail("invalid-request", `There is no role ${roleId}.`, {
      faults: [{ pointer: "/roleId", detail: "no such role" }],
    });
  const { name, permissions } = found.value.role;
  const beyond = beyondReach(granter, permissions, scope);
  return beyond.length === 0 ? succeed(undefined) : cannotGive(name, beyond, scope);
}

function toAssignment(
  assignmentId: string,
  { note, ...body }: AssignmentBody,
  createdAt: string,
  updatedAt: string,
): Assignment {
  return { assignmentId, ...body, ...(note === undefined ? {} : { note }), createdAt, updatedAt };
}

const unknownAssignment = (assignmentId: string) =>
  fail("unknown-assignment", `There is no assignment ${assignmentId}.`);

const changedMeanwhile = (assignmentId: string) =>
  fail("precondition-failed", `Assignment ${assignmentId} changed since you read it.`);
