/** Texts of notifications. */
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);
export type Text = ReturnType<typeof useText>;

/** Whom a notification is for, as its target says it. */
export function targetWords(target: Readonly<Record<string, unknown>>, t: Text): string {
  switch (target["kind"]) {
    case "devices":
      return t("notifications.target.devices", { count: Number(target["count"]) });
    case "collection":
      return t("notifications.target.collection");
    case "rule":
      return t("notifications.target.rule");
    case "retry":
      return t("notifications.target.retry");
    default:
      return t("notifications.target.tenant");
  }
}
