/**
 * A backup as it lies in a folder: a file of JSON lines for each table, one for the blobs, and a manifest, which is written
 * last: without it a backup is not whole. Lines are written and read one by one, so that no table stands in memory.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as z from "zod";

/** Only the owner reads it: names of devices and people are in it, though no secret in the clear. */
const [folderMode, fileMode] = [0o700, 0o600];

const Part = z.object({
  /** Lines: rows, or blobs. */
  lines: z.number(),
  /** Of the file, byte for byte. */
  sha256: z.string(),
  /** Of its lines, whatever their order: what an account holds is compared with it. */
  sum: z.string(),
});
/** What a file holds. */
export type Part = z.output<typeof Part>;

const Manifest = z.object({
  /** Version of this form. */
  backup: z.literal(1),
  /** Version of the Muster whose command wrote it. */
  muster: z.string(),
  /** When the first row was read, and the last blob, by the storage's clock. */
  begunAt: z.number(),
  endedAt: z.number(),
  /** By their file's name without its ending. */
  parts: z.record(z.string(), Part),
});
/** What a backup says of itself. */
export type Manifest = z.output<typeof Manifest>;

const manifestName = "manifest.json";
const fileOf = (folder: string, part: string): string => join(folder, `${part}.jsonl`);

/** Makes the folder, or takes an empty one. */
export async function newFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: folderMode });
  if ((await readdir(folder)).length > 0)
    throw new Error(`${folder} is not empty: a backup has a folder of its own.`);
}

/** Says that the backup is whole. */
export const writeManifest = (folder: string, manifest: Manifest): Promise<void> =>
  writeFile(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, {
    mode: fileMode,
    flag: "wx",
  });

/** Reads the manifest, and holds every file against it. */
export async function readWhole(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, manifestName), "utf8").catch((cause: unknown) => {
    throw new Error(`There is no whole backup in ${folder}: its manifest is missing.`, { cause });
  });
  const manifest = Manifest.parse(JSON.parse(text));
  for (const [part, { sha256 }] of Object.entries(manifest.parts)) {
    const hash = createHash("sha256");
    for await (const bytes of createReadStream(fileOf(folder, part))) hash.update(bytes as Buffer);
    if (hash.digest("hex") !== sha256)
      throw new Error(`${fileOf(folder, part)} is not what was written: its digest differs.`);
  }
  return manifest;
}

/** The lines of a part, as they were added. */
export async function* linesOf(folder: string, part: string): AsyncGenerator<string> {
  const input = createReadStream(fileOf(folder, part));
  for await (const line of createInterface({ input })) yield line;
}

// Digests of lines: one that depends on their order, and one that does not.

const sumBytes = 32;

/** A digest of lines in any order: their hashes, each folded in by exclusive or. No two lines are the same. */
export class LineSum {
  readonly #sum = Buffer.alloc(sumBytes);
  lines = 0;

  add(line: string): void {
    const hash = createHash("sha256").update(line).digest();
    for (let at = 0; at < sumBytes; at += 1) this.#sum[at] = (this.#sum[at] ?? 0) ^ (hash[at] ?? 0);
    this.lines += 1;
  }

  copy(): LineSum {
    const copied = new LineSum();
    this.#sum.copy(copied.#sum);
    copied.lines = this.lines;
    return copied;
  }

  text(): string {
    return this.#sum.toString("hex");
  }
}

/** A line for a value. Two characters that readers of lines take for an end of line stand as escapes. */
export const lineOf = (value: unknown): string =>
  JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");

const flushChars = 1_000_000;

/** A place in a file that is being written, to go back to. */
type Mark = { readonly bytes: number; readonly hash: Hash; readonly sum: LineSum };

/** A file of lines that is being written. */
export class LineFile {
  readonly #handle: FileHandle;
  #bytes = 0;
  #hash = createHash("sha256");
  #sum = new LineSum();
  #pending = "";

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async create(folder: string, part: string): Promise<LineFile> {
    return new LineFile(await open(fileOf(folder, part), "wx", fileMode));
  }

  async add(line: string): Promise<void> {
    this.#sum.add(line);
    this.#pending += `${line}\n`;
    if (this.#pending.length >= flushChars) await this.#flush();
  }

  /** Where it stands. */
  async mark(): Promise<Mark> {
    await this.#flush();
    return { bytes: this.#bytes, hash: this.#hash.copy(), sum: this.#sum.copy() };
  }

  /** Back to where it stood; what came since is gone. */
  async back({ bytes, hash, sum }: Mark): Promise<void> {
    this.#pending = "";
    await this.#handle.truncate(bytes);
    this.#bytes = bytes;
    this.#hash = hash.copy();
    this.#sum = sum.copy();
  }

  async close(): Promise<Part> {
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    const { lines } = this.#sum;
    return { lines, sha256: this.#hash.digest("hex"), sum: this.#sum.text() };
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#pending);
    this.#pending = "";
    if (bytes.length === 0) return;
    await this.#handle.write(bytes, 0, bytes.length, this.#bytes);
    this.#bytes += bytes.length;
    this.#hash.update(bytes);
  }
}
