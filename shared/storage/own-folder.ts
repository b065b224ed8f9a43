/**
 * Folders that only their owner reads: they hold tokens, keys, names of devices and people. One that was there with
 * wider rights, as `mkdir` makes them, is narrowed; nobody gets past it then, whatever the files in it allow.
 * On Windows the rights of the parent folder hold instead, and the modes say nothing.
 */
import { chmodSync, mkdirSync } from "node:fs";

/** For files that are made in such a folder. */
export const ownerOnly = 0o600;

/** Makes the folder where it is missing. @throws When it belongs to somebody else, who could read it. */
export function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}
