/**
 * What a device run carries through its actions beside where it stands: the facts of the device that actions decide by,
 * and what the actions so far have left behind. It travels in the item that the engine keeps, a hundred to a row, so it
 * is packed short. Pure.
 */
import * as z from "zod";
import { type Device, packId, unpackId } from "../devices/directory/device.ts";
import type { Item } from "../fanout/state/item.ts";
import type { Instant } from "../kernel/clock.ts";
import { type DirectoryFacts, directoryFacts } from "./actions/condition.ts";

/** Facts of the device when the run began. Routes are chosen by them, so they are Graph's own texts. */
type DeviceFacts = Pick<
  Device,
  "operatingSystem" | "managementAgent" | "osVersion" | "entraDeviceId" | "serialNumber"
>;

/** What a device run carries. What is about the action at hand is gone with the next one. */
export type DeviceRun = DeviceFacts & {
  /** Optional actions that failed so far. */
  readonly warnings: number;
  /** What the directory knew of the device when the run began, as far as conditions ask for it. */
  readonly directory?: DirectoryFacts;
  /** Of the optional actions behind it, those that must not be done twice and whose end nobody has seen, by their places. */
  readonly doubtful?: readonly number[];
  /** How often the action at hand was asked for again because it had failed. */
  readonly retries: number;
  /** When the action at hand was first asked for; its time-out counts from here. */
  readonly begunAt?: Instant;
  /** What the action at hand must know to find its result again, in its own words. */
  readonly note?: string;
  /** What the action at hand said, or the beginning of it; and where all of it is kept then. */
  readonly output?: string;
  readonly outputId?: string;
  /** Graph's id of the request that carried the action at hand. */
  readonly requestId?: string;
};

/** What a device begins its run with. */
export const deviceRunOf = ({
  operatingSystem,
  managementAgent,
  osVersion,
  entraDeviceId,
  serialNumber,
}: Device): DeviceRun => ({
  operatingSystem,
  managementAgent,
  osVersion,
  ...(entraDeviceId === undefined ? {} : { entraDeviceId }),
  ...(serialNumber === undefined ? {} : { serialNumber }),
  warnings: 0,
  retries: 0,
});

/** The same before another action: what the one before noted for itself is over. */
export function beforeNext(run: DeviceRun): DeviceRun {
  const { begunAt: _, note: _note, output: _output, outputId: _outputId, ...others } = run;
  const { requestId: _requestId, ...rest } = others;
  return { ...rest, retries: 0 };
}

// The order is a storage format: append to it, never change it.

/** Its short form. */
export function packDeviceRun(run: DeviceRun): string {
  const { operatingSystem, managementAgent, osVersion, entraDeviceId, serialNumber = "" } = run;
  const { warnings, retries, begunAt = 0, note = "", output = "", requestId = "" } = run;
  const { doubtful = [], directory = "", outputId = "" } = run;
  const entra = entraDeviceId === undefined ? "" : packId(entraDeviceId);
  const own = [operatingSystem, managementAgent, osVersion, entra, serialNumber];
  const left = [
    warnings,
    retries,
    begunAt,
    note,
    output,
    requestId,
    doubtful.join(),
    directory,
    outputId,
  ];
  const cells = [...own, ...left];
  while (cells.at(-1) === "" || cells.at(-1) === 0) cells.pop();
  return JSON.stringify(cells);
}

const Directory = z.partialRecord(z.enum(directoryFacts), z.string());

/** What `packDeviceRun` made; an item without it is a run of a device of which nothing is known. */
export function unpackDeviceRun(packed = "[]"): DeviceRun {
  const cells: unknown = JSON.parse(packed);
  if (!Array.isArray(cells)) throw new Error("a device run is not packed as a list");
  // By hand: each device is read twice an action, and a schema was what a large run spent most of its time on.
  const [text, count] = [typedAt<string>(cells, ""), typedAt<number>(cells, 0)];
  const [entra, serialNumber, doubtful, outputId] = [text(3), text(4), text(11), text(13)];
  const [begunAt, note, output, requestId] = [count(7), text(8), text(9), text(10)];
  const directory = cells[12] ? Directory.parse(cells[12]) : undefined;
  return {
    operatingSystem: text(0),
    managementAgent: text(1),
    osVersion: text(2),
    ...(entra === "" ? {} : { entraDeviceId: unpackId(entra) }),
    ...(serialNumber === "" ? {} : { serialNumber }),
    warnings: count(5),
    retries: count(6),
    ...(begunAt === 0 ? {} : { begunAt }),
    ...(note === "" ? {} : { note }),
    ...(output === "" ? {} : { output }),
    ...(outputId === "" ? {} : { outputId }),
    ...(requestId === "" ? {} : { requestId }),
    ...(doubtful === "" ? {} : { doubtful: doubtful.split(",").map(Number) }),
    ...(directory && { directory }),
  };
}

/** Cells of one type; the empty one where they are left out. */
const typedAt =
  <T extends string | number>(cells: readonly unknown[], empty: T) =>
  (at: number): T => {
    const cell = cells[at] ?? empty;
    if (typeof cell !== typeof empty)
      throw new Error(`cell ${at} of a device run is not a ${typeof empty}`);
    return cell as T;
  };

const carried = new WeakMap<Item, DeviceRun>();

/** What an item carries; looked at many times in a pass, and unpacked once. */
export function deviceRunIn(item: Item): DeviceRun {
  const known = carried.get(item) ?? unpackDeviceRun(item.learned);
  carried.set(item, known);
  return known;
}
