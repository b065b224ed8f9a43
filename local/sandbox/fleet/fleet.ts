/**
 * The devices of one tenant: a few bytes each, everything else is computed from the seed when asked.
 * A device is known by its position, which it keeps for ever; removing one leaves a gap.
 */
import { fraction, hash32, mix32, seedOf } from "./chance.ts";
import { completeMix, dealProfiles, type FleetMix, type Profile, profiles } from "./fleet-mix.ts";
import { type GuidFamily, guidFamily } from "./guids.ts";

/** What a fleet is made from. The same description gives the same fleet. */
export type FleetPlan = {
  readonly tenantId: string;
  readonly devices: number;
  readonly seed: number;
  readonly mix: Partial<FleetMix>;
};

/** Independent questions to a device's chance. */
export const chanceOf = {
  site: 21,
  serial: 22,
  model: 23,
  compliance: 24,
  lastSync: 25,
  enrolled: 26,
  owner: 27,
  autopilot: 28,
  groupTag: 29,
  offline: 30,
  timing: 31,
  storage: 32,
  osVersion: 33,
  failing: 100,
  unsupported: 4000,
} as const;

/** The devices of one tenant. */
export type Fleet = {
  readonly seed: number;
  readonly createdAt: number;
  readonly ids: GuidFamily;
  /** Positions run from 0 to here; some of them may be removed devices. */
  readonly size: () => number;
  /** Whether the position holds a device that Graph shows (those that only a site knows are not shown). */
  readonly visible: (index: number) => boolean;
  readonly removed: (index: number) => boolean;
  readonly profile: (index: number) => Profile;
  /** How often the device was changed by `touch`. */
  readonly revision: (index: number) => number;
  readonly lastSync: (index: number) => number;
  readonly setLastSync: (index: number, at: number) => void;
  /** The position of a device that Graph shows, or undefined. */
  readonly find: (id: string) => number | undefined;
  readonly add: (count: number, now: number) => void;
  /** Removes devices that Graph shows, and says how many there were to remove. */
  readonly remove: (count: number) => number;
  /** Renames devices that Graph shows and lets them sync, and says how many there were. */
  readonly touch: (count: number, now: number) => number;
};

type Cells = { kinds: Uint8Array; gone: Uint8Array; revisions: Uint8Array; syncs: Float64Array };

/** What only a ConfigMgr site knows, with a client or without. */
const siteOnly: ReadonlySet<string> = new Set(["configMgrOnly", "discovered"]);
const dayMs = 86_400_000;
const fallback = profiles[0] as Profile;

/** Makes a fleet. 1,000,000 devices take 11 MB. */
export function makeFleet(plan: FleetPlan, now: number): Fleet {
  const seed = seedOf(`${plan.tenantId.toLowerCase()}/${plan.seed}`);
  const mix = completeMix(plan.mix);
  const ids = guidFamily(mix32(seed));
  const empty = new Uint8Array(0);
  const cells: Cells = { kinds: empty, gone: empty, revisions: empty, syncs: new Float64Array(0) };
  const reading = readers(cells);
  const changing = { seed, visible: reading.visible, size: reading.size, rounds: 0 };
  grow(cells, plan.devices, mix, seed, now);
  return {
    ...reading,
    seed,
    createdAt: now,
    ids,
    find: (id) => {
      const index = ids.indexOf(id);
      return index !== undefined && reading.visible(index) ? index : undefined;
    },
    setLastSync: (index, at) => {
      cells.syncs[index] = at;
    },
    add: (count, at) => grow(cells, count, mix, seed, at),
    remove: (count) =>
      change(changing, count, (index) => {
        cells.gone[index] = 1;
      }),
    touch: (count, at) =>
      change(changing, count, (index) => {
        cells.revisions[index] = ((cells.revisions[index] ?? 0) + 1) & 0xff;
        cells.syncs[index] = at;
      }),
  };
}

function readers(
  cells: Cells,
): Pick<Fleet, "size" | "visible" | "removed" | "profile" | "revision" | "lastSync"> {
  const profile = (index: number): Profile => profiles[cells.kinds[index] ?? 0] ?? fallback;
  return {
    size: () => cells.kinds.length,
    visible: (index) =>
      index < cells.kinds.length &&
      cells.gone[index] === 0 &&
      !siteOnly.has(profile(index).management),
    removed: (index) => cells.gone[index] === 1,
    profile,
    revision: (index) => cells.revisions[index] ?? 0,
    lastSync: (index) => cells.syncs[index] ?? 0,
  };
}

function grow(cells: Cells, count: number, mix: FleetMix, seed: number, now: number): void {
  const from = cells.kinds.length;
  const size = from + count;
  cells.kinds = extend(cells.kinds, new Uint8Array(size));
  cells.kinds.set(dealProfiles(count, mix, hash32(seed, from, 1)), from);
  cells.gone = extend(cells.gone, new Uint8Array(size));
  cells.revisions = extend(cells.revisions, new Uint8Array(size));
  cells.syncs = extend(cells.syncs, new Float64Array(size));
  for (let at = from; at < size; at += 1) {
    const age = fraction(seed, at, chanceOf.lastSync) * 30 * dayMs;
    cells.syncs[at] = Math.floor((now - age) / 1000) * 1000;
  }
}

function extend<T extends Uint8Array | Float64Array>(old: T, wider: T): T {
  wider.set(old);
  return wider;
}

type Changing = {
  readonly seed: number;
  readonly size: () => number;
  readonly visible: (index: number) => boolean;
  rounds: number;
};

/** Visits visible devices in an order that does not follow the list, so that changes are spread over it. */
function change(fleet: Changing, count: number, apply: (index: number) => void): number {
  const size = fleet.size();
  const start = hash32(fleet.seed, fleet.rounds, 2) % Math.max(1, size);
  const stride = coprimeStride(size);
  fleet.rounds += 1;
  let changed = 0;
  for (let step = 0; step < size && changed < count; step += 1) {
    const index = (start + step * stride) % size;
    if (!fleet.visible(index)) continue;
    apply(index);
    changed += 1;
  }
  return changed;
}

/** A step that visits every position exactly once before it comes back. */
function coprimeStride(size: number): number {
  let stride = Math.floor(size * 0.618) | 1;
  while (greatestCommonDivisor(stride, size) !== 1) stride += 2;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
