/** What a permission is, in words. It stands by itself: the first page of all needs it, and none of the buttons. */
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useNames, useRolesWith } from "../api/names.ts";
import { useSharedText } from "../text/text.ts";

/** Says what a permission is and which built-in roles have it. */
export function useNeeds(): (permission: Permission) => string {
  const t = useSharedText();
  const named = useNames();
  const rolesWith = useRolesWith();
  return (permission) =>
    t("state.forbiddenPermission", {
      permission,
      means: named("permissions", permission),
      roles: rolesWith(permission).join(", "),
    });
}
