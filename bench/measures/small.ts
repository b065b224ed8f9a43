/** What most sendings are: one device, or a few; alone, and while another tenant's fleet is under way. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  addTenant,
  type Muster,
  notify,
  refresh,
  startMuster,
  untilReached,
  untilSent,
} from "../setup/muster.ts";
import { deviceIds, reached, reachedAt } from "../setup/surroundings.ts";
import { median, timed } from "../setup/timing.ts";

/** Milliseconds of several sendings: the one in the middle, and the worst. */
export type Several = { readonly middle: number; readonly worst: number; readonly count: number };

/** Fleets of a thousand, one after the other: the sending in the middle. */
export type Thousands = {
  /** Until every device is reached and the outcome of each is kept. */
  readonly seconds: number;
  /** Until Graph took the action for a first device. */
  readonly firstDeviceMs: Several;
};

/** How long small sendings take. */
export type Small = {
  readonly thousand: Thousands;
  /** One device, from before its request until Graph took its action. */
  readonly alone: Several;
  readonly besideNeighbour: Several;
  readonly neighbourDevices: number;
};

/** Devices of a small fleet, and how many of them are sent to in a row. */
export const smallFleet = 1_000;
export const smallFleets = 5;
const devicesAlone = 20;
const pauseMs = 100;

/** Several times, put together. */
export const several = (times: readonly number[]): Several => ({
  middle: median(times),
  worst: Math.max(...times),
  count: times.length,
});

/** Measures all of it in one Muster, warmed up by a small fleet. */
export async function measureSmall(neighbourDevices: number): Promise<Small> {
  const muster = await startMuster();
  try {
    const neighbour = await fleet(muster, neighbourDevices);
    const mine = await fleet(muster, smallFleet);
    await sendToFleet(muster, mine);
    const sent = [];
    for (let nth = 0; nth < smallFleets; nth += 1)
      sent.push(await sendToFleet(muster, await fleet(muster, smallFleet)));
    const tenantId = await fleet(muster, smallFleet);
    const ids = await deviceIds(muster.sandbox.url, tenantId, smallFleet);
    const alone = await sendOneByOne(muster, tenantId, ids.slice(0, devicesAlone), () => true);
    const path = await notify(muster, neighbour, "bulk");
    const isBusy = async (): Promise<boolean> =>
      (await reached(muster.sandbox.url, neighbour)).distinct < neighbourDevices;
    const besideNeighbour = await sendOneByOne(muster, tenantId, ids.slice(devicesAlone), isBusy);
    await untilSent(muster, path, neighbourDevices);
    return {
      thousand: {
        seconds: median(sent.map(({ seconds }) => seconds)),
        firstDeviceMs: several(sent.map(({ firstMs }) => firstMs)),
      },
      alone,
      besideNeighbour,
      neighbourDevices,
    };
  } finally {
    await muster.stop();
  }
}

async function fleet(muster: Muster, devices: number): Promise<string> {
  const tenantId = await addTenant(muster, devices, "bulk");
  await refresh(muster, tenantId);
  return tenantId;
}

async function sendToFleet(muster: Muster, tenantId: string) {
  const begunAt = Date.now();
  const { seconds } = await timed(async () => {
    const path = await notify(muster, tenantId, "bulk");
    await untilReached(muster, tenantId, smallFleet);
    await untilSent(muster, path, smallFleet);
  });
  const times = await reachedAt(muster.sandbox.url, tenantId);
  return { seconds, firstMs: Math.min(...times.values()) - begunAt };
}

/** Sends to one device after the other, while `goesOn`. */
async function sendOneByOne(
  muster: Muster,
  tenantId: string,
  ids: readonly string[],
  goesOn: () => Promise<boolean> | boolean,
): Promise<Several> {
  const begun = new Map<string, number>();
  for (const deviceId of ids) {
    if (!(await goesOn())) break;
    begun.set(deviceId, Date.now());
    await notify(muster, tenantId, "bulk", { kind: "devices", deviceIds: [deviceId] });
    await sleep(pauseMs);
  }
  const isReached = async () => {
    const times = await reachedAt(muster.sandbox.url, tenantId);
    return [...begun.keys()].every((id) => times.has(id)) ? times : undefined;
  };
  let times = await isReached();
  while (times === undefined) {
    await sleep(pauseMs);
    times = await isReached();
  }
  const found = times;
  return several([...begun].map(([id, at]) => (found.get(id) ?? Number.NaN) - at));
}
