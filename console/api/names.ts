/** What states, reasons, roles and the like are called: the API says it, in the language now. */
import type { BodyOf } from "../../clients/api.ts";
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useLanguage } from "../text/language.ts";
import { frenchOf, type Phrase } from "../text/said.ts";
import { useSharedText } from "../text/text.ts";
import { useRead } from "./read.ts";

type Names = BodyOf<"GET /api/v1/names">;

/** The built-in roles that hold a permission, by their names. */
function useRolesWith(): (permission: Permission) => readonly string[] {
  const { body } = useRead("GET /api/v1/names", {});
  const named = useNames();
  return (permission) => (body?.rolesWith[permission] ?? []).map((role) => named("roles", role));
}

/** Names an id of some kind; where nobody has named it, it is its own name. */
export function useNames(): (kind: Exclude<keyof Names, "rolesWith">, id: string) => string {
  const { body } = useRead("GET /api/v1/names", {});
  const t = useSharedText();
  return (kind, id) => {
    const names = body?.[kind][id];
    return names === undefined ? id : t.name(names);
  };
}

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

const inFrench = new WeakMap<readonly Phrase[], (text: string) => string>();
const asSaid = (text: string): string => text;

/** Says what the API has put in words, such as the detail of a problem, in the language now. */
export function useSaid(): (text: string) => string {
  const isFrench = useLanguage() === "fr";
  const phrases = useRead("GET /api/v1/texts", {}, { enabled: isFrench }).body?.value;
  if (!isFrench || phrases === undefined) return asSaid;
  const known = inFrench.get(phrases) ?? frenchOf(phrases);
  inFrench.set(phrases, known);
  return known;
}
