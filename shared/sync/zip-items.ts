/**
 * Items out of a zip, as the artifacts of a sync hold them: a file for each, in a folder. Whoever sends one may have
 * made it by hand, or to do harm: its directory, how much it unpacks to and the form of each file are checked, and
 * where anything is not in order nothing of it is taken.
 */
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";
import type * as z from "zod";
import { checkText, decoded, invalidRequest, pointerOf } from "../http/body.ts";
import type { ReadFile } from "../http/upload.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { plainText, reasonOf } from "../kernel/outside-text.ts";
import { maxImported, PlainItemBody } from "./contract.ts";

/** Largest zip that is taken, in bytes; what it unpacks to may be four times that. */
export const maxZipBytes = 4 * 1024 * 1024;
const maxUnpackedBytes = 4 * maxZipBytes;
const maxFileBytes = 1024 * 1024;
/** A zip has files that are no items too: those of three folders, and some beside them. */
const maxFiles = 3 * maxImported + 100;

type Unpacked = {
  readonly items: z.output<typeof PlainItemBody>[];
  /** Where an item stands in the zip, as a JSON pointer. */
  readonly placeOf: (at: number) => string;
};

/** The items in a folder of a zip, each with its place. */
export async function itemsInZip(file: ReadFile, folder: string): Promise<Result<Unpacked>> {
  const pieces: Uint8Array[] = [];
  const read = await file((piece) => pieces.push(piece));
  if (!read.ok) return read;
  try {
    const zip = await fromBufferPromise(Buffer.concat(pieces), { strictFileNames: true });
    return await itemsOf(zip, folder);
  } catch (error) {
    return refuse(`the zip cannot be read: ${plainText(reasonOf(error), 200)}`);
  }
}

const refuse = (why: string) => fail("invalid-request", `Nothing was taken in: ${why}.`);
const tooLarge = fail(
  "body-too-large",
  `Nothing was taken in: a zip may unpack to ${maxUnpackedBytes} bytes, and a file of it to ${maxFileBytes}.`,
);

async function itemsOf(zip: ZipFile, folder: string): Promise<Result<Unpacked>> {
  const files = await filesIn(zip, folder);
  if (!files.ok) return files;
  const items: z.output<typeof PlainItemBody>[] = [];
  const places: string[] = [];
  const faults: Fault[] = [];
  for (const entry of files.value) {
    const place = pointerOf(entry.fileName.split("/").map((part) => plainText(part, 200)));
    if (places.includes(place)) faults.push({ pointer: place, detail: "is there a second time" });
    places.push(place);
    const item = await itemIn(zip, entry, place);
    if (item.ok) items.push(item.value);
    else faults.push(...item.failure);
  }
  return faults.length > 0
    ? invalidRequest(faults)
    : succeed({ items, placeOf: (at) => places[at] ?? "" });
}

/** The files of a folder, by the zip's directory: what it says of their sizes is held to when they are read. */
async function filesIn(zip: ZipFile, folder: string): Promise<Result<Entry[]>> {
  if (zip.entryCount > maxFiles) return refuse(`a zip may have ${maxFiles} files`);
  const files: Entry[] = [];
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    const { fileName, uncompressedSize } = entry;
    if (!fileName.startsWith(`${folder}/`) || !fileName.endsWith(".json")) continue;
    files.push(entry);
    bytes += uncompressedSize;
    if (bytes > maxUnpackedBytes || uncompressedSize > maxFileBytes) return tooLarge;
    if (files.length > maxImported) return refuse(`an import has at most ${maxImported} items`);
  }
  return files.length > 0
    ? succeed(files)
    : refuse(`the zip has no items in the folder ${folder}/`);
}

type ItemOr =
  | { readonly ok: true; readonly value: z.output<typeof PlainItemBody> }
  | { readonly ok: false; readonly failure: readonly Fault[] };

async function itemIn(zip: ZipFile, entry: Entry, place: string): Promise<ItemOr> {
  const wrong = (detail: string): ItemOr => ({ ok: false, failure: [{ pointer: place, detail }] });
  const content = await contentOf(zip, entry);
  if (content === undefined || crc32(content) !== entry.crc32) return wrong("is damaged");
  const text = decoded(content);
  const checked = text.ok ? checkText(text.value, PlainItemBody) : text;
  if (checked.ok) return { ok: true, value: checked.value.value };
  const { faults = [], detail } = checked.failure;
  if (faults.length === 0) return wrong(detail);
  const failure = faults.map((each) => ({ ...each, pointer: place + each.pointer }));
  return { ok: false, failure };
}

/** What a file unpacks to; undefined where it does not, or not to the size that the directory says: the library holds it to that. */
async function contentOf(zip: ZipFile, entry: Entry): Promise<Buffer | undefined> {
  // What is sealed, or packed in another way, is not damaged: the library says what it is.
  const unpacked = await zip.openReadStreamPromise(entry);
  return buffer(unpacked).catch(() => undefined);
}
