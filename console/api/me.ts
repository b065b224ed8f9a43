/** Who is signed in, and what they may do: the console offers that, and the server decides all the same. */
import type { Permission } from "../../shared/access/roles/roles.ts";
import { type Reading, useRead } from "./read.ts";

/** Whoever is signed in. */
export const useMe = () => useRead("GET /api/v1/me", {});

type Me = NonNullable<ReturnType<typeof useMe>["body"]>;
type Held = Me["assignments"][number];

/** Whether an assignment's scope reaches a tenant, or a part of it; without a tenant, whether it reaches anything. */
function reaches({ assignment: { scope } }: Held, tenantId: string | undefined): boolean {
  if (scope.kind === "everything" || tenantId === undefined) return true;
  return scope.kind === "tenants"
    ? scope.tenantIds.includes(tenantId)
    : scope.collections.some((each) => each.tenantId === tenantId);
}

/** Whether somebody holds a permission in a tenant; without one, anywhere. */
const holds = (me: Me, permission: Permission, tenantId?: string): boolean =>
  me.assignments.some((held) => held.permissions.includes(permission) && reaches(held, tenantId));

/** Answers whether who is signed in holds a permission. */
export function useMay(): (permission: Permission, tenantId?: string) => boolean {
  const { body }: Reading<Me> = useMe();
  return (permission, tenantId) => body !== undefined && holds(body, permission, tenantId);
}
