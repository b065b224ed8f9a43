/** Keys of one character can be switched off, on this machine (WCAG 2.1.4). */
import { useSyncExternalStore } from "react";

const key = "muster.shortcuts";
const listeners = new Set<() => void>();
/** Whether they do anything. */
export const isKeyOn = (): boolean => localStorage.getItem(key) !== "off";
const subscribe = (changed: () => void): (() => void) => {
  listeners.add(changed);
  return () => void listeners.delete(changed);
};

/** Switches them. */
export function switchKeys(on: boolean): void {
  localStorage.setItem(key, on ? "on" : "off");
  for (const changed of listeners) changed();
}

/** The same for who shows it. */
export const useKeyOn = (): boolean => useSyncExternalStore(subscribe, isKeyOn);
