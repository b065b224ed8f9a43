/**
 * What a worker holds that only sends: its peak, and, in a second run, what a full collection leaves of its
 * heap on the way. Both begin in a fresh process, since a refresh before would leave its own traces.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RouteKind } from "../options.ts";
import { peakMiB, resetPeak } from "../setup/memory.ts";
import {
  addTenant,
  type Muster,
  notify,
  refresh,
  startMuster,
  untilSent,
} from "../setup/muster.ts";
import { scratchFolder } from "../setup/scratch.ts";

/** In MiB; `first` and `second` are means over the halves of the time, where that was long enough. */
export type LiveMemory = {
  readonly route: RouteKind;
  readonly devices: number;
  readonly peak: number | undefined;
  readonly live: {
    readonly first: number | undefined;
    readonly second: number | undefined;
    readonly most: number;
    readonly after: number;
  };
};

const warmUpDevices = 2_000;
/** Long enough for what connections and finished work still hold to be let go. */
const settleMs = 6_000;

/** Measures one fleet in a Muster of its own. */
export async function measureMemory(route: RouteKind, devices: number): Promise<LiveMemory> {
  const [muster, scratch] = [await startMuster(), scratchFolder("muster-heap")];
  try {
    const tenants: string[] = [];
    for (const size of [warmUpDevices, devices]) {
      const tenantId = await addTenant(muster, size, route);
      await refresh(muster, tenantId);
      tenants.push(tenantId);
    }
    const [small = "", large = ""] = tenants;
    const send = (tenantId: string, size: number) => sendOnce(muster, route, tenantId, size);
    await muster.restart();
    await send(small, warmUpDevices);
    resetPeak(muster.workerPid);
    await send(large, devices);
    const peak = peakMiB(muster.workerPid);
    const heapFile = join(scratch.path, "heap");
    await muster.restart(heapFile);
    await send(small, warmUpDevices);
    const begun = Date.now();
    await send(large, devices);
    const ended = Date.now();
    await sleep(settleMs);
    return { route, devices, peak, live: liveOf(heapFile, begun, ended) };
  } finally {
    await muster.stop();
    scratch.remove();
  }
}

async function sendOnce(muster: Muster, route: RouteKind, tenantId: string, devices: number) {
  await untilSent(muster, await notify(muster, tenantId, route), devices);
}

function liveOf(file: string, begun: number, ended: number): LiveMemory["live"] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const all = lines.map((line) => line.split(" ").map(Number) as [at: number, bytes: number]);
  const sending = all.filter(([at]) => at >= begun && at <= ended).map(([, bytes]) => bytes);
  const half = Math.ceil(sending.length / 2);
  return {
    first: mean(sending.slice(0, half)),
    second: mean(sending.slice(half)),
    most: Math.max(...sending) / 2 ** 20,
    after: (all.at(-1)?.[1] ?? 0) / 2 ** 20,
  };
}

const mean = (values: readonly number[]): number | undefined =>
  values.length === 0
    ? undefined
    : values.reduce((sum, value) => sum + value, 0) / values.length / 2 ** 20;
