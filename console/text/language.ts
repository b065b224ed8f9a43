/** The language that the console speaks: kept on this machine, else the browser's, else English. */
import { i18n } from "@lingui/core";
import { useSyncExternalStore } from "react";

/** What the console speaks. */
export const languages = { en: "English", fr: "Français" } as const;
export type Language = keyof typeof languages;

/** A name that comes in both, as the API has them. */
export type Names = Readonly<Record<Language, string>>;

const key = "muster.language";
const isLanguage = (text: string | null): text is Language => text !== null && text in languages;

/** Speaks a language from now on, and remembers it. */
export function speak(language: Language): void {
  localStorage.setItem(key, language);
  begin(language);
}

function begin(language: Language): void {
  document.documentElement.lang = language;
  // Other tools on the page must not translate what is translated.
  i18n.activate(language);
}

/** Begins with the language that was chosen here, or that the browser prefers. */
export function beginLanguage(): void {
  const kept = localStorage.getItem(key);
  const preferred = navigator.languages.map((tag) => tag.slice(0, 2)).find(isLanguage);
  begin(isLanguage(kept) ? kept : (preferred ?? "en"));
}

const subscribe = (changed: () => void): (() => void) => i18n.on("change", changed);
const current = (): Language => i18n.locale as Language;

/** The language now; who uses it is shown anew when it changes. */
export const useLanguage = (): Language => useSyncExternalStore(subscribe, current);
