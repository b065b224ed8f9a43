/**
 * The repaired file: the lines as they came, but for what was asked to be repaired. Nothing else is touched, so that every
 * value that was right is what it was.
 */
import { createHash } from "node:crypto";
import type { RepairName } from "./codes.ts";
import type { Encoding, Line } from "./lines.ts";

/** What one repair changed. */
export type Changed = {
  readonly repair: RepairName;
  /** Lines that it changed, in all. */
  readonly lines: number;
  /** The first of them. */
  readonly first: readonly number[];
};

/** The file as it was repaired; or why it cannot be written. */
export type Repaired =
  | { readonly bytes: Buffer; readonly sha256: string; readonly changes: readonly Changed[] }
  | { readonly impossible: string };

const maxFirst = 20;

/** Gathers lines for the repaired file. */
export function repairLines(asked: ReadonlySet<RepairName>) {
  const pieces: Buffer[] = [];
  const changes = new Map<RepairName, number[]>();
  let impossible: string | undefined;

  const changed = (repair: RepairName, line: number): void => {
    changes.set(repair, [...(changes.get(repair) ?? []), line]);
  };

  return {
    asked,
    changed,
    /** Adds a line, with the text that it is to have. */
    add({ number, end, above, dosEnd }: Line, text: string, encoding: Encoding): void {
      const whole = `${text}${dosEnd ? "\u001a" : ""}${end}`;
      const mark = number === 1 ? marks[encoding] : undefined;
      if (!asked.has("encoding"))
        return void pieces.push(mark ?? nothing, written(whole, encoding, above));
      const bytes = ansi(whole);
      if (bytes !== undefined) pieces.push(bytes);
      else impossible ??= `line ${number} has characters that ANSI does not have`;
      if (mark !== undefined || (above === "utf8" && encoding === "utf-8"))
        changed("encoding", number);
    },
    /** Notes a line that cannot be written again. */
    lose(why: string): void {
      impossible ??= why;
    },
    /** The whole of it. */
    file(): Repaired {
      if (impossible !== undefined) return { impossible };
      const bytes = Buffer.concat(pieces);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return {
        bytes,
        sha256,
        changes: [...changes].map(([repair, lines]) => ({
          repair,
          lines: lines.length,
          first: lines.slice(0, maxFirst),
        })),
      };
    },
  };
}
export type Repairing = ReturnType<typeof repairLines>;

const nothing = Buffer.alloc(0);
const marks: Partial<Record<Encoding, Buffer>> = {
  "utf-8-bom": Buffer.from("\ufeff"),
  "utf-16-le": Buffer.from("\ufeff", "utf16le"),
  "utf-16-be": Buffer.from("\ufeff", "utf16le").swap16(),
};

/** A line in the file's own encoding. */
function written(text: string, encoding: Encoding, above: Line["above"]): Buffer {
  if (encoding === "utf-16-le") return Buffer.from(text, "utf16le");
  if (encoding === "utf-16-be") return Buffer.from(text, "utf16le").swap16();
  if (above === "ansi") return ansi(text) ?? Buffer.from(text);
  return Buffer.from(text);
}

/** Where Windows-1252 differs from Latin-1: 27 characters in a place of their own. */
const own = new Map(
  Array.from({ length: 32 }, (_, at) => {
    const byte = 0x80 + at;
    return [new TextDecoder("windows-1252").decode(Uint8Array.of(byte)), byte] as const;
  }),
);

/** A text as ANSI, of which no byte is a guess; undefined where it has none. */
function ansi(text: string): Buffer | undefined {
  if (!/[\u0080-\uffff]/.test(text)) return Buffer.from(text, "latin1");
  const bytes = Array.from(text, (sign) => {
    const code = sign.codePointAt(0) ?? 0;
    return own.get(sign) ?? (code < 0x80 || (code >= 0xa0 && code < 0x100) ? code : -1);
  });
  return bytes.includes(-1) ? undefined : Buffer.from(bytes);
}
