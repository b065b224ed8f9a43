/** Which packages are bundled: the notices that their licences ask to be passed on, and the bill that scanners read. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";

const innermostPackage = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
const noticeFile = /^(licen[cs]e|notice|copying|third-?party)/i;

/**
 * One text for all packages of which anything is in the bundle: name, version, licence and its full text.
 * @throws When a package says nothing of its licence, since then nobody may pass it on.
 */
export function notices(root: string, folders: readonly string[]): string {
  const parts = folders.map((folder) => noticeOf(join(root, folder)));
  const opening =
    "Muster's dist/ contains code of these packages, under the licences that follow.\n";
  return [opening, ...new Set(parts)].join(`\n${"-".repeat(80)}\n\n`);
}

/**
 * The same packages as a software bill of materials (CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json). Without serial
 * number and time, which would make each build another one.
 */
export function billOfMaterials(root: string, folders: readonly string[]): string {
  const { packages } = readJson(join(root, "package-lock.json")) as Lockfile;
  const components = folders.map((folder) => {
    const { name, version, license } = packageIn(join(root, folder));
    const [algorithm, digest = ""] = packages[folder]?.integrity?.split("-") ?? [];
    const content = Buffer.from(digest, "base64").toString("hex");
    return {
      type: "library",
      name,
      version,
      purl: `pkg:npm/${String(name).replace("@", "%40")}@${String(version)}`,
      ...(typeof license === "string" ? { licenses: [{ expression: license }] } : {}),
      ...(algorithm === "sha512" ? { hashes: [{ alg: "SHA-512", content }] } : {}),
    };
  });
  const { name, version } = packageIn(root);
  const metadata = { component: { type: "application", name, version } };
  const bill = { bomFormat: "CycloneDX", specVersion: "1.6", version: 1, metadata, components };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

type Lockfile = { readonly packages: Readonly<Record<string, { readonly integrity?: string }>> };

/** The package that a file below the root belongs to, as a folder; undefined for our own. */
export const packageFolder = (path: string): string | undefined => innermostPackage.exec(path)?.[0];

/** Packages of which anything is in the bundle, as folders below the root. */
export function bundledFolders({ outputs }: Metafile): string[] {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? (packageFolder(path) ?? []) : [],
  );
  return [...new Set(folders)];
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const packageIn = (folder: string) =>
  readJson(join(folder, "package.json")) as Readonly<Record<string, unknown>>;

function noticeOf(folder: string): string {
  const { name, version, license } = packageIn(folder);
  const files = readdirSync(folder).filter((file) => noticeFile.test(file));
  if (typeof license !== "string" && files.length === 0)
    throw new Error(`${String(name)} says nothing of its licence.`);
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length === 0) texts.push("The package names this licence, and brings no text of it.");
  return `${String(name)} ${String(version)} (${String(license)})\n\n${texts.join("\n\n")}\n`;
}
