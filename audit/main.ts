/** `npm run audit:verify`: verifies the audit trail's hash chains, with nothing but rights to read them. */
import { readArguments, storageHere, usage } from "./arguments.ts";
import { lastLine } from "./report.ts";
import { verify } from "./verify.ts";

const intact = 0;
const broken = 1;
const notLooked = 2;

async function run(words: readonly string[]): Promise<number> {
  if (words.includes("--help")) {
    console.log(usage);
    return intact;
  }
  const asked = readArguments(words);
  const summary = await verify(storageHere(process.env), asked, (line) => console.log(line));
  // The wrong account, or the wrong tenant: nothing verified is not the same as nothing wrong.
  if (summary.partitions === 0)
    throw new Error("Nothing was verified: there is no such audit trail here.");
  // Lines of JSON are for programs: what is for people stays out of their way.
  console[asked.json ? "error" : "log"](lastLine(summary));
  return summary.broken > 0 ? broken : intact;
}

process.exitCode = await run(process.argv.slice(2)).catch((cause: unknown) => {
  console.error(cause instanceof Error ? cause.message : cause);
  return notLooked;
});
