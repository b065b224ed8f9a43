/**
 * Maintenance windows of a tenant and of its collections, beside those of tasks: one list a tenant. Those of the whole
 * tenant add up, and so do those of one collection; what begins needs an open one of each that has any, and of its
 * task's. Exclusions take away. Whoever begins something for a device asks `nextGo` right before.
 */
import * as z from "zod";
import { invalidRequest } from "../http/body.ts";
import { type Clock, type Instant, toIso } from "../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { tableNames } from "../storage/names.ts";
import { jsonOf, type Tables } from "../storage/tables.ts";
import { type CalendarBook, windowsUser } from "./calendars.ts";
import { calendarsOf, dated, recurring, type Task } from "./state/task.ts";
import { faultsOfSchedules } from "./times/recurrence.ts";
import { nextStart, type Window } from "./times/window.ts";

const whose = { displayName: z.string(), collectionId: z.string().optional() };

/** The windows of a tenant as they are kept. */
const Maintenance = z.object({
  windows: z.array(
    z.object({ ...whose, opens: recurring, minutes: z.number(), cutoffMs: z.number() }),
  ),
  /** When nothing begins, whatever is open. */
  exclusions: z.array(z.object({ ...whose, from: z.number(), to: z.number() })),
});
export type Maintenance = z.output<typeof Maintenance>;

/** What wants to begin: with windows of its own, and with what has to fit. */
type Wanted = Pick<Task, "windows" | "longestRunMs" | "cutoffMs">;

/** The collections of a tenant that have windows or exclusions: of these, whoever asks `nextGo` must know the device's. */
export const collectionsOf = ({ windows, exclusions }: Maintenance): string[] => [
  ...new Set([...windows, ...exclusions].flatMap(({ collectionId }) => collectionId ?? [])),
];

/**
 * When something may begin for a device of some collections: `now` itself, or the first moment after it at which it may;
 * undefined when there is none within two years. The longest of all cut-offs holds. Pure.
 */
export function nextGo(
  { windows, exclusions }: Maintenance,
  wanted: Wanted,
  collectionIds: readonly string[],
  now: Instant,
): Instant | undefined {
  const groups = [undefined, ...collectionIds].map((id) =>
    windows.filter(({ collectionId }) => collectionId === id),
  );
  const holding = groups.filter((group) => group.length > 0);
  const cutoffMs = Math.max(wanted.cutoffMs, ...holding.flat().map((each) => each.cutoffMs));
  const own = wanted.windows.length === 0 ? [] : [wanted.windows];
  const all = {
    groups: [...own, ...holding] as readonly (readonly Window[])[],
    exclusions: exclusions.filter(
      ({ collectionId }) => collectionId === undefined || collectionIds.includes(collectionId),
    ),
  };
  return nextStart(all, now, { runMs: wanted.longestRunMs, cutoffMs });
}

/**
 * The same for each of some things of a tenant, such as devices; `within` says which of the collections that have windows
 * hold one. Those of the same collections are worked out once. Pure.
 */
export function goesFor<T>(
  maintenance: Maintenance,
  wanted: Wanted,
  things: readonly T[],
  within: (thing: T) => readonly string[],
  now: Instant,
): ReadonlyMap<T, Instant | undefined> {
  const known = new Map<string, Instant | undefined>();
  return new Map(
    things.map((thing) => {
      const ids = within(thing);
      const key = ids.join(" ");
      if (!known.has(key)) known.set(key, nextGo(maintenance, wanted, ids, now));
      return [thing, known.get(key)] as const;
    }),
  );
}

/** Why what may go at `opens` does not go now: it waits, or never may; undefined: it goes. Pure. */
export function heldBy(opens: Instant | undefined, now: Instant) {
  if (opens === undefined)
    return { end: "decline", code: "no-window", detail: "no window that it fits into" } as const;
  if (opens <= now) return undefined;
  const detail = `outside its maintenance windows; the next one opens ${toIso(opens)}`;
  return { until: opens, code: "window", detail } as const;
}

const anything: Wanted = { windows: [], longestRunMs: 0, cutoffMs: 0 };

/** Why windows are not taken at `now`: every fault at once. Pure. */
function faultsOf(all: Maintenance, now: Instant): Fault[] {
  const windows = all.windows.map(({ opens }, at) => ({
    schedule: opens as Window["opens"],
    pointer: `/windows/${at}/opens`,
  }));
  const faults = faultsOfSchedules(windows, now);
  for (const [index, { from, to }] of all.exclusions.entries())
    if (to <= from)
      faults.push({ pointer: `/exclusions/${index}/to`, detail: "is not after from" });
  if (faults.length > 0) return faults;
  for (const id of [undefined, ...collectionsOf(all)])
    if (nextGo(all, anything, id === undefined ? [] : [id], now) === undefined) {
      const whom = id === undefined ? "of the tenant" : `of collection ${id} and of the tenant`;
      return [{ pointer: "/windows", detail: `${whom} are never open together behind cut-offs` }];
    }
  return [];
}

const rowKey = "w";
/** What a column holds. */
const maxChars = 30_000;

/** Windows over their rows. */
export class MaintenanceBook {
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #hasCollection: (tenantId: string, collectionId: string) => Promise<boolean>;
  readonly #calendars: Pick<CalendarBook, "of" | "use">;

  constructor(parts: {
    readonly calendars: Pick<CalendarBook, "of" | "use">;
    readonly tables: Tables;
    readonly clock: Clock;
    readonly hasCollection: (tenantId: string, collectionId: string) => Promise<boolean>;
  }) {
    this.#tables = parts.tables;
    this.#clock = parts.clock;
    this.#hasCollection = parts.hasCollection;
    this.#calendars = parts.calendars;
  }

  /** The windows of a tenant, without the days that their calendars exclude. */
  async get(tenantId: string): Promise<{ readonly value: Maintenance }> {
    const { value } = await this.read(tenantId);
    return { value: dated(value, await this.#calendars.of(calendarsOf(value))) };
  }

  /** The windows of a tenant as somebody wrote them, with the etag that a change must present. */
  async read(tenantId: string): Promise<{ readonly value: Maintenance; readonly etag?: string }> {
    const row = await this.#tables.get(tableNames.tasks, tenantId, rowKey);
    const value = row && jsonOf(row, "value", Maintenance);
    return value === undefined
      ? { value: { windows: [], exclusions: [] } }
      : { value, etag: row?.etag ?? "" };
  }

  /** Replaces them all; those that nothing fits into are refused. */
  async replace(tenantId: string, value: Maintenance, ifMatch: string | undefined) {
    const before = await this.read(tenantId);
    const named = calendarsOf(value);
    const calendars = await this.#calendars.of(named);
    const faults = faultsOf(dated(value, calendars), this.#clock.now());
    if (calendars.size < named.length)
      faults.push({ pointer: "/windows", detail: "name a calendar that is none" });
    for (const list of ["windows", "exclusions"] as const)
      for (const [index, { collectionId }] of value[list].entries())
        if (collectionId !== undefined && !(await this.#hasCollection(tenantId, collectionId)))
          faults.push({ pointer: `/${list}/${index}/collectionId`, detail: "is no collection" });
    const text = JSON.stringify(value);
    if (text.length > maxChars) faults.push({ pointer: "", detail: `is over ${maxChars} long` });
    if (faults.length > 0) return invalidRequest(faults);
    await this.#calendars.use(named, { tenantId, taskId: windowsUser });
    const row = { partitionKey: tenantId, rowKey, value: text };
    if (ifMatch !== undefined && ifMatch !== before.etag) return changedMeanwhile;
    const isWritten =
      before.etag === undefined
        ? (await this.#tables.insert(tableNames.tasks, row)) === "inserted"
        : (await this.#tables.replace(tableNames.tasks, row, before.etag)) !== undefined;
    if (!isWritten) return changedMeanwhile;
    return succeed({ before: before.value, ...(await this.read(tenantId)) });
  }
}

const changedMeanwhile: Result<never> = fail(
  "precondition-failed",
  "The windows changed since you read them. Read them again.",
);
