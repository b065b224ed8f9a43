/** What states, reasons, roles and the like are called: the API says it, and all texts learn it. */
import { useEffect } from "react";
import type { Permission } from "../../shared/access/roles/roles.ts";
import { useLanguage } from "../text/language.ts";
import { learn, useSharedText } from "../text/text.ts";
import { useRead } from "./read.ts";

/** Reads, once for all pages, what the API names; and what it says, where that is said in another language. */
export function useLearning(): void {
  const { body: names } = useRead("GET /api/v1/names", {});
  const isFrench = useLanguage() === "fr";
  const { body: texts } = useRead("GET /api/v1/texts", {}, { enabled: isFrench });
  useEffect(
    () => learn({ ...(names && { names }), ...(texts && { phrases: texts.value }) }),
    [names, texts],
  );
}

/** Says what a permission is and which built-in roles have it. */
export function useNeeds(): (permission: Permission) => string {
  const t = useSharedText();
  const { body } = useRead("GET /api/v1/names", {});
  return (permission) =>
    t("state.forbiddenPermission", {
      permission,
      means: t.named("permissions", permission),
      roles: (body?.rolesWith[permission] ?? []).map((role) => t.named("roles", role)).join(", "),
    });
}
