/**
 * Provisioning runs: a fleet through a template of six actions, each of which the sandbox answers at once, timed; and once
 * more with storage counted at the wire.
 */
import { peakMiB, resetPeak } from "../setup/memory.ts";
import {
  addTenant,
  type Muster,
  type Processor,
  processorFor,
  refresh,
  startMuster,
} from "../setup/muster.ts";
import { calmFleet } from "../setup/surroundings.ts";
import { timed, until } from "../setup/timing.ts";
import { countsBetween, locksIn, sumOf, type WireCounts } from "../setup/wire.ts";

/** One run. Rates are of devices and actions: six for each device. */
export type ProvisioningRun = {
  readonly hosts: number;
  readonly devices: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Requests to storage for each device and action. */
  readonly storage: number;
  /** Those of hosts for their leases, of all of these. */
  readonly locks: number;
  /** What came of them, as the wire has it. */
  readonly answers: WireCounts;
  /** Seconds of the processor, uncounted. */
  readonly processor: Processor;
  /** Peaks while the run was under way, in MiB. */
  readonly workerMiB: number | undefined;
  readonly hostMiB: number | undefined;
};

/** Actions of the template: scans and signatures by turns, so that none repeats the one before. */
export const stepsOfRun = 6;
const types = [
  "endpointProtectionDownloadDefinition",
  "endpointProtectionQuickScan",
  "endpointProtectionFullScan",
] as const;
const actions = Array.from({ length: stepsOfRun }, (_, at) => ({
  id: `a${at + 1}`,
  name: `Action ${at + 1}`,
  type: types[at % types.length],
}));
const warmUpDevices = 500;
/** Devices answer at once, and are looked at at once. */
const confirmAfterSeconds = 0;

/** Measures runs of so many devices, each in a Muster of its own, of one host process or several. */
export async function measureRuns(sizes: readonly number[], hosts = 1): Promise<ProvisioningRun[]> {
  const runs: ProvisioningRun[] = [];
  for (const devices of sizes) {
    const work = (muster: Muster) => once(muster, devices);
    const { seconds, processor, workerMiB, hostMiB } = await inMuster(hosts, false, work);
    const { storage, locks, answers } = await inMuster(hosts, true, work);
    const perSecond = (devices * stepsOfRun) / seconds;
    runs.push({
      hosts,
      devices,
      seconds,
      perSecond,
      storage,
      locks,
      answers,
      processor,
      workerMiB,
      hostMiB,
    });
  }
  return runs;
}

async function inMuster<T>(
  hosts: number,
  counted: boolean,
  work: (muster: Muster) => Promise<T>,
): Promise<T> {
  const muster = await startMuster({ hosts, counted, confirmAfterSeconds });
  try {
    await runOnce(muster, await fleet(muster, warmUpDevices));
    return await work(muster);
  } finally {
    await muster.stop();
  }
}

async function once(muster: Muster, devices: number) {
  const { wire, workerPid, hostPid } = muster;
  const tenantId = await fleet(muster, devices);
  resetPeak(workerPid);
  resetPeak(hostPid);
  const [before, answered] = [wire?.read() ?? {}, wire?.readAnswers() ?? {}];
  const run = await processorFor(muster, () => timed(() => runOnce(muster, tenantId)));
  const storage = countsBetween(before, wire?.read() ?? {});
  return {
    seconds: run.value.seconds,
    processor: run.processor,
    storage: sumOf(storage) / devices / stepsOfRun,
    locks: locksIn(storage),
    answers: countsBetween(answered, wire?.readAnswers() ?? {}),
    workerMiB: peakMiB(workerPid),
    hostMiB: peakMiB(hostPid),
  };
}

async function fleet(muster: Muster, devices: number): Promise<string> {
  const tenantId = await addTenant(muster, devices, "bulk");
  await calmFleet(muster.sandbox.url, tenantId);
  await refresh(muster, tenantId);
  return tenantId;
}

/** A template and its run on a whole tenant, up to its end. */
async function runOnce({ api }: Muster, tenantId: string): Promise<void> {
  const sections = [{ id: "systemConfiguration", actions }];
  const template = { name: "Six actions", visibility: "public", sections };
  const { templateId } = (await api("POST", "templates", template)) as unknown as {
    templateId: string;
  };
  const rules = [{ property: "operatingSystem", operator: "equals", value: "Windows" }];
  const wanted = { templateId, targets: { rules }, offline: { after: "P60D" } };
  const path = `tenants/${tenantId}/provisioning-runs`;
  const { runId } = (await api("POST", path, wanted)) as unknown as { runId: string };
  const read = async () =>
    (await api("GET", `${path}/${runId}`)) as unknown as {
      final: boolean;
      total: number;
      buckets: { successful: number };
    };
  await until("a run", async () => (await read()).final, { everyMs: 200, limitMs: 3_600_000 });
  const { total, buckets } = await read();
  if (buckets.successful !== total)
    throw new Error(`${buckets.successful} of ${total} devices have succeeded`);
}
