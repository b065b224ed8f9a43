/** Judging device lists, beside csv-parse alone on the same bytes: two legal lists of 2 MB each, with and without hashes. */
import { parse } from "csv-parse";
import { ListJudge } from "../../shared/registration/list/judge.ts";
import { median, timed } from "../setup/timing.ts";

/** One kind of list: how many rows and bytes of it are judged in a second, and how many csv-parse only reads. */
export type DeviceLists = {
  readonly name: string;
  readonly judged: Rate;
  readonly parsed: Rate;
};
type Rate = { readonly rowsPerSecond: number; readonly megabytesPerSecond: number };

const rounds = 15;
const pieceBytes = 64 * 1024;
const serialOf = (at: number): string => `PF${String(at).padStart(8, "0")}`;

/** A hash of 3,000 bytes that holds its serial number, as those of Windows do. */
export function hashOf(serial: string, at: number): string {
  const bytes = Buffer.alloc(3_000);
  bytes.write("OA", 0, "latin1");
  bytes.writeUInt16LE(400, 2);
  bytes.writeUInt16LE(14, 4);
  bytes.writeUInt16LE(serial.length + 5, 6);
  bytes.write(serial, 8, "latin1");
  bytes.writeUInt32LE(at, 300);
  return bytes.toString("base64");
}

const header =
  "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model";
const listOf = (rows: number, row: (serial: string, at: number) => string): Buffer =>
  Buffer.from(
    `${header}\r\n${Array.from({ length: rows }, (_, at) => `${row(serialOf(at), at)}\r\n`).join("")}`,
  );

const pieces = (list: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(list.length / pieceBytes) }, (_, at) =>
    list.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );

async function judge(list: Buffer): Promise<void> {
  const judging = new ListJudge();
  for (const piece of pieces(list)) judging.write(piece);
  const { findings } = judging.end();
  if (findings.some(({ code }) => code !== "E_ROW_LIMIT"))
    throw new Error(`the list is not clean: ${findings[0]?.code}`);
}

async function read(list: Buffer): Promise<void> {
  const parser = parse();
  parser.on("data", () => undefined);
  const ended = new Promise((resolve, reject) => parser.on("end", resolve).on("error", reject));
  for (const piece of pieces(list)) parser.write(piece);
  parser.end();
  await ended;
}

/** Measures both by turns, so that what else the machine does hits both. */
export async function measureDeviceLists(): Promise<DeviceLists[]> {
  const lists = [
    [
      "500 devices with hashes",
      500,
      listOf(500, (serial, at) => `${serial},,${hashOf(serial, at)},,`),
    ],
    [
      "40,000 devices by tuple",
      40_000,
      listOf(40_000, (serial) => `${serial},,,Contoso Ltd.,Book 1`),
    ],
  ] as const;
  const measured: DeviceLists[] = [];
  for (const [name, rows, list] of lists) {
    const seconds = { judged: [] as number[], parsed: [] as number[] };
    for (let round = -2; round < rounds; round += 1) {
      const [ours, theirs] = [await timed(() => judge(list)), await timed(() => read(list))];
      if (round < 0) continue;
      seconds.judged.push(ours.seconds);
      seconds.parsed.push(theirs.seconds);
    }
    const rate = (all: readonly number[]): Rate => ({
      rowsPerSecond: rows / median(all),
      megabytesPerSecond: list.length / 1e6 / median(all),
    });
    measured.push({ name, judged: rate(seconds.judged), parsed: rate(seconds.parsed) });
  }
  return measured;
}
