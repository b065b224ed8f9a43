/**
 * A file as it is uploaded: as the body itself, or as the one part of a form (RFC 7578). It is read once, piece by piece,
 * by whoever judges it, and never held as a whole.
 */
import { once } from "node:events";
import { Busboy } from "@fastify/busboy";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { plainText } from "../kernel/outside-text.ts";
import { type BodySource, mediaTypeOf, readPieces, refusePacked } from "./body.ts";

/** Reads the file, and gives each piece of it to `take`. */
export type ReadFile = (take: (piece: Uint8Array) => void) => Promise<Result<undefined>>;

const form = "multipart/form-data";

/** Most bytes of the headers of a form's part, and most headers. */
const partLimits = { files: 1, fields: 0, parts: 1, headerPairs: 20, headerSize: 8 * 1024 };

/** The file of a request whose body is of `type`, or comes in a form. */
export function fileOf(source: BodySource, type: string, maxBytes: number): Result<ReadFile> {
  const given = mediaTypeOf(source);
  if (given !== type && given !== form) {
    const shown = plainText(given, 60);
    const words = `Send a file as ${type} or in ${form}, or JSON; not ${shown}.`;
    return fail("unsupported-media-type", words);
  }
  const packed = refusePacked(source);
  if (!packed.ok) return packed;
  if (given === type) return succeed((take) => readPieces(source, maxBytes, take));
  return succeed((take) => readForm(source, maxBytes, take));
}

const refuse = (why: string) => fail("invalid-request", `Nothing was done: ${why}.`);

async function readForm(
  source: BodySource,
  maxBytes: number,
  take: (piece: Uint8Array) => void,
): Promise<Result<undefined>> {
  const headers = { "content-type": source.headers.get("content-type") ?? "" };
  let wrong: string | undefined;
  let files = 0;
  let parser: InstanceType<typeof Busboy>;
  try {
    parser = new Busboy({ headers, limits: partLimits, isPartAFile: () => true });
  } catch {
    return refuse("the form does not name its boundary");
  }
  parser.on("partsLimit", () => {
    wrong ??= "a form has the file and nothing else";
  });
  parser.on("error", () => {
    wrong ??= "the form is not whole, or is none";
  });
  parser.on("file", (_name, file, _fileName, encoding) => {
    files += 1;
    if (!/^(7bit|8bit|binary)$/i.test(encoding))
      wrong ??= "the file is to be sent as it is, without a transfer encoding";
    file.on("data", take);
    file.on("error", () => {
      wrong ??= "the form ends inside of the file";
    });
  });
  const feed = (piece: Uint8Array): void => {
    if (wrong === undefined) parser.write(piece);
  };
  const read = await readPieces(source, maxBytes, feed);
  if (!read.ok) return read;
  if (wrong === undefined) {
    const ended = Promise.race([once(parser, "finish"), once(parser, "close")]);
    parser.end();
    await ended.catch(() => undefined);
  }
  if (wrong !== undefined) return refuse(wrong);
  return files === 1 ? read : refuse("the form has no file");
}
