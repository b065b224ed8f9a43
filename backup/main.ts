/** `npm run backup` and `npm run restore`: all that Muster keeps, into a folder, and out of it into an empty account. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { storageHere } from "../audit/arguments.ts";
import { toIso } from "../shared/kernel/clock.ts";
import { mendedLine } from "./mend.ts";
import { restore } from "./restore.ts";
import { save } from "./save.ts";

const usage = `npm run backup -- --to <folder>
npm run restore -- --from <folder> [--nothing-since]

backup   writes every table and every blob into a new folder, while Muster may go on
restore  puts them into an empty account, compares, and mends what was under way
  --nothing-since  nobody worked on after the backup: what waited in it goes on, instead of being looked up first

The storage is the one in AzureWebJobsStorage, or AzureWebJobsStorage__accountName with your own sign-in (Storage Table and
Blob Data Contributor); a backup also finds the one that ready.json in MUSTER_HOME names.`;

const say = (line: string): void => console.log(line);

async function run([command, ...words]: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      to: { type: "string" },
      from: { type: "string" },
      "nothing-since": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { to, from, "nothing-since": nothingSince } = values;
  if (values.help) return say(usage);
  const storage = storageHere(process.env);
  if (command === "save" && to !== undefined) {
    const { begunAt, endedAt } = await save(storage, resolve(to), version(), say);
    return say(`Saved in ${resolve(to)}: as it was from ${toIso(begunAt)} to ${toIso(endedAt)}.`);
  }
  if (command === "restore" && from !== undefined) {
    const wishes = { folder: resolve(from), nothingSince };
    const { manifest, mended } = await restore(storage, wishes, say);
    return say(`Restored. ${mendedLine(mended, nothingSince ? undefined : manifest.begunAt)}`);
  }
  throw new Error(usage);
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

await run(process.argv.slice(2)).catch((cause: unknown) => {
  console.error(cause instanceof Error ? cause.message : cause);
  process.exitCode = 1;
});
