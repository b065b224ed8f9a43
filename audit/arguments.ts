/** What the command is told: whose chains to verify, what to compare them with, and where they are. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { connectionOf, goesInPlain, type StorageConnection } from "../shared/storage/connection.ts";

/** The command's arguments. */
export type Arguments = {
  /** One trail: a tenant's id, or `platform` for what belongs to no tenant. */
  readonly trail: string | undefined;
  /** Files with anchors; `-` is the standard input. */
  readonly anchorFiles: readonly string[];
  /** Lines of JSON instead of lines for people. */
  readonly json: boolean;
};

/** How the command is called. */
export const usage = `npm run audit:verify -- [--tenant <id>|platform] [--anchors <file>|-]... [--json]

Verifies the hash chain of every partition of the audit trail, or of one tenant's.
  --tenant   a tenant's id, or "platform" for what belongs to no tenant
  --anchors  a file with "audit.anchor" lines of the log, or an earlier --json output; "-" reads them from here
  --json     a line of JSON for each partition

The storage is the one in AzureWebJobsStorage, or AzureWebJobsStorage__accountName with your own sign-in
(rights to read its tables are enough), or else the one that ready.json in MUSTER_HOME names. Ends with 0 when all is intact, 1 when something is broken, and 2
when it could not look.`;

/** Reads the arguments; throws words for people. */
export function readArguments(words: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      tenant: { type: "string" },
      anchors: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
    },
  });
  const trail = values.tenant?.toLowerCase();
  if (trail !== undefined && !/^(platform|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(trail))
    throw new Error(`--tenant takes a tenant's id or "platform", not "${values.tenant}".`);
  return { trail, anchorFiles: values.anchors, json: values.json };
}

// Which storage to look into: the one that the settings name, or else that of a Muster on this machine.

const root = fileURLToPath(new URL("..", import.meta.url));
const Ready = z.object({ storageConnection: z.string() });

/** The storage; throws words for people where nothing names one. */
export function storageHere(
  settings: Readonly<Record<string, string | undefined>>,
): StorageConnection {
  const named = connectionOf(settings);
  if (named?.kind === "connectionString" && goesInPlain(named.value))
    throw new Error("AzureWebJobsStorage must reach the account with https.");
  if (named !== undefined) return named;
  const ready = join(resolve(root, settings["MUSTER_HOME"] ?? ".muster"), "ready.json");
  try {
    const { storageConnection } = Ready.parse(JSON.parse(readFileSync(ready, "utf8")));
    return { kind: "connectionString", value: storageConnection };
  } catch (cause) {
    throw new Error(
      `Set AzureWebJobsStorage, or AzureWebJobsStorage__accountName: no running Muster names its storage in ${ready}.`,
      { cause },
    );
  }
}
