/** Puts a backup into an empty account, holds the account against it, and gives its rows what they owe. */

import { setTimeout as wait } from "node:timers/promises";
import { auditTrail } from "../shared/access/audit/trail.ts";
import { systemClock, toIso } from "../shared/kernel/clock.ts";
import { inParallel } from "../shared/kernel/concurrency.ts";
import { randomId } from "../shared/kernel/values.ts";
import type { StorageConnection } from "../shared/storage/connection.ts";
import { type TableName, tableNames } from "../shared/storage/names.ts";
import { openStorage, type Storage } from "../shared/storage/storage.ts";
import type { Row, Tables } from "../shared/storage/tables.ts";
import { LineSum, linesOf, type Manifest, readWhole } from "./folder.ts";
import {
  blobLines,
  blobOfLine,
  blobsPart,
  lineOfRow,
  rowOfLine,
  rowsOf,
  tablesInOrder,
} from "./kept.ts";
import { type Mended, mend } from "./mend.ts";

/** What a restore is told. */
export type Wishes = {
  readonly folder: string;
  /** Nobody worked on after the backup: what waits is simply done. */
  readonly nothingSince: boolean;
};

/** Restores; answers what it mended. @throws in words for people, before anything is written where that is possible. */
export async function restore(
  connection: StorageConnection,
  { folder, nothingSince }: Wishes,
  say: (line: string) => void,
): Promise<{ readonly manifest: Manifest; readonly mended: Mended }> {
  const manifest = await readWhole(folder);
  for (const part of Object.keys(manifest.parts))
    if (part !== blobsPart && !tablesInOrder.includes(part as TableName))
      throw new Error(
        `This Muster keeps no table ${part}: restore with the version that saved it.`,
      );
  const storage = await openStorage(connection, systemClock);
  await refuseWhatIsUsed(storage);
  await putBlobs(storage, folder);
  // What the sweepers and the timer read comes last: until then nothing here moves.
  for (const table of [...tablesInOrder].toSorted((a, b) => rank(a) - rank(b)))
    if (manifest.parts[table] !== undefined) await putRows(storage, folder, table);
  await compare(storage, manifest, say);
  const mended = await mend(storage, nothingSince ? undefined : manifest.begunAt);
  await note(storage, manifest, mended);
  return { manifest, mended };
}

/** The trail goes on with what nobody else could tell: that what came after the backup is missing. */
function note({ tables, clock }: Storage, { begunAt, muster }: Manifest, mended: Mended) {
  const trail = auditTrail({ tables, random: Math.random, wait: (ms) => wait(ms) });
  return trail.append({
    eventId: randomId(),
    at: toIso(clock.now()),
    actor: { kind: "system", id: "restore" },
    operation: "restore",
    outcome: "allowed",
    after: { savedAt: toIso(begunAt), by: muster, ...mended },
    requestId: randomId(),
  });
}

const rank = (table: TableName): number =>
  table === tableNames.openWork || table === tableNames.dueTasks ? 1 : 0;

async function refuseWhatIsUsed({ tables, blobs }: Storage): Promise<void> {
  for (const table of tablesInOrder)
    if ((await tables.partitionAfter(table, "")) !== undefined)
      throw new Error(`The account is not empty: its table ${table} has rows. Give an empty one.`);
  for await (const path of blobs.paths())
    throw new Error(`The account is not empty: it has the blob ${path}. Give an empty one.`);
}

async function putBlobs({ blobs }: Storage, folder: string): Promise<void> {
  for await (const line of linesOf(folder, blobsPart)) {
    const { path, content } = blobOfLine(line);
    await blobs.put(path, content);
  }
}

const concurrency = 8;
/** A transaction's limits: a hundred rows of one partition, and four megabytes. */
const [rowsAtOnce, charsAtOnce] = [100, 1_000_000];

/** Rows of one partition that follow each other, in transactions, some of them side by side. */
async function putRows({ tables }: Storage, folder: string, table: TableName): Promise<void> {
  let open: Row[] = [];
  let chars = 0;
  let full: Row[][] = [];
  const write = async (): Promise<void> => {
    await inParallel(full, concurrency, (rows) => insertAll(tables, table, rows));
    full = [];
  };
  for await (const line of linesOf(folder, table)) {
    const row = rowOfLine(line);
    const isElsewhere = open[0] !== undefined && open[0].partitionKey !== row.partitionKey;
    if (isElsewhere || open.length === rowsAtOnce || chars + line.length > charsAtOnce) {
      full.push(open);
      [open, chars] = [[], 0];
      if (full.length >= concurrency) await write();
    }
    open.push(row);
    chars += line.length;
  }
  full.push(open);
  await write();
}

async function insertAll(tables: Tables, table: TableName, rows: readonly Row[]): Promise<void> {
  const [row, ...others] = rows;
  if (row === undefined) return;
  if (others.length === 0) await tables.insert(table, row);
  else
    await tables.transact(
      table,
      rows.map((each) => ({ kind: "insert", row: each })),
    );
}

/** Reads everything again, and compares counts and digests. */
async function compare(
  { tables, blobs }: Storage,
  { parts }: Manifest,
  say: (line: string) => void,
): Promise<void> {
  const linesHere = async function* (part: string): AsyncGenerator<string> {
    if (part === blobsPart) yield* blobLines(blobs);
    else for await (const row of rowsOf(tables, part as TableName)) yield lineOfRow(row);
  };
  for (const [part, { lines, sum }] of Object.entries(parts)) {
    const found = new LineSum();
    for await (const line of linesHere(part)) found.add(line);
    if (found.lines !== lines || found.text() !== sum)
      throw new Error(
        `${part} is not what was saved: ${found.lines} of ${lines}, or their digest differs. Begin again with an empty account.`,
      );
    say(`${part}: ${lines}, as they were`);
  }
}
