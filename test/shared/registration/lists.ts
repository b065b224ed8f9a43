/** Device lists for tests: made up devices, with hashes that are built like those of Windows. */
import { createHash } from "node:crypto";
import { ListJudge } from "../../../shared/registration/list/judge.ts";

export const intune =
  "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User";
export const partner =
  "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model";

/** A hash of a device of this serial number; `seed` tells two captures of it apart. */
export function hashOf(serial: string, seed = 1, bytes = 3_000): string {
  const whole = Buffer.alloc(bytes);
  const noise = createHash("sha512").update(`${serial}${seed}`).digest();
  let at = 4;
  for (const [kind, data] of [
    [12, noise.subarray(0, 16)],
    [14, Buffer.from(`${serial}\0`)],
    [7, noise],
  ] as const) {
    whole.writeUInt16LE(kind, at);
    whole.writeUInt16LE(data.length + 4, at + 2);
    data.copy(whole, at + 4);
    at += data.length + 4;
  }
  whole.write("OA", 0, "latin1");
  whole.writeUInt16LE(at, 2);
  return whole.toString("base64");
}

/** Lines as a file. */
export const csv = (...lines: readonly string[]): string =>
  lines.map((line) => `${line}\r\n`).join("");

/** What is found of a file that comes in pieces of some size. */
export function judged(bytes: Uint8Array | string, pieceBytes = 1_000) {
  const all = Buffer.from(bytes as string);
  const judge = new ListJudge();
  for (let at = 0; at < all.length; at += pieceBytes)
    judge.write(all.subarray(at, at + pieceBytes));
  return judge.end();
}
