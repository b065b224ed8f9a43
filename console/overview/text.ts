/** Texts of the overview, and of what stands about Muster. */
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);
