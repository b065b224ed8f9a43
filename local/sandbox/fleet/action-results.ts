/**
 * What became of the actions a tenant's devices were asked for. A result is computed from the time of
 * the request whenever somebody looks: no timer runs for a device.
 */
import { type ActionCatalogue, type ActionKind, shownName } from "./actions.ts";
import { column } from "./columns.ts";
import type { Fleet } from "./fleet.ts";

/** How an action will end. `silent` devices never report, so their row stays pending. */
export type Ending = "done" | "failed" | "notSupported" | "silent";

/** The timeline of one action on one device, settled at the moment of the request. Times in ms. */
export type ActionTimeline = {
  readonly at: number;
  /** From the request until the device starts. */
  readonly actMs: number;
  /** From the start until the device reports. */
  readonly reportMs: number;
  readonly ending: Ending;
};

/** A result row as it stands at some moment. Times are in ms since 1970. */
export type ActionResult = {
  readonly kind: ActionKind;
  readonly state: "pending" | "active" | "done" | "failed" | "notSupported";
  readonly startedAt: number;
  readonly updatedAt: number;
};

/** The results of one tenant. */
export type ActionResultTable = {
  /** Writes down a request. It takes the place of the device's older row of the same shown name. */
  readonly put: (index: number, kind: ActionKind, timeline: ActionTimeline) => void;
  /** The device's rows, newest first. */
  readonly of: (index: number, now: number) => readonly ActionResult[];
  /** When the device last talked to Intune: its own rhythm, or a later action it took up. */
  readonly lastSync: (index: number, now: number) => number;
};

const endings: readonly Ending[] = ["done", "failed", "notSupported", "silent"];
const silent = endings.indexOf("silent");

/** The results of a fleet: 29 bytes per device and action, nothing for a device that was never asked. */
export function actionResults(fleet: Fleet, kinds: ActionCatalogue): ActionResultTable {
  const rows = resultRows();
  /** The row of a device's newest action. A map, since most devices of a large tenant have none. */
  const newest = new Map<number, number>();

  const find = (index: number, name: string): number => {
    let row = newest.get(index) ?? -1;
    while (row >= 0 && shownName(kinds.at(rows.kind.get(row))) !== name) row = rows.older.get(row);
    return row;
  };
  const put = (index: number, kind: ActionKind, timeline: ActionTimeline): void => {
    const existing = find(index, shownName(kind));
    if (existing < 0) {
      newest.set(index, rows.add(newest.get(index) ?? -1, kind.number, timeline));
      return;
    }
    const spoke = spokeAt(rows, existing, timeline.at);
    if (spoke > fleet.lastSync(index)) fleet.setLastSync(index, spoke);
    rows.replace(existing, kind.number, timeline);
  };
  const of = (index: number, now: number): readonly ActionResult[] => {
    const found: ActionResult[] = [];
    for (let row = newest.get(index) ?? -1; row >= 0; row = rows.older.get(row)) {
      found.push(resultOf(rows, row, kinds, now));
    }
    return found;
  };
  const lastSync = (index: number, now: number): number => {
    let latest = fleet.lastSync(index);
    for (let row = newest.get(index) ?? -1; row >= 0; row = rows.older.get(row)) {
      latest = Math.max(latest, spokeAt(rows, row, now));
    }
    return latest;
  };
  return { put, of, lastSync };
}

type Rows = ReturnType<typeof resultRows>;

function resultRows() {
  const kind = column(Uint16Array);
  const older = column(Int32Array);
  const at = column(Float64Array);
  const actMs = column(Uint32Array);
  const reportMs = column(Uint32Array);
  const ending = column(Uint8Array);
  const add = (olderRow: number, kindNumber: number, timeline: ActionTimeline): number => {
    kind.push(kindNumber);
    at.push(timeline.at);
    actMs.push(timeline.actMs);
    reportMs.push(timeline.reportMs);
    ending.push(endings.indexOf(timeline.ending));
    return older.push(olderRow);
  };
  const replace = (row: number, kindNumber: number, timeline: ActionTimeline): void => {
    kind.set(row, kindNumber);
    at.set(row, timeline.at);
    actMs.set(row, timeline.actMs);
    reportMs.set(row, timeline.reportMs);
    ending.set(row, endings.indexOf(timeline.ending));
  };
  return { kind, older, at, actMs, reportMs, ending, add, replace };
}

/** The last moment up to `now` at which this action made the device talk; 0 when it has not yet. */
function spokeAt(rows: Rows, row: number, now: number): number {
  if (rows.ending.get(row) === silent) return 0;
  const acts = rows.at.get(row) + rows.actMs.get(row);
  const reports = acts + rows.reportMs.get(row);
  if (now >= reports) return reports;
  return now >= acts ? acts : 0;
}

function resultOf(rows: Rows, row: number, kinds: ActionCatalogue, now: number): ActionResult {
  const kind = kinds.at(rows.kind.get(row));
  const startedAt = rows.at.get(row);
  const acts = startedAt + rows.actMs.get(row);
  const reports = acts + rows.reportMs.get(row);
  const ending = endings[rows.ending.get(row)] ?? "done";
  if (ending === "silent" || now < acts) {
    return { kind, state: "pending", startedAt, updatedAt: startedAt };
  }
  if (now < reports) return { kind, state: "active", startedAt, updatedAt: acts };
  return { kind, state: ending, startedAt, updatedAt: reports };
}
