/**
 * The list of a tenant's devices: walks the directory, filters on the way, and stops in bounded time. A page may
 * therefore hold fewer devices than asked for, even none, and still have a successor.
 */

import * as z from "zod";
import { type Page, PageQuery } from "../../http/paging.ts";
import { durationMs, fromIso, type Instant } from "../../kernel/clock.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { Line } from "../../kernel/outside-text.ts";
import { type Device, managementOf, managements } from "../directory/device.ts";
import { cursorBehind, type DirectoryStore } from "../directory/directory.ts";
import { textOf } from "./collection.ts";

const filterText = Line.min(1).max(256).optional();
const moment = z
  .string()
  .max(40)
  .refine(
    (value) =>
      durationMs(value) !== undefined || z.iso.datetime({ offset: true }).safeParse(value).success,
    "must be an ISO 8601 instant, or a duration such as P7D for so long ago",
  )
  .optional();

/** Which devices to list. All filters must hold; texts are compared without regard to case. */
export const DeviceQuery = z.strictObject({
  operatingSystem: filterText,
  managementAgent: filterText,
  complianceState: filterText,
  management: z.enum(managements).optional(),
  namePrefix: filterText,
  search: filterText.describe("Part of the name, the serial number or the user"),
  groupTag: filterText,
  lastSyncBefore: moment,
  lastSyncAfter: moment,
  ...PageQuery,
  sort: z
    .enum(["name", "serialNumber", "userPrincipalName", "lastSyncDateTime"])
    .optional()
    .describe(
      "In this order, instead of that of ids; the whole directory is read for each page, of at most 200,000 devices",
    ),
  descending: z.enum(["true", "false"]).optional().describe("true: the last in that order first"),
});
type DeviceFilter = Omit<
  z.output<typeof DeviceQuery>,
  keyof typeof PageQuery | "sort" | "descending"
>;

/** What of a tenant a caller reaches whose roles are limited to collections: members of these, as they are now. */
export type Reach = {
  readonly collectionIds: readonly string[];
  readonly holds: (device: Device) => boolean;
};

/** Most devices that one page looks at. */
export const maxScanned = 10_000;
/** Devices per step when most of them may be passed over. */
const stepDevices = 2000;
/** Asked for beyond a page: the first bucket may be half behind us, and buckets are not equally full. */
const spareDevices = 256;

/** Devices of a page, found after the device with the id `after`. */
type Wanted = {
  readonly after: string | undefined;
  readonly top: number;
  readonly accepts: (device: Device) => boolean;
  /** What the caller reaches; the rest is left out and counted. */
  readonly reach?: Reach | undefined;
};

/** A page of devices in id order; `next` is the id to go on after. */
export async function listDevices(
  directory: Pick<DirectoryStore, "walk">,
  tenantId: string,
  { after, top, accepts, reach }: Wanted,
): Promise<Page<Device>> {
  const page = new PageOfDevices({ after, top, accepts, reach });
  let cursor = after === undefined ? undefined : cursorBehind(undefined, after);
  do {
    const step = await directory.walk(tenantId, cursor, page.stepSize());
    if (!step.devices.every((device) => page.take(device))) return page.full();
    cursor = step.next;
  } while (cursor !== undefined);
  return page.whole();
}

/** A page while it fills. */
class PageOfDevices {
  readonly #wanted: Wanted;
  readonly #items: Device[] = [];
  #last: string | undefined;
  #scanned = 0;
  #hidden = 0;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
    this.#last = wanted.after;
  }

  /** How many devices to ask for next. */
  stepSize(): number {
    const missing = this.#wanted.top - this.#items.length + spareDevices;
    return Math.max(missing, this.#scanned && stepDevices);
  }

  /** Takes the next device; false when it is one more than fits: only now is it known that there is a next page. */
  take(device: Device): boolean {
    const { after, top, accepts, reach } = this.#wanted;
    if (after !== undefined && device.deviceId <= after) return true;
    if (this.#items.length === top || this.#scanned === maxScanned) return false;
    this.#scanned += 1;
    this.#last = device.deviceId;
    // Counted before any filter: else a filter would tell what the hidden ones are called.
    if (reach?.holds(device) === false) this.#hidden += 1;
    else if (accepts(device)) this.#items.push(device);
    return true;
  }

  /** The last page. */
  whole(): Page<Device> {
    const hidden = this.#wanted.reach === undefined ? {} : { hidden: this.#hidden };
    return { items: this.#items, ...hidden };
  }

  /** A page after which another one comes. */
  full(): Page<Device> {
    return { ...this.whole(), ...nextAfter(this.#last) };
  }
}

const nextAfter = (last: string | undefined): { next?: string } =>
  last === undefined ? {} : { next: last };

// In another order than that of ids: what comes next is found among all.

/** Most devices in a directory that is sorted. */
const maxSorted = 200_000;
const sortStep = 10_000;
type SortKey = NonNullable<z.output<typeof DeviceQuery>["sort"]>;

/** Where a page begins: behind a device with this text and id. */
const SortedPosition = z.tuple([z.string(), z.string()]);

type SortedQuery = Omit<Wanted, "after"> & {
  readonly sort: SortKey;
  readonly descending: boolean;
  /** The `next` of the page before. */
  readonly position: string | undefined;
};

/**
 * A page of devices by one of their texts, and by id where that is the same, with how many there are in all. Memory holds no
 * more than a page: of what is read only the first that come behind the page before are kept.
 */
export async function sortDevices(
  directory: Pick<DirectoryStore, "walk">,
  tenantId: string,
  { sort, descending, position, top, accepts, reach }: SortedQuery,
): Promise<Result<Page<Device> & { readonly total: number }>> {
  const from = position === undefined ? undefined : SortedPosition.parse(JSON.parse(position));
  const first = new FirstOf(top + 1, descending ? -1 : 1, from);
  let cursor: string | undefined;
  let [read, hidden, total] = [0, 0, 0];
  do {
    const step = await directory.walk(tenantId, cursor, sortStep);
    const seen = reach === undefined ? step.devices : step.devices.filter(reach.holds);
    const found = seen.filter(accepts);
    for (const device of found) first.take([lower(device[sort] ?? ""), device.deviceId], device);
    hidden += step.devices.length - seen.length;
    total += found.length;
    read += step.devices.length;
    cursor = step.next;
  } while (cursor !== undefined && read < maxSorted);
  if (cursor !== undefined)
    return fail("invalid-request", `More than ${maxSorted} devices are not sorted. Filter them.`, {
      faults: [{ pointer: "/query/sort", detail: `is for at most ${maxSorted} devices` }],
    });
  const shown = first.kept.slice(0, top);
  const last = first.kept.length > top ? shown.at(-1)?.key : undefined;
  return succeed({
    items: shown.map(({ device }) => device),
    total,
    ...(last && { next: JSON.stringify(last) }),
    ...(reach === undefined ? {} : { hidden }),
  });
}

type Key = readonly [text: string, deviceId: string];

/** The first so many behind a place, of all that it is given. */
class FirstOf {
  readonly kept: { readonly key: Key; readonly device: Device }[] = [];
  readonly #most: number;
  readonly #sign: 1 | -1;
  readonly #from: Key | undefined;

  constructor(most: number, sign: 1 | -1, from: Key | undefined) {
    [this.#most, this.#sign, this.#from] = [most, sign, from];
  }

  take(key: Key, device: Device): void {
    if (this.#from !== undefined && this.#compare(key, this.#from) <= 0) return;
    const last = this.kept.at(-1);
    const isFull = this.kept.length >= this.#most;
    if (isFull && last !== undefined && this.#compare(key, last.key) >= 0) return;
    let [low, high] = [0, this.kept.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.kept[middle]?.key ?? key, key) < 0) low = middle + 1;
      else high = middle;
    }
    this.kept.splice(low, 0, { key, device });
    if (this.kept.length > this.#most) this.kept.pop();
  }

  #compare([text, id]: Key, [other, otherId]: Key): number {
    if (text !== other) return (text < other ? -1 : 1) * this.#sign;
    return id === otherId ? 0 : id < otherId ? -1 : 1;
  }
}

/** One device. */
export async function readDevice(
  directory: Pick<DirectoryStore, "get">,
  tenantId: string,
  deviceId: string,
  reach?: Reach,
): Promise<Result<Device>> {
  const device = await directory.get(tenantId, deviceId);
  // One out of reach looks like none, so that asking reveals nothing.
  if (device !== undefined && (reach?.holds(device) ?? true)) return succeed(device);
  return fail(
    "unknown-device",
    `The directory of tenant ${tenantId} has no device ${deviceId}. A refresh may bring it.`,
  );
}

/** Whether a device passes all filters. */
export function filterOf(filter: DeviceFilter, now: Instant): (device: Device) => boolean {
  const before = momentOf(filter.lastSyncBefore, now);
  const after = momentOf(filter.lastSyncAfter, now);
  const { namePrefix, management, search } = filter;
  return (device) =>
    same(filter.operatingSystem, device.operatingSystem) &&
    same(filter.managementAgent, device.managementAgent) &&
    same(filter.complianceState, device.complianceState) &&
    same(filter.groupTag, device.groupTag ?? "") &&
    (management === undefined || managementOf(device) === management) &&
    (namePrefix === undefined || lower(device.name).startsWith(lower(namePrefix))) &&
    (search === undefined || textOf(device).includes(lower(search))) &&
    (before === undefined || syncedAt(device) < before) &&
    (after === undefined || syncedAt(device) > after);
}

const lower = (text: string): string => text.toLowerCase();

const same = (wanted: string | undefined, actual: string): boolean =>
  wanted === undefined || lower(wanted) === lower(actual);

const syncedAt = ({ lastSyncDateTime }: Device): number =>
  fromIso(lastSyncDateTime) ?? Number.NEGATIVE_INFINITY;

function momentOf(text: string | undefined, now: Instant): Instant | undefined {
  if (text === undefined) return undefined;
  const ago = durationMs(text);
  return ago === undefined ? fromIso(text) : now - ago;
}
