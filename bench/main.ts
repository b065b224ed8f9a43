/** `npm run bench`: Muster beside its storage, a naive twin and BullMQ; a table, and JSON in bench/results. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { measureBullmq, measureBullmqSteps } from "./bullmq/measure.ts";
import type { Hosts, HostsRun } from "./hosts-report.ts";
import { measureCeiling } from "./measures/ceiling.ts";
import { measureCounts } from "./measures/counts.ts";
import { measureDeviceLists } from "./measures/device-lists.ts";
import { type Dispatch, measureDispatch } from "./measures/dispatch.ts";
import { measureMemory } from "./measures/live-memory.ts";
import { measureLoad } from "./measures/load.ts";
import { measureNaive } from "./measures/naive.ts";
import { measureRegistrations } from "./measures/registrations.ts";
import { measureRuns, type ProvisioningRun } from "./measures/runs.ts";
import { measureSmall } from "./measures/small.ts";
import { countSync, measureLargeSync, measureNights } from "./measures/syncs.ts";
import { type BenchOptions, type Part, readOptions } from "./options.ts";
import { type Results, report } from "./report.ts";
import { redisVersion } from "./setup/redis.ts";
import { median } from "./setup/timing.ts";

const folder = fileURLToPath(new URL("results/", import.meta.url));

/** Syncs and bare loops that take turns: the one in the middle counts. */
const syncTurns = 9;

/** Host processes on one storage account, and turns of each number: the one in the middle counts. */
const hostCounts = [1, 2, 4] as const;
const hostTurns = 3;
/** Devices of a run of a template by one host and by two. */
const runByHosts = 1_000;

const machine = {
  processor: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  redis: redisVersion() ?? "none",
  loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
};

async function run(options: BenchOptions): Promise<Results> {
  const results: Results = {
    machine,
    startedAt: new Date().toISOString(),
    dispatch: [],
    counted: [],
    memory: [],
  };
  const wants = (part: Part): boolean => !options.skip.has(part);
  const { sizes } = options;
  if (wants("load")) results.load = await step("loading the bundle", measureLoad);
  // At a million, Azurite is what would be timed: there only requests and memory are looked at.
  const ceilingSizes = sizes.filter((size) => size <= 100_000);
  if (wants("ceiling"))
    results.ceiling = await step("Azurite alone", () => measureCeiling(ceilingSizes));
  if (wants("naive"))
    results.naive = await step("the naive twin", () => measureNaive(options.naiveDevices));
  if (wants("bullmq"))
    results.bullmq =
      redisVersion() === undefined
        ? { skipped: "no redis-server" }
        : await step("BullMQ", () => measureBullmq(options.bullmqDevices));
  if (wants("small"))
    results.small = await step("small sendings", () => measureSmall(options.neighbourDevices));
  if (wants("lists")) results.lists = await step("device lists", measureDeviceLists);
  await measureSyncs(options, results);
  await measureRegistering(options, results);
  await measureProvisioning(options, results);
  for (const route of options.routes)
    for (const size of wants("muster") ? sizes : [])
      results.dispatch.push(
        await step(`Muster, ${route}, ${size}`, () => measureDispatch(route, size)),
      );
  for (const route of options.routes)
    for (const size of wants("counts") ? sizes : [])
      results.counted.push(await step(`counting, ${route}, ${size}`, () => count(route, size)));
  if (wants("hosts")) results.hosts = await measureHosts(options.hosts);
  for (const size of options.memory ? sizes : [])
    results.memory.push(
      await step(`memory, ${size}`, () => measureMemory(options.routes[0] ?? "bulk", size)),
    );
  return results;

  function count(route: BenchOptions["routes"][number], size: number) {
    const first = route === options.routes[0];
    return measureCounts(route, size, {
      reading: wants("reading") && first && size >= 100_000,
      refreshes: first && size >= 100_000,
      confirm: true,
    });
  }
}

/** Fleets, and a run of a template, by one host process and by several on one storage account. */
async function measureHosts(sizes: readonly number[]): Promise<Hosts> {
  const [fleets, runs]: [HostsRun[], ProvisioningRun[]] = [[], []];
  for (const size of sizes) fleets.push(...(await measureFleet(size)));
  for (const hosts of [1, 2])
    runs.push(
      ...(await step(`a run of ${runByHosts} by ${hosts}`, () => measureRuns([runByHosts], hosts))),
    );
  return { fleets, runs };
}

/** Timed by turns, since a machine is not the same from one minute to the next, and then counted. */
async function measureFleet(devices: number): Promise<HostsRun[]> {
  const timed = hostCounts.map((hosts) => ({ hosts, runs: [] as Dispatch[] }));
  for (let turn = 0; turn < hostTurns; turn += 1)
    for (const { hosts, runs } of timed)
      runs.push(
        await step(`${devices} by ${hosts}`, () => measureDispatch("bulk", devices, hosts)),
      );
  const measured: HostsRun[] = [];
  for (const { hosts, runs } of timed) {
    const middle = median(runs.map(({ seconds }) => seconds));
    const counting = { reading: false, refreshes: false, confirm: true, hosts };
    const counted = await step(`counting ${devices} by ${hosts}`, () =>
      measureCounts("bulk", devices, counting),
    );
    const sent = runs.find(({ seconds }) => seconds === middle);
    if (sent !== undefined) measured.push({ hosts, sent, counted });
  }
  return measured;
}

/** Syncs of one large tenant, and nights of many. */
async function measureSyncs(options: BenchOptions, results: Results): Promise<void> {
  const { items, nights, skip } = options;
  if (!skip.has("syncs"))
    results.syncs = {
      large: await step(`syncs of ${items} items`, () => measureLargeSync(items, syncTurns)),
      counts: await step("counting a sync", () => countSync(items)),
    };
  if (!skip.has("nights"))
    Object.assign(
      results,
      await step(`nights of ${nights.join(" and ")} tenants`, () => measureNights(nights)),
    );
}

/** Registrations at a tenth and whole, so that it is seen what grows with devices; by Graph fewer, of which some three a second end. */
async function measureRegistering(
  { registrations, skip }: BenchOptions,
  results: Results,
): Promise<void> {
  if (skip.has("registrations")) return;
  const tenth = Math.ceil(registrations / 10);
  results.registrations = await step(`registrations of ${registrations}`, () =>
    measureRegistrations({
      partnerCenter: [tenth, registrations],
      graph: [Math.ceil(registrations / 100)],
    }),
  );
}

/** Runs of templates, and BullMQ taking as many devices through as many steps as the largest of them. */
async function measureProvisioning({ runs, skip }: BenchOptions, results: Results): Promise<void> {
  if (skip.has("runs")) return;
  results.runs = await step(`runs of ${runs.join(" and ")}`, () => measureRuns(runs));
  if (skip.has("bullmq") || redisVersion() === undefined) return;
  const most = Math.min(Math.max(...runs), 10_000);
  results.bullmqSteps = await step(`BullMQ, ${most} x 6`, () => measureBullmqSteps(most));
}

/** Says what is measured now, and how long that took. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  process.stderr.write(`${name} ... `);
  const value = await work();
  process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1)} s\n`);
  return value;
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
try {
  const results = await run(readOptions(process.argv.slice(2)));
  console.log(report(results));
  mkdirSync(folder, { recursive: true });
  const file = `${folder}${results.startedAt.replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(`\nAll of it: ${file}`);
} catch (cause) {
  console.error(cause instanceof Error ? cause.message : cause);
  process.exitCode = 1;
}
process.exit();
