/**
 * What is registered, kept sealed: serial numbers and hashes are the customer's, and stand in no row, message or log. A list
 * lies in pieces of some hundred devices, so that a call opens one or two of them, and beside it as it came.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import type { Blobs } from "../../storage/blobs.ts";
import type { Sealer } from "../../storage/sealing.ts";
import type { ListedDevice } from "../list/judge.ts";
import type { Hardware } from "../list/rows.ts";

/** A device of a registration, by the key that its item has: where it stands in the list, and nothing of itself. */
export type ListedTarget = ListedDevice & { readonly targetId: string };

/**
 * A piece of a list: consecutive devices, named by the keys of the first and the last of them. `edition` tells what a part
 * brought from what it brings when it comes again.
 */
export const Piece = z.object({
  first: z.string(),
  last: z.string(),
  edition: z.string().exactOptional(),
});
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
const copiesAtOnce = 8;

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

  /** Keeps a part of a list as it came, and its devices; of a part that may come again each `edition` for itself. */
  async put(
    jobId: string,
    part: number,
    { original, devices }: { original: Buffer; devices: readonly ListedDevice[] },
    edition?: string,
  ): Promise<Piece[]> {
    const named = edition === undefined ? {} : { edition };
    await this.#seal(`${folderOf(jobId)}original-${part}${suffixOf(named)}`, original);
    const hasHashes = devices.some(({ hardware }) => hardware.hash !== undefined);
    const pieces: Piece[] = [];
    for (const some of inChunks(devices, hasHashes ? withHashes : withoutHashes)) {
      const [first, last] = [some[0], some.at(-1)];
      if (first === undefined || last === undefined) continue;
      const ends = { first: targetIdOf(part, first.row), last: targetIdOf(part, last.row) };
      const piece = { ...ends, ...named };
      await this.#seal(pathOf(jobId, piece), JSON.stringify(some));
      this.#open.delete(pathOf(jobId, piece));
      pieces.push(piece);
    }
    return pieces;
  }

  /** Keeps some devices of a job for another one, which may outlive it. */
  async copy(
    from: { readonly jobId: string; readonly pieces: readonly Piece[] },
    to: string,
    targetIds: readonly string[],
  ): Promise<Piece[]> {
    const wanted = new Set(targetIds);
    const copied = await inParallel(from.pieces, copiesAtOnce, async (piece): Promise<Piece[]> => {
      if (!targetIds.some((id) => isWithin(piece, id))) return [];
      const devices = await this.devices(from.jobId, piece);
      const some = devices.filter(({ targetId }) => wanted.has(targetId));
      await this.#seal(pathOf(to, piece), JSON.stringify(some));
      return [piece];
    });
    return copied.flat();
  }

  /** The devices of a piece. */
  devices(jobId: string, piece: Piece): Promise<readonly ListedTarget[]> {
    const path = pathOf(jobId, piece);
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const opened = this.#unseal(path, placeOf(piece.first).part);
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
    const touched = pieces.filter((piece) => targetIds.some((id) => isWithin(piece, id)));
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
    const known = [...this.#open.keys()].filter((path) => path.startsWith(folderOf(jobId)));
    for (const path of known) this.#open.delete(path);
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
const suffixOf = ({ edition }: Pick<Piece, "edition">): string =>
  edition === undefined ? "" : `.${edition}`;
const pathOf = (jobId: string, piece: Piece): string =>
  folderOf(jobId) + piece.first + suffixOf(piece);
const isWithin = ({ first, last }: Piece, targetId: string): boolean =>
  first <= targetId && targetId <= last;
