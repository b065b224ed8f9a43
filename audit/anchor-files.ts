/** Reads anchors from files, line by line: a log may be large, and most of it is about other things. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { type AnchorBook, anchorBook } from "../shared/access/audit/audit-chain.ts";

/** Reads all files into one book; throws words for people where a file has no anchor at all. */
export async function readAnchors(files: readonly string[]): Promise<AnchorBook> {
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
