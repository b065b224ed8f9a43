/** Keys of one character can be switched off, on this machine (WCAG 2.1.4). */
import { useSyncExternalStore } from "react";
import { kept } from "../text/kept.ts";

const state = kept("muster.shortcuts");

/** Whether they do anything. */
export const isKeyOn = (): boolean => state.get() !== "off";

/** Switches them. */
export const switchKeys = (on: boolean): void => state.set(on ? "on" : "off");

/** The same for who shows it. */
export const useKeyOn = (): boolean => useSyncExternalStore(state.subscribe, isKeyOn);
