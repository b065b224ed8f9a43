/** Small files that are made once and kept: each is there whole or not at all, whenever a process is killed. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** The text of a file that only its owner can read; made on first use. An empty file counts as none. */
export function keptText(path: string, make: () => string): string {
  const found = readIfThere(path);
  if (found) return found;
  const draft = draftOf(path, make());
  try {
    if (found === "") renameSync(draft, path);
    // Unlike a renamed file, a linked one does not replace what another process made meanwhile.
    else linkSync(draft, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, "utf8");
}

/** Puts a text in place of whatever the file held; only its owner can read it. */
export function replaceText(path: string, text: string): void {
  renameSync(draftOf(path, text), path);
}

/** The text of a file, or undefined where there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    return undefined;
  }
}

function draftOf(path: string, text: string): string {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  return draft;
}

// Folders that hold tokens, keys and names of devices. One that was open before is narrowed.

/** For files that are made in such a folder. */
export const ownerOnly = 0o600;

/** Makes the folder where it is missing. @throws When it belongs to somebody else, who could read it. */
export function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}

/**
 * Narrows whatever lies in the folder: an earlier version left files open to everybody. The folder keeps others out
 * already, but not once it is moved, copied or backed up. Links are left alone, since they lead elsewhere.
 */
export function narrowTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      ownFolder(path);
      narrowTree(path);
    } else if (entry.isFile()) narrowFile(path);
  }
}

function narrowFile(path: string): void {
  try {
    chmodSync(path, ownerOnly);
  } catch (cause) {
    // An Azurite whose parent was killed may still be saving there.
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
}
