/**
 * Everything that was granted to anybody, kept for a few seconds. A revocation takes hold at once where it
 * was made, and within that time everywhere else.
 */
import type { Clock, Instant } from "../../kernel/clock.ts";
import type { AssignmentStore } from "./assignment-store.ts";
import type { Assignment } from "./assignments.ts";
import type { Standing } from "./decide.ts";
import {
  bootstrapAssignment,
  type FirstAdministrator,
  settingsAssignments,
} from "./first-administrator.ts";
import type { RoleStore } from "./role-store.ts";
import { builtInRoles, type Role } from "./roles.ts";

/** What a decision is made from, apart from the caller. */
export type Snapshot = Omit<Standing, "caller">;

/** Reads the snapshot; `forget` makes the next read a fresh one. */
export type SnapshotReader = {
  readonly read: () => Promise<Snapshot>;
  readonly invalidate: () => void;
};

/** How long another instance may still act on a revoked assignment, in ms. */
export const snapshotMs = 3000;

/** Reads through a cache of a few seconds. */
export function cachedSnapshots(deps: {
  readonly roles: Pick<RoleStore, "all">;
  readonly assignments: Pick<AssignmentStore, "all">;
  readonly first: FirstAdministrator | undefined;
  /** Whether the settings have an admin token. */
  readonly bootstrap?: boolean;
  readonly clock: Clock;
}): SnapshotReader {
  const fixed = [
    ...(deps.bootstrap ? [bootstrapAssignment] : []),
    ...settingsAssignments(deps.first),
  ];
  let kept: { readonly snapshot: Promise<Snapshot>; readonly at: Instant } | undefined;
  const load = async (): Promise<Snapshot> => {
    const [custom, stored] = await Promise.all([deps.roles.all(), deps.assignments.all()]);
    return snapshotOf(custom, [...fixed, ...stored]);
  };
  return {
    read() {
      const now = deps.clock.now();
      // A clock that was set back must not make a few seconds last for hours.
      if (kept !== undefined && kept.at <= now && now < kept.at + snapshotMs) return kept.snapshot;
      const mine = { snapshot: load(), at: now };
      kept = mine;
      // A failed read must not be kept: nobody is let in or shut out by an outage that has passed.
      mine.snapshot.catch(() => {
        if (kept === mine) kept = undefined;
      });
      return mine.snapshot;
    },
    invalidate() {
      kept = undefined;
    },
  };
}

/** A snapshot of custom roles and assignments; a custom role never replaces a built-in one. */
export function snapshotOf(custom: readonly Role[], assignments: readonly Assignment[]): Snapshot {
  const roles = new Map([...custom, ...builtInRoles].map((role) => [role.roleId, role]));
  return { roles, assignments };
}
