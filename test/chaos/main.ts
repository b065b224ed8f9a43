/**
 * `npm run chaos [-- --runs 10] [--seed 1] [--devices 20000] [--hosts 1]`: runs chaos and says what came of it.
 * A failing run is repeated with the seed that it prints.
 */
import { parseArgs } from "node:util";
import { ensureBuilt } from "../../scripts/build.ts";
import { chaosRun } from "./chaos-run.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    devices: { type: "string", default: "20000" },
    hosts: { type: "string", default: "1" },
  },
});
const say = (line: string): void => console.log(line);

await ensureBuilt();
let failures = 0;
for (let run = 0; run < Number(values.runs); run += 1) {
  const seed = Number(values.seed) + run;
  say(`Run ${run + 1} of ${values.runs}, seed ${seed}`);
  const report = await chaosRun({
    devices: Number(values.devices),
    provisioned: 500,
    hosts: Number(values.hosts),
    seed,
    kills: 5,
    outages: 2,
    outageMs: 10_000,
    withinMs: 60_000,
    pace: 100,
    expiresAfter: "PT8M",
    deadlineMs: 20 * 60_000,
    messageLeaseSeconds: 600,
    settings: {
      MUSTER_CONFIRM_AFTER_SECONDS: "2",
      MUSTER_GRAPH_TIMEOUT_SECONDS: "40",
      MUSTER_CLAIM_SECONDS: "45",
      MUSTER_OVERDUE_SECONDS: "60",
    },
    say,
  });
  say(`seed ${seed}: ${report.seconds} s, ${JSON.stringify(report.counts)}`);
  for (const problem of report.problems.slice(0, 20)) say(`PROBLEM: ${problem}`);
  if (report.problems.length > 0) failures += 1;
}
say(failures === 0 ? "Every run passed." : `${failures} of ${values.runs} runs failed.`);
process.exitCode = failures === 0 ? 0 : 1;
