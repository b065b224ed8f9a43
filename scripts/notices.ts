/** The notices that the licences of bundled packages ask to be passed on with copies of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";

const innermostPackage = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
const noticeFile = /^(licen[cs]e|notice|copying|third-?party)/i;

/**
 * One text for all packages of which anything is in the bundle: name, version, licence and its full text.
 * @throws When a package says nothing of its licence, since then nobody may pass it on.
 */
export function notices(root: string, { outputs }: Metafile): string {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? (innermostPackage.exec(path)?.[0] ?? []) : [],
  );
  const parts = [...new Set(folders)].toSorted().map((folder) => noticeOf(join(root, folder)));
  const opening =
    "Muster's dist/ contains code of these packages, under the licences that follow.\n";
  return [opening, ...new Set(parts)].join(`\n${"-".repeat(80)}\n\n`);
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  ) as Readonly<Record<string, unknown>>;
  const files = readdirSync(folder).filter((file) => noticeFile.test(file));
  if (typeof license !== "string" && files.length === 0)
    throw new Error(`${String(name)} says nothing of its licence.`);
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length === 0) texts.push("The package names this licence, and brings no text of it.");
  return `${String(name)} ${String(version)} (${String(license)})\n\n${texts.join("\n\n")}\n`;
}
