/** Assignments as the API has them, and how far they reach in words. */
import type { BodyOf } from "../../clients/api.ts";
import { useMay } from "../api/me.ts";
import { useReadList } from "../api/read.ts";
import { type Text, useText } from "./text.ts";

/** Who holds which role where. */
export type Assignment = BodyOf<"GET /api/v1/access/assignments/{assignmentId}">;
export type Scope = Assignment["scope"];

/** A role as the API has it. */
export type Role = BodyOf<"GET /api/v1/access/roles/{roleId}">;

/** The tenants that who looks may see, by their names. */
export function useTenants() {
  const mayRead = useMay()("tenants.read");
  const query = { top: 1000 };
  return useReadList("GET /api/v1/tenants", { query }, { enabled: mayRead }).body ?? [];
}

/** A scope in words; tenants by their names. */
export function useScopeWords(): (scope: Scope) => string {
  const t = useText();
  const tenants = useTenants();
  const named = (id: string) => tenants.find((each) => each.tenantId === id)?.displayName ?? id;
  return (scope) => {
    switch (scope.kind) {
      case "everything":
        return t("access.everything");
      case "tenants":
        return t("access.inTenants", { names: scope.tenantIds.map(named).join(", ") });
      default:
        return t("access.inCollections", {
          count: scope.collections.length,
          names: [...new Set(scope.collections.map(({ tenantId }) => named(tenantId)))].join(", "),
        });
    }
  };
}

/** A role's name; of those made here there is one. */
export const roleNameOf = ({ name, names }: Pick<Role, "name" | "names">, t: Text): string =>
  names ? t.name(names) : name;
