/** Muster against the clock: how fast it reaches a fleet, and how much memory that takes. */

import type { RouteKind } from "../options.ts";
import { peakMiB, resetPeak } from "../setup/memory.ts";
import {
  addTenant,
  checkOnce,
  type Muster,
  notify,
  type Processor,
  processorFor,
  refresh,
  startMuster,
  untilReached,
  untilSent,
} from "../setup/muster.ts";
import { firstReachedAt } from "../setup/surroundings.ts";
import { timed } from "../setup/timing.ts";

/** One fleet, reached once. */
export type Dispatch = {
  readonly route: RouteKind;
  readonly devices: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** From the request until Graph took the action for a first device. */
  readonly firstDeviceMs: number;
  readonly refreshSeconds: number;
  /** Seconds of the processor while the fleet was reached. */
  readonly processor: Processor;
  /** Peak memory in MiB, while the directory was filled and while the fleet was reached. */
  readonly workerMiB: Peaks;
  readonly hostMiB: Peaks;
};
export type Peaks = { readonly refresh: number | undefined; readonly dispatch: number | undefined };

const warmUpDevices = 2_000;

/** Measures one fleet in a Muster of its own, of one host process or several, warmed up by a small one. */
export async function measureDispatch(
  route: RouteKind,
  devices: number,
  hosts = 1,
): Promise<Dispatch> {
  const muster = await startMuster({ hosts });
  try {
    // As many for each: whose worker has done nothing yet would be compiling.
    await dispatchOnce(muster, route, warmUpDevices * hosts);
    return await dispatchOnce(muster, route, devices);
  } finally {
    await muster.stop();
  }
}

async function dispatchOnce(muster: Muster, route: RouteKind, devices: number): Promise<Dispatch> {
  const { sandbox, hostPid, workerPid } = muster;
  const tenantId = await addTenant(muster, devices, route);
  const refreshing = await timed(() => refresh(muster, tenantId));
  const peaks = () => ({ worker: peakMiB(workerPid), host: peakMiB(hostPid) });
  const inRefresh = peaks();
  resetPeak(workerPid);
  resetPeak(hostPid);
  const begunAt = Date.now();
  const send = async (): Promise<void> => {
    const path = await notify(muster, tenantId, route);
    await untilReached(muster, tenantId, devices);
    await untilSent(muster, path, devices);
  };
  const sent = await processorFor(muster, () => timed(send));
  const { seconds } = sent.value;
  const inDispatch = peaks();
  await checkOnce(muster, tenantId, devices);
  return {
    route,
    devices,
    seconds,
    perSecond: devices / seconds,
    firstDeviceMs: (await firstReachedAt(sandbox.url, tenantId)) - begunAt,
    refreshSeconds: refreshing.seconds,
    processor: sent.processor,
    workerMiB: { refresh: inRefresh.worker, dispatch: inDispatch.worker },
    hostMiB: { refresh: inRefresh.host, dispatch: inDispatch.host },
  };
}
