/** Light, dark, or as the machine has it: kept on this machine. Forced colours are the browser's own business. */
import { type Theme, webDarkTheme, webLightTheme } from "@fluentui/react-components";
import { useSyncExternalStore } from "react";
import { kept } from "../text/kept.ts";

/** What somebody can choose. */
export const themeChoices = ["system", "light", "dark"] as const;
export type ThemeChoice = (typeof themeChoices)[number];

const state = kept("muster.theme");
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Chooses, and remembers it. */
export const chooseTheme = (choice: ThemeChoice): void => state.set(choice);

const chosen = (): ThemeChoice => themeChoices.find((choice) => choice === state.get()) ?? "system";

const subscribe = (changed: () => void): (() => void) => {
  const leave = state.subscribe(changed);
  dark.addEventListener("change", changed);
  return () => {
    leave();
    dark.removeEventListener("change", changed);
  };
};

/** The choice now. */
export const useThemeChoice = (): ThemeChoice => useSyncExternalStore(subscribe, chosen);

const shown = (): Theme =>
  chosen() === "dark" || (chosen() === "system" && dark.matches) ? webDarkTheme : webLightTheme;

/** The theme that it comes to. */
export const useTheme = (): Theme => useSyncExternalStore(subscribe, shown);
