/** The files of a zip, read by a library that is not the one that makes them; sizes and checksums are checked. */
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { fromBufferPromise } from "yauzl";

/** Contents by name, in the zip's order. */
export async function unzipped(zip: Uint8Array): Promise<ReadonlyMap<string, string>> {
  const opened = await fromBufferPromise(Buffer.from(zip));
  const files = new Map<string, string>();
  for await (const entry of opened.eachEntry()) {
    const content = await buffer(await opened.openReadStreamPromise(entry));
    if (crc32(content) !== entry.crc32) throw new Error(`${entry.fileName} is damaged`);
    if (files.has(entry.fileName)) throw new Error(`${entry.fileName} is there twice`);
    files.set(entry.fileName, content.toString("utf8"));
  }
  return files;
}
