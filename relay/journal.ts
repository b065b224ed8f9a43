/**
 * The relay's journal: one line of JSON for each step, on disk before the step is relied on. Whoever starts
 * after a crash reads it and knows which calls were made, which were under way, and which results are owed.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { apply, type Claim, type Entry } from "./claim.ts";

/** The journal of one relay. */
export type Journal = {
  /** Claims that are not closed. */
  readonly claims: () => ReadonlyMap<string, Claim>;
  /** Writes a step down; when it returns, the step survives a crash. */
  readonly write: (entry: Entry) => void;
  readonly close: () => void;
};

/** Lines after which closed claims are left out by starting a new file. */
const maxLines = 20_000;

/** Opens the journal in a folder, which is made if it is not there. */
export function openJournal(home: string): Journal {
  mkdirSync(home, { recursive: true });
  const path = join(home, "journal.ndjson");
  let claims = existsSync(path) ? replay(readFileSync(path, "utf8")) : new Map<string, Claim>();
  let file = rewrite(path, claims);
  let lines = 0;
  return {
    claims: () => claims,
    write: (entry) => {
      append(file, entry);
      claims = apply(claims, entry);
      lines += 1;
      if (lines < maxLines) return;
      closeSync(file);
      file = rewrite(path, claims);
      lines = 0;
    },
    close: () => closeSync(file),
  };
}

/** What the lines come to. The last one may be torn: its step was never relied on. */
export function replay(text: string): Map<string, Claim> {
  let claims = new Map<string, Claim>();
  const lines = text.split("\n").filter((line) => line !== "");
  for (const [at, line] of lines.entries()) {
    try {
      claims = apply(claims, JSON.parse(line) as Entry);
    } catch (cause) {
      if (at < lines.length - 1)
        throw new Error(`line ${at + 1} of the journal is unreadable`, { cause });
    }
  }
  return claims;
}

/** Writes a file with the open claims only, and puts it in the place of the old one at once. */
function rewrite(path: string, claims: ReadonlyMap<string, Claim>): number {
  const fresh = `${path}.new`;
  const file = openSync(fresh, "w");
  for (const entry of entriesOf(claims)) writeSync(file, `${JSON.stringify(entry)}\n`);
  fdatasyncSync(file);
  closeSync(file);
  renameSync(fresh, path);
  return openSync(path, "a");
}

function entriesOf(claims: ReadonlyMap<string, Claim>): Entry[] {
  return [...claims.values()].flatMap(({ work, batches }): Entry[] => [
    // Its term does not matter: every batch's state follows.
    { kind: "claimed", work, batchSize: batches[0]?.targets.length ?? 1, term: 0 },
    ...batches.map(
      ({ state }, batch): Entry => ({ kind: "moved", claimId: work.claimId, batch, state }),
    ),
  ]);
}

/** Writes a line whole, or not at all: half a line in the middle would make the journal unreadable. */
function append(file: number, entry: Entry): void {
  const line = Buffer.from(`${JSON.stringify(entry)}\n`);
  const { size } = fstatSync(file);
  try {
    for (let at = 0; at < line.length; ) at += writeSync(file, line, at);
    fdatasyncSync(file);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  }
}
