/** Which storage to look into: the one that the settings name, or else that of a Muster on this machine. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { connectionOf, goesInPlain, type StorageConnection } from "../shared/storage/connection.ts";

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
