/**
 * The relay's journal: one line of JSON for each step, on disk before the step is relied on. Whoever starts
 * after a crash reads it and knows which calls were made, which were under way, and which results are owed. With it in
 * one folder: the lock that gives a journal one relay, and ids that outlive the process.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { apply, type Claim, type Entry } from "../base/claim.ts";

/** The journal of one relay. */
export type Journal = {
  /** Claims that are not closed. */
  readonly claims: () => ReadonlyMap<string, Claim>;
  /** Writes a step down; when it returns, the step survives a crash. */
  readonly write: (entry: Entry) => void;
  readonly own: OwnOperations;
  readonly close: () => void;
};

/** Lines after which closed claims are left out by starting a new file. */
const usualLines = 20_000;

/** Opens the journal in a folder, which is made if it is not there. */
export function openJournal(home: string, maxLines: number = usualLines): Journal {
  ownFolder(home);
  const path = join(home, "journal.ndjson");
  let claims = existsSync(path) ? replay(readFileSync(path, "utf8")) : new Map<string, Claim>();
  renameSync(shortened(path, claims), path);
  let file = openSync(path, "a", ownerOnly);
  let lines = 0;
  const shorten = (): void => {
    const fresh = shortened(path, claims);
    // Closed first: Windows replaces no file that is open.
    closeSync(file);
    try {
      renameSync(fresh, path);
    } finally {
      file = openSync(path, "a", ownerOnly);
    }
  };
  return {
    claims: () => claims,
    write: (entry) => {
      append(file, entry);
      claims = apply(claims, entry);
      lines += 1;
      if (lines < maxLines) return;
      lines = 0;
      try {
        shorten();
      } catch {
        // The step is written. A journal that is too long goes on; after as many lines it is tried again.
      }
    },
    own: ownOperations(() => claims.values()),
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

/** Writes a file with the open claims only, on disk whole, and answers its path. */
function shortened(path: string, claims: ReadonlyMap<string, Claim>): string {
  const fresh = `${path}.new`;
  // One that a crash left would keep the rights it has.
  rmSync(fresh, { force: true });
  const file = openSync(fresh, "w", ownerOnly);
  try {
    for (const entry of entriesOf(claims)) writeLine(file, entry);
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
  return fresh;
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
  const { size } = fstatSync(file);
  try {
    writeLine(file, entry);
    fdatasyncSync(file);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  }
}

/** A disk that is nearly full takes a part, and says so only when it is asked again. */
function writeLine(file: number, entry: Entry): void {
  const line = Buffer.from(`${JSON.stringify(entry)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(file, line, at);
}

// Operations that are known to be some batch's: no other batch may take one of them for its own. Those of closed
// claims are in no journal any more, so the latest are remembered here.

/** More than a relay starts in the time in which a call may stay without an answer. */
const maxRemembered = 20_000;

/** What is known of our operations. */
type OwnOperations = {
  readonly add: (operationId: number) => void;
  /** All of them: those of the journal's claims, and those just started. */
  readonly known: () => ReadonlySet<number>;
};

/** Nothing but the journal's at first. */
function ownOperations(claims: () => Iterable<Claim>): OwnOperations {
  const latest = new Set<number>();
  return {
    add: (operationId) => {
      latest.add(operationId);
      const [oldest] = latest;
      if (latest.size > maxRemembered && oldest !== undefined) latest.delete(oldest);
    },
    known: () => new Set([...latest, ...knownOperations(claims())]),
  };
}

/** Operations that batches of these claims are known to have. */
function knownOperations(claims: Iterable<Claim>): Set<number> {
  const known = new Set<number>();
  for (const { batches } of claims)
    for (const { state } of batches)
      if (state.kind === "started" && state.operationId !== undefined) known.add(state.operationId);
  return known;
}

// Sees to it that one journal has one relay: two would both resume the same claims.

/**
 * Takes the folder for this process. The system lets go of it when the process ends, however it ends.
 * @returns What gives the folder back.
 * @throws When another process has it.
 */
export async function lockHome(home: string): Promise<() => void> {
  ownFolder(home);
  const address = addressOf(resolve(home));
  const server = createServer((socket) => socket.destroy());
  if (!(await listens(server, address))) {
    if (await answers(address)) throw new Error(`Another relay is running with ${home}.`);
    // A socket that nobody answers was left by a process that was killed.
    rmSync(address, { force: true });
    if (!(await listens(server, address)))
      throw new Error(`Another relay is starting with ${home}.`);
  }
  server.unref();
  return () => server.close();
}

/** Most characters that every system takes for a socket's path. */
const maxPath = 100;

function addressOf(home: string): string {
  const hash = createHash("sha256").update(home).digest("hex").slice(0, 16);
  if (process.platform === "win32") return `\\\\.\\pipe\\muster-relay-${hash}`;
  const beside = join(home, "relay.sock");
  return beside.length <= maxPath ? beside : join(tmpdir(), `muster-relay-${hash}.sock`);
}

function listens(server: Server, address: string): Promise<boolean> {
  return new Promise((done) => {
    const failed = (): void => done(false);
    server.once("error", failed);
    server.listen(address, () => {
      server.off("error", failed);
      done(true);
    });
  });
}

function answers(address: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

// Ids that outlive the process, in files beside the journal.

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id of that name, made when it is first asked for. */
export function persistentId(home: string, name: string): string {
  const path = join(home, name);
  const kept = read(path);
  const id = guid.test(kept) ? kept : randomUUID();
  if (id !== kept) writeFileSync(path, id, { mode: ownerOnly });
  chmodSync(path, ownerOnly);
  return id;
}

/** Forgets an id: the next one of that name is another. */
export const deleteId = (home: string, name: string): void =>
  rmSync(join(home, name), { force: true });

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

// Folders that only their owner reads: they hold tokens, keys, names of devices and people. One that was there with
// wider rights, as `mkdir` makes them, is narrowed; nobody gets past it then, whatever the files in it allow.
// On Windows the rights of the parent folder hold instead, and the modes say nothing.

/** For files that are made in the relay's folder. */
const ownerOnly = 0o600;

/** Makes the folder where it is missing. @throws When it belongs to somebody else, who could read it. */
function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}
