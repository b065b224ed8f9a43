/**
 * Everything of one sync in one zip, for whoever keeps it elsewhere or looks into it: the sync, its report and log, the
 * plan, and the items before it, as they were wanted, and after it. It is made while it is sent, one item after the
 * other: what is in memory is one pack, never a tenant. Items hold no secrets, since an export keeps none.
 */
import { Readable } from "node:stream";
import { LRUCache } from "lru-cache";
import { ZipFile } from "yazl";
import { digest } from "../kernel/values.ts";
import type { ConfigurationType } from "./catalogue/configuration-type.ts";
import type { Repository, Tree } from "./revisions/revisions.ts";
import { planOfSync } from "./run/verdicts.ts";
import type { Sync } from "./state/sync.ts";
import type { SyncStore } from "./state/sync-store.ts";
import { logLines, planView, reportView, viewOf } from "./views.ts";

type Parts = {
  readonly store: SyncStore;
  readonly revisions: Repository;
  readonly typeOf: (key: string) => ConfigurationType | undefined;
};

/** A file of the zip: its content comes piece by piece. */
type File = { readonly name: string; readonly content: Iterable<string> };

/** Bytes of packs that are held: items lie in the order of their keys, so that the next one is mostly in the same. */
const heldBytes = 4_000_000;

/** The zip of a sync, as it is made. */
export const artifactsOf = (parts: Parts, sync: Sync): AsyncIterable<Uint8Array> =>
  zipped(files(parts, sync), new Date(sync.finishedAt ?? sync.touchedAt));

async function* files(parts: Parts, sync: Sync): AsyncGenerator<File> {
  const { store, typeOf, revisions } = parts;
  const types = [...(await store.types(sync)).values()];
  const items = (await store.items(sync.tenantId, sync.syncId)).map(({ value }) => value);
  yield json("sync.json", viewOf(sync));
  yield json("report.json", reportView(sync, types, items, typeOf));
  yield { name: "log.ndjson", content: logLines(sync, types, items) };
  const plan = await planOfSync({ revisions }, sync);
  if (plan !== undefined) yield json("plan.json", planView(sync, plan, undefined));
  for (const [folder, tree] of await trees(parts, sync))
    yield* itemFiles(parts, sync, folder, tree);
}

/** The tenant before the sync, what was wanted of it, and the tenant after it where the sync has written. */
async function trees({ revisions }: Parts, sync: Sync): Promise<[folder: string, tree: Tree][]> {
  const { tenantId, base, snapshot, desired, after, deployed } = sync;
  const found = await revisions.tree(tenantId, snapshot);
  const written = await revisions.tree(tenantId, after);
  return [
    ["before", base === undefined ? found : await revisions.tree(tenantId, base)],
    ["wanted", await revisions.tree(tenantId, desired)],
    ...(deployed === undefined ? [] : [["after", { ...found, ...written }] as [string, Tree]]),
  ];
}

async function* itemFiles(
  { revisions }: Parts,
  { tenantId, types }: Sync,
  folder: string,
  tree: Tree,
): AsyncGenerator<File> {
  const packs = new LRUCache<string, Buffer>({
    maxSize: heldBytes,
    sizeCalculation: ({ byteLength }) => byteLength,
  });
  for (const type of types)
    for (const listed of await revisions.list(tenantId, type, tree[type])) {
      const { key, name, body } = await revisions.item(tenantId, listed, packs);
      yield json(`${folder}/${type}/${safeName(key)}.json`, { type, key, name, body });
    }
}

const json = (name: string, value: unknown): File => ({
  name,
  content: [`${JSON.stringify(value, undefined, 2)}\n`],
});

/** Letters of a file's name: with the digest it stays within what every file system takes. */
const firstLetters = /^.{0,40}/u;

/**
 * A key as the name of a file, on any system: what could be a path, a device or a shell's business is gone, and since
 * two keys may come to the same, also where a system takes capitals for small letters, a digest tells them apart.
 */
export function safeName(key: string): string {
  const letters = key.normalize("NFC").replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  const [begin = ""] = firstLetters.exec(letters) ?? [];
  const shown = begin.replaceAll(/^-|-$/g, "");
  return `${shown || "item"}.${digest(key).slice(0, 12)}`;
}

/** Files as a zip, each read when its turn comes and the reader has taken what came before. */
async function* zipped(source: AsyncIterable<File>, mtime: Date): AsyncGenerator<Uint8Array> {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  zip.on("error", (error: Error) => output.destroy(error));
  const filled = fill(zip, source, mtime).catch((error: Error) => output.destroy(error));
  for await (const chunk of output) yield chunk as Buffer;
  await filled;
}

async function fill(zip: ZipFile, source: AsyncIterable<File>, mtime: Date): Promise<void> {
  // The library remembers every file until the end, with what it was given to read it by: that is the same for all.
  let current = Readable.from([]);
  const take = (give: (error: unknown, stream: Readable) => void): void => give(null, current);
  for await (const { name, content } of source) {
    const { promise, resolve } = Promise.withResolvers<void>();
    current = Readable.from(bytesOf(content), { objectMode: false }).once("end", resolve);
    outsideOfThePool(() => zip.addReadStreamLazy(name, { mtime }, take));
    await promise;
  }
  zip.end();
}

/**
 * Small buffers are cut out of larger ones, which live as long as any of their parts. The library keeps the bytes of
 * every file's name to the end, and with each of them would keep whatever else was cut out of the same piece.
 */
function outsideOfThePool(work: () => void): void {
  const { poolSize } = Buffer;
  Buffer.poolSize = 0;
  try {
    work();
  } finally {
    Buffer.poolSize = poolSize;
  }
}

function* bytesOf(content: Iterable<string>): Generator<Buffer> {
  for (const text of content) yield Buffer.from(text);
}
