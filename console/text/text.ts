/**
 * Texts of the console: a catalogue in each language for each room, of ICU messages by id, compiled when the console is
 * built. What the API names (statuses, actions, roles, problems) is no text of the console.
 */
import { i18n, type Messages } from "@lingui/core";
import sharedEn from "./en.json";
import { type Format, formatOf } from "./format.ts";
import sharedFr from "./fr.json";
import { type Language, useLanguage } from "./language.ts";

type Catalogue = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, string | number | boolean>>;

/** Says a text by its id, with the values that it names; and numbers and times, as the language writes them. */
export type Say<Id extends string = SharedId> = ((id: Id, values?: Values) => string) & Format;
type SharedId = keyof typeof sharedEn;

/**
 * The texts of a room: a hook that answers a function `t("room.id", values)`, typed by the ids of the room and of those
 * that all rooms share, with the formats of the language: `t.dateTime(at)`. A language that lacks an id does not compile.
 */
export function textsOf<const En extends Catalogue>(
  en: En,
  fr: Readonly<Record<keyof En, string>>,
) {
  load(en, fr);
  return function useText(): Say<(keyof En & string) | SharedId> {
    return sayIn[useLanguage()];
  };
}

// Bound once for each language, so that components which get it are not shown anew for nothing.
const saysOf = (language: Language): Say<string> =>
  // Functions have a name of their own, which cannot be assigned.
  Object.defineProperties(
    (id: string, values?: Values) => i18n._(id, { ...values }),
    Object.getOwnPropertyDescriptors(formatOf(language)),
  ) as Say<string>;
const sayIn = { en: saysOf("en"), fr: saysOf("fr") };

/** What the build has made of the catalogues; their types are those of the sources. */
const load = (en: object, fr: object): void =>
  i18n.load({ en: en as Messages, fr: fr as Messages });

/** Texts that all rooms share, and those of the frame. */
export const useSharedText = textsOf(sharedEn, sharedFr);
