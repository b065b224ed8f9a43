/** Secrets of this machine, made once and kept where only their owner can read them. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { keptText } from "../kept-file.ts";

/** The secret of that name in `home/keys`: 32 random bytes as base64url text, made on first use. */
export function keptKey(home: string, name: string): string {
  const folder = join(home, "keys");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return keptText(join(folder, name), () => randomBytes(32).toString("base64url"));
}
