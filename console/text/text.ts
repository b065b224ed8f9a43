/**
 * Texts of the console: a catalogue in each language for each room, of ICU messages by id, compiled when the console is
 * built. What the API names (statuses, actions, roles, problems) is no text of the console.
 */
import { i18n, type Messages } from "@lingui/core";
import { useSyncExternalStore } from "react";
import type { BodyOf } from "../../clients/api.ts";
import sharedEn from "./en.json";
import { type Format, formatOf } from "./format.ts";
import sharedFr from "./fr.json";
import { listening } from "./kept.ts";
import { type Language, useLanguage } from "./language.ts";
import { frenchOf, type Phrase } from "./said.ts";

type Catalogue = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, string | number | boolean>>;

type ApiNames = Omit<BodyOf<"GET /api/v1/names">, "rolesWith">;

/** What the API says itself, in the language now. */
type Told = {
  /** Names an id of some kind; where nobody has named it, it is its own name. */
  readonly named: (kind: keyof ApiNames, id: string) => string;
  /** What the API has put in words, such as the detail of a problem; nothing where it has not. */
  readonly said: (text: string | undefined) => string;
};

/**
 * Says a text by its id, with the values that it names; numbers and times, as the language writes them; and what the API
 * has named and said.
 */
export type Say<Id extends string = SharedId> = ((id: Id, values?: Values) => string) &
  Format &
  Told;
type SharedId = keyof typeof sharedEn;

/**
 * The texts of a room: a hook that answers a function `t("room.id", values)`, typed by the ids of the room and of those
 * that all rooms share, with the formats of the language, as `t.dateTime`, and what the API says itself, as `t.named`.
 * A language that lacks an id does not compile.
 */
export function textsOf<const En extends Catalogue>(
  en: En,
  fr: Readonly<Record<keyof En, string>>,
) {
  load(en, fr);
  return function useText(): Say<(keyof En & string) | SharedId> {
    const language = useLanguage();
    return useSyncExternalStore(subscribe, saysNow)[language];
  };
}

type Known = { readonly names?: ApiNames; readonly phrases?: readonly Phrase[] };
let known: Known = {};

const saysOf = (language: Language): Say<string> => {
  const french = language === "fr" && known.phrases ? frenchOf(known.phrases) : undefined;
  const told: Told = {
    named: (kind, id) => known.names?.[kind][id]?.[language] ?? id,
    said: (text = "") => french?.(text) ?? text,
  };
  // Functions have a name of their own, which cannot be assigned.
  return Object.defineProperties(
    (id: string, values?: Values) => i18n._(id, { ...values }),
    Object.getOwnPropertyDescriptors({ ...formatOf(language), ...told }),
  ) as Say<string>;
};

// Bound once for all that is known, so that components which get it are not shown anew for nothing.
let says = { en: saysOf("en"), fr: saysOf("fr") };
const saysNow = () => says;
const { subscribe, tell } = listening();

/** Has texts say more of what the API names and says; what shows them is shown anew. */
export function learn(more: Known): void {
  known = { ...known, ...more };
  says = { en: saysOf("en"), fr: saysOf("fr") };
  tell();
}

/** What the build has made of the catalogues; their types are those of the sources. */
const load = (en: object, fr: object): void =>
  i18n.load({ en: en as Messages, fr: fr as Messages });

/** Texts that all rooms share, and those of the frame. */
export const useSharedText = textsOf(sharedEn, sharedFr);
