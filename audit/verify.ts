/** Verifies partition after partition, and says each as soon as it is known. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import {
  type AnchorBook,
  anchorBook,
  auditPartitions,
  verifyPartition,
} from "../shared/access/audit/verify.ts";
import { systemClock } from "../shared/kernel/clock.ts";
import type { StorageConnection } from "../shared/storage/connection.ts";
import { openStorage } from "../shared/storage/storage.ts";
import type { Tables } from "../shared/storage/tables.ts";
import type { Arguments } from "./arguments.ts";
import { counted, jsonOf, lineOf, noPartitions, type Summary } from "./report.ts";

/** Verifies what the arguments name. */
export async function verify(
  connection: StorageConnection,
  { trail, anchorFiles, json }: Arguments,
  say: (line: string) => void,
): Promise<Summary> {
  // Before the chains: what is noted meanwhile must not look like the end of a chain that was cut off.
  const book = await readAnchors(anchorFiles);
  const { tables } = await openStorage(connection, systemClock);
  let summary = noPartitions;
  for await (const partition of partitionsToVerify(tables, trail, book.partitions())) {
    const verification = await verifyPartition(tables, partition, book.of(partition));
    summary = counted(summary, verification);
    say(json ? jsonOf(verification) : lineOf(verification));
  }
  return summary;
}

/** Those that are there, and those that an anchor says were there. */
async function* partitionsToVerify(
  tables: Tables,
  trail: string | undefined,
  anchored: readonly string[],
): AsyncGenerator<string> {
  const missing = new Set(anchored);
  for await (const partition of auditPartitions(tables, trail)) {
    missing.delete(partition);
    yield partition;
  }
  for (const partition of missing)
    if (trail === undefined || partition.startsWith(`${trail}|`)) yield partition;
}

// Anchors come from files, line by line: a log may be large, and most of it is about other things.

/** Reads all files into one book; throws words for people where a file has no anchor at all. */
async function readAnchors(files: readonly string[]): Promise<AnchorBook> {
  const book = anchorBook();
  for (const file of files) {
    const input = file === "-" ? process.stdin : createReadStream(file);
    let found = 0;
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
      if (book.note(line)) found += 1;
    // Compared with nothing, everything would look as if it agreed.
    if (found === 0) throw new Error(`There is no audit.anchor line in ${file}.`);
  }
  return book;
}
