/** Writes all that an account keeps into a folder, while the app may go on. */
import { systemClock } from "../shared/kernel/clock.ts";
import type { StorageConnection } from "../shared/storage/connection.ts";
import type { TableName } from "../shared/storage/names.ts";
import { openStorage, type Storage } from "../shared/storage/storage.ts";
import type { StoredRow } from "../shared/storage/tables.ts";
import { LineFile, type Manifest, newFolder, type Part, writeManifest } from "./folder.ts";
import {
  blobLines,
  blobsPart,
  lineOfRow,
  type Moving,
  movingIn,
  OpenJobs,
  readStill,
  rowsOf,
  tablesInOrder,
} from "./kept.ts";

/** Saves what the account holds; answers what the manifest says. */
export async function save(
  connection: StorageConnection,
  folder: string,
  muster: string,
  say: (line: string) => void,
): Promise<Manifest> {
  const storage = await openStorage(connection, systemClock);
  await newFolder(folder);
  // The first answer says what time it is at the storage.
  await storage.tables.partitionAfter(tablesInOrder[0] as TableName, "");
  const begunAt = storage.clock.now();
  const open = new OpenJobs();
  const parts: Record<string, Part> = {};
  const keep = (name: string, part: Part, what: string): void => {
    parts[name] = part;
    say(`${name}: ${part.lines} ${what}`);
  };
  for (const table of tablesInOrder) {
    const moving = movingIn(table, open, begunAt);
    keep(table, await saveTable(storage, folder, { table, moving, open }), "rows");
  }
  // Behind all rows: what they refer to is written before them, and stays for a day after the last of them has gone.
  keep(blobsPart, await saveBlobs(storage, folder), "blobs");
  const manifest = { backup: 1, muster, begunAt, endedAt: storage.clock.now(), parts } as const;
  await writeManifest(folder, manifest);
  return manifest;
}

type Asked = {
  readonly table: TableName;
  readonly moving: Moving | undefined;
  readonly open: OpenJobs;
};

async function saveTable(
  { tables }: Storage,
  folder: string,
  { table, moving, open }: Asked,
): Promise<Part> {
  const file = await LineFile.create(folder, table);
  const take = (row: StoredRow): Promise<void> => {
    open.see(table, row);
    return file.add(lineOfRow(row));
  };
  let settled: string | undefined;
  for await (const row of rowsOf(tables, table)) {
    const { partitionKey: partition } = row;
    if (partition === settled) continue;
    if (!moving?.moves(partition)) {
      await take(row);
      continue;
    }
    const mark = await file.mark();
    const { anchor } = moving;
    await readStill(tables, table, { partition, anchor }, take, () => file.back(mark));
    settled = partition;
  }
  return file.close();
}

async function saveBlobs({ blobs }: Storage, folder: string): Promise<Part> {
  const file = await LineFile.create(folder, blobsPart);
  for await (const line of blobLines(blobs)) await file.add(line);
  return file.close();
}
