/** Light, dark, or as the machine has it: kept on this machine. Forced colours are the browser's own business. */
import { type Theme, webDarkTheme, webLightTheme } from "@fluentui/react-components";
import { useSyncExternalStore } from "react";

/** What somebody can choose. */
export const themeChoices = ["system", "light", "dark"] as const;
export type ThemeChoice = (typeof themeChoices)[number];

const key = "muster.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

/** Chooses, and remembers it. */
export function chooseTheme(choice: ThemeChoice): void {
  localStorage.setItem(key, choice);
  for (const changed of listeners) changed();
}

const chosen = (): ThemeChoice =>
  themeChoices.find((choice) => choice === localStorage.getItem(key)) ?? "system";

const subscribe = (changed: () => void): (() => void) => {
  listeners.add(changed);
  dark.addEventListener("change", changed);
  return () => {
    listeners.delete(changed);
    dark.removeEventListener("change", changed);
  };
};

/** The choice now. */
export const useThemeChoice = (): ThemeChoice => useSyncExternalStore(subscribe, chosen);

const shown = (): Theme =>
  chosen() === "dark" || (chosen() === "system" && dark.matches) ? webDarkTheme : webLightTheme;

/** The theme that it comes to. */
export const useTheme = (): Theme => useSyncExternalStore(subscribe, shown);
