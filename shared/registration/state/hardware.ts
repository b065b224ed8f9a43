/**
 * What is registered, kept sealed: serial numbers and hashes are the customer's, and stand in no row, message or log. A list
 * lies in pieces of some hundred devices, so that a call opens one or two of them, and beside it as it came.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { inChunks } from "../../kernel/concurrency.ts";
import type { Blobs } from "../../storage/blobs.ts";
import type { Sealer } from "../../storage/sealing.ts";
import type { ListedDevice } from "../list/judge.ts";
import type { Hardware } from "../list/rows.ts";

/** A device of a registration, by the key that its item has: where it stands in the list, and nothing of itself. */
export type ListedTarget = ListedDevice & { readonly targetId: string };

/** A piece of a list: consecutive devices, named by the keys of the first and the last of them. */
export const Piece = z.object({ first: z.string(), last: z.string() });
export type Piece = z.output<typeof Piece>;

/** What is known of a part of a list without opening it. */
export const KeptPart = z.object({
  pieces: z.array(Piece),
  rows: z.number(),
  bytes: z.number(),
  sha256: z.string(),
  tags: z.array(z.string()),
});
export type KeptPart = z.output<typeof KeptPart>;

/** The key of a device: the part that it came in, and its row there. Keys sort as the list stands. */
const targetIdOf = (part: number, row: number): string =>
  `${String(part).padStart(4, "0")}-${String(row).padStart(6, "0")}`;

/** Where a device stands, by its key. */
export const placeOf = (targetId: string): { readonly part: number; readonly row: number } => {
  const [part = "", row = ""] = targetId.split("-");
  return { part: Number(part), row: Number(row) };
};

/** Devices in a piece: with their hashes they are some 4 KB each. */
const withHashes = 200;
const withoutHashes = 1_000;
/** Pieces that stay open in memory: a chunk comes back to the same ones. */
const maxOpen = 12;

const Sealed = z.array(
  z.object({
    row: z.number(),
    hardware: z.record(z.string(), z.string()),
    refused: z.object({ code: z.string(), reason: z.string() }).exactOptional(),
  }),
);

/** Sealed lists in and out. */
export class HardwareStore {
  readonly #blobs: Blobs;
  readonly #sealer: Sealer | undefined;
  readonly #open = new LRUCache<string, Promise<readonly ListedTarget[]>>({ max: maxOpen });

  constructor(blobs: Blobs, sealer: Sealer | undefined) {
    this.#blobs = blobs;
    this.#sealer = sealer;
  }

  /** Whether there is a key to seal with. */
  get isReady(): boolean {
    return this.#sealer !== undefined;
  }

  #key(): Sealer {
    if (this.#sealer === undefined) throw new Error("there is no key to seal devices with");
    return this.#sealer;
  }

  /** Keeps a part of a list as it came, and its devices. */
  async put(
    jobId: string,
    part: number,
    { original, devices }: { original: Buffer; devices: readonly ListedDevice[] },
  ): Promise<Piece[]> {
    await this.#seal(`${folderOf(jobId)}original-${part}`, original);
    const hasHashes = devices.some(({ hardware }) => hardware.hash !== undefined);
    const pieces: Piece[] = [];
    for (const some of inChunks(devices, hasHashes ? withHashes : withoutHashes)) {
      const [first, last] = [some[0], some.at(-1)];
      if (first === undefined || last === undefined) continue;
      const piece = { first: targetIdOf(part, first.row), last: targetIdOf(part, last.row) };
      await this.#seal(folderOf(jobId) + piece.first, JSON.stringify(some));
      this.#open.delete(folderOf(jobId) + piece.first);
      pieces.push(piece);
    }
    return pieces;
  }

  /** The devices of a piece. */
  devices(jobId: string, { first }: Piece): Promise<readonly ListedTarget[]> {
    const path = folderOf(jobId) + first;
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const opened = this.#unseal(path, placeOf(first).part);
    this.#open.set(path, opened);
    // A failed reading must not be kept: the next one may succeed.
    opened.catch(() => this.#open.delete(path));
    return opened;
  }

  /** What some keys stand for. */
  async find(
    jobId: string,
    pieces: readonly Piece[],
    targetIds: readonly string[],
  ): Promise<ReadonlyMap<string, Hardware>> {
    const wanted = new Set(targetIds);
    const touched = pieces.filter(({ first, last }) =>
      targetIds.some((id) => first <= id && id <= last),
    );
    const found = new Map<string, Hardware>();
    for (const piece of touched)
      for (const { targetId, hardware } of await this.devices(jobId, piece))
        if (wanted.has(targetId)) found.set(targetId, hardware);
    return found;
  }

  /** Keeps words about a part, sealed like its devices. */
  putNote(jobId: string, part: number, note: string): Promise<void> {
    return this.#seal(`${folderOf(jobId)}note-${part}`, note);
  }

  /** Those words; undefined where there are none. */
  async note(jobId: string, part: number): Promise<string | undefined> {
    return (await this.#unsealed(`${folderOf(jobId)}note-${part}`))?.toString("utf8");
  }

  /** Removes all of a job's. */
  async remove(jobId: string): Promise<void> {
    await this.#blobs.deletePrefix(folderOf(jobId), () => true);
  }

  async #seal(path: string, plain: Buffer | string): Promise<void> {
    await this.#blobs.put(path, await this.#key().seal(plain, [path]));
  }

  async #unseal(path: string, part: number): Promise<readonly ListedTarget[]> {
    const plain = await this.#unsealed(path);
    if (plain === undefined) throw new Error("what was to be registered is not kept any more");
    const devices = Sealed.parse(JSON.parse(plain.toString("utf8")));
    return devices.map((device) => ({ ...device, targetId: targetIdOf(part, device.row) }));
  }

  async #unsealed(path: string): Promise<Buffer | undefined> {
    const found = await this.#blobs.get(path);
    if (found === undefined) return undefined;
    const opened = await this.#key().open(found.toString("latin1"), [path]);
    if (opened.kind === "broken")
      throw new Error(`what was to be registered cannot be opened: ${opened.reason}`);
    return opened.plain;
  }
}

const folderOf = (jobId: string): string => `registrations/${jobId}/`;
