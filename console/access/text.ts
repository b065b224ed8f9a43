/** Texts of approvals, access, the audit trail, dead letters and sites. */
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);
export type Text = ReturnType<typeof useText>;
