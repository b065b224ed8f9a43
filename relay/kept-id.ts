/** Ids that outlive the process, in files beside the journal. */
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id of that name, made when it is first asked for. */
export function keptId(home: string, name: string): string {
  const path = join(home, name);
  const kept = read(path);
  if (guid.test(kept)) return kept;
  const made = randomUUID();
  writeFileSync(path, made);
  return made;
}

/** Forgets an id: the next one of that name is another. */
export const forgetId = (home: string, name: string): void =>
  rmSync(join(home, name), { force: true });

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
