/**
 * Bytes of a file as its lines, in one pass and with the memory of one line: in whatever encoding they come, with what is
 * unusual about each. Numbers are those of the lines of the file, the blank ones too.
 */
import { isAscii, isUtf8 } from "node:buffer";

/** Longest line that is taken; one with a hash has some 4,200 characters. */
export const maxLineChars = 16 * 1024;

/** How a file is written. `ansi`: single bytes, some above 127. */
export type Encoding = "ascii" | "ansi" | "utf-8" | "utf-8-bom" | "utf-16-le" | "utf-16-be";

/** A line without its end. */
export type Line = {
  readonly number: number;
  readonly text: string;
  /** What ended it; empty at the end of the file. */
  readonly end: string;
  /** How its characters above 127 are written, if it has any. */
  readonly above: "none" | "utf8" | "ansi";
  /** It was longer than a line may be, and `text` is empty. */
  readonly tooLong: boolean;
  /** It is the last one, and ended with the byte that ended files in DOS. */
  readonly dosEnd: boolean;
};

const [lf, cr, dosEof] = [10, 13, 26];
const marks: readonly (readonly [Encoding, string])[] = [
  ["utf-8-bom", "\xef\xbb\xbf"],
  ["utf-16-le", "\xff\xfe"],
  ["utf-16-be", "\xfe\xff"],
];

const nothing: Buffer = Buffer.alloc(0);
const ansi = new TextDecoder("windows-1252");
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads one file piece by piece, and gives each line away as soon as it is whole. */
export class LineReader {
  /** How the file is written, as far as it was read. */
  encoding: Encoding = "ascii";
  /** Whether lines end with CR alone; undefined before the first one has ended. */
  endsWithCr: boolean | undefined;
  readonly #take: (line: Line) => void;
  /** The first bytes, which tell how the rest is written; undefined once they were seen. */
  #begun: Buffer | undefined = nothing;
  #unicode: InstanceType<typeof TextDecoder> | undefined;
  /** Pieces of a line that has not ended: put together once, however small they come. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** The line that has not ended is too long already. */
  #skipping = false;
  #count = 0;
  #stopped = false;

  constructor(take: (line: Line) => void) {
    this.#take = take;
  }

  /** Takes the next bytes. */
  write(piece: Uint8Array): void {
    if (this.#stopped) return;
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (this.#begun === undefined) return this.#decode(bytes);
    this.#begun = Buffer.concat([this.#begun, bytes]);
    if (this.#begun.length >= 4) this.#begin(this.#begun);
  }

  /** Looks at nothing more of the file. */
  stop(): void {
    this.#stopped = true;
  }

  /** Ends the file. */
  end(): void {
    if (this.#begun !== undefined) this.#begin(this.#begun);
    if (this.#stopped) return;
    this.#split(Buffer.from(this.#unicode?.decode() ?? ""), true);
    if (this.#stopped) return;
    const rest = Buffer.concat(this.#rest);
    if (rest.length === 0 && !this.#skipping) return;
    const isCr = rest.at(-1) === cr && this.endsWithCr !== false;
    this.endsWithCr ??= isCr;
    this.#give(rest, 0, isCr ? rest.length - 1 : rest.length, isCr ? "\r" : "");
  }

  #begin(bytes: Buffer): void {
    this.#begun = undefined;
    const [encoding, mark] = marks.find(
      ([, text]) => bytes.toString("latin1", 0, text.length) === text,
    ) ?? [unmarked(bytes), ""];
    this.encoding = encoding;
    if (encoding.startsWith("utf-16"))
      this.#unicode = new TextDecoder(encoding.replace("16-", "16"), { ignoreBOM: true });
    this.#decode(bytes.subarray(mark.length));
  }

  #decode(bytes: Buffer): void {
    if (this.#unicode === undefined) this.#split(bytes);
    else this.#split(Buffer.from(this.#unicode.decode(bytes, { stream: true })));
  }

  /** Puts the pieces together once a line may have ended; undefined before. */
  #gather(piece: Buffer, isLast: boolean): Buffer | undefined {
    this.#rest.push(piece);
    this.#restBytes += piece.length;
    const mayEnd = isLast || piece.includes(lf) || piece.includes(cr);
    if (!mayEnd && this.#restBytes <= maxLineChars) return undefined;
    const data = this.#rest.length === 1 ? piece : Buffer.concat(this.#rest);
    this.endsWithCr ??= endsWithCr(data);
    return this.endsWithCr ? withLf(data) : data;
  }

  #split(piece: Buffer, isLast = false): void {
    const data = this.#gather(piece, isLast);
    if (data === undefined) return;
    // Plain text is made a string once: to ask the buffer for each line is what took longest.
    const plain = isAscii(data) ? data.toString("latin1") : undefined;
    const next = (from: number): number => plain?.indexOf("\n", from) ?? data.indexOf(lf, from);
    const single = this.endsWithCr ? "\r" : "\n";
    let from = 0;
    for (let at = next(0); at >= 0 && !this.#stopped; at = next(from)) {
      const isPair = at > from && data[at - 1] === cr;
      this.#give(data, from, isPair ? at - 1 : at, isPair ? "\r\n" : single, plain);
      from = at + 1;
    }
    // What does not end is not kept, but for a CR whose LF may come.
    const isEndless = data.length - from > maxLineChars + 1;
    this.#skipping ||= isEndless;
    this.#rest = [isEndless ? data.subarray(-1) : data.subarray(from)];
    this.#restBytes = isEndless ? 1 : data.length - from;
  }

  #give(data: Buffer, from: number, to: number, end: string, plain?: string): void {
    this.#count += 1;
    const number = this.#count;
    const tooLong = this.#skipping || to - from > maxLineChars;
    this.#skipping = false;
    const dosEnd = end === "" && to > from && data[to - 1] === dosEof;
    const until = dosEnd ? to - 1 : to;
    if (tooLong) this.#take({ number, text: "", end, above: "none", tooLong, dosEnd });
    else if (plain !== undefined || isAscii(data.subarray(from, until))) {
      const text = plain?.slice(from, until) ?? data.toString("latin1", from, until);
      this.#take({ number, text, end, above: "none", tooLong, dosEnd });
    } else
      this.#take({ ...this.#foreign(data.subarray(from, until)), number, end, tooLong, dosEnd });
  }

  /** A line with characters above 127. In a file without a mark each line may be written in another way. */
  #foreign(bytes: Buffer): Pick<Line, "text" | "above"> {
    const isUnicode = isUtf8(bytes);
    if (this.encoding === "ascii" || this.encoding === "ansi")
      this.encoding = isUnicode ? "utf-8" : "ansi";
    return isUnicode
      ? { text: utf8.decode(bytes), above: "utf8" }
      : { text: ansi.decode(bytes), above: "ansi" };
  }
}

/** UTF-16 without its mark: every other byte of what is plain text is zero. */
function unmarked(bytes: Buffer): Encoding {
  if (bytes.length < 4) return "ascii";
  const zeros = [...bytes.subarray(0, 4)].map((byte) => (byte === 0 ? 0 : 1)).join("");
  return zeros === "1010" ? "utf-16-le" : zeros === "0101" ? "utf-16-be" : "ascii";
}

/** Whether the first line ends with CR alone; undefined where that cannot be seen yet. */
function endsWithCr(data: Buffer): boolean | undefined {
  const [first, feed] = [data.indexOf(cr), data.indexOf(lf)];
  if (feed >= 0 && (first < 0 || first >= feed - 1)) return false;
  return first < 0 || first + 1 === data.length ? undefined : true;
}

function withLf(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  for (let at = copy.indexOf(cr); at >= 0 && at + 1 < copy.length; at = copy.indexOf(cr, at + 1))
    if (copy[at + 1] !== lf) copy[at] = lf;
  return copy;
}
