/**
 * One active run a device. Whoever begins a device run takes the device's row, a hundred in one transaction; the row
 * also says which runs the device had. Nothing is ever released: a row belongs to its run for as long as that run's item
 * is live, which the item says itself. So a worker that dies leaves nothing locked.
 */
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import { maxTransactionOperations } from "../../storage/calls.ts";
import { tableNames } from "../../storage/names.ts";
import { type Change, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";

/** Runs that a device had, newest first; older ones are not told. */
const maxRuns = 50;
/** Devices whose rows are read in one range at most; further apart, each is read by itself. */
const maxRange = 1000;
const concurrency = 8;

type Lock = { readonly runId: string; readonly runs: readonly string[]; readonly etag: string };

const lockOf = (row: StoredRow): Lock => ({
  runId: textOf(row, "runId"),
  runs: textOf(row, "runs").split(" "),
  etag: row.etag,
});

/** Which of some devices a run still has hold of. */
export type IsLive = (runId: string, deviceIds: readonly string[]) => Promise<ReadonlySet<string>>;

/** Locks in and out; partition = tenant. */
export class DeviceLocks {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Takes devices for a run; answers those that it did not get, with the run that has them. Twice is once. */
  async take(
    tenantId: string,
    runId: string,
    deviceIds: readonly string[],
    isLive: IsLive,
  ): Promise<ReadonlyMap<string, string>> {
    const locks = await this.#read(tenantId, deviceIds.toSorted());
    const held = await heldBy(runId, deviceIds, locks, isLive);
    const free = deviceIds.filter((id) => !held.has(id) && locks.get(id)?.runId !== runId);
    await inParallel(inChunks(free, maxTransactionOperations), concurrency, async (some) => {
      const changes = some.map((id) => changeFor(tenantId, runId, id, locks.get(id)));
      const ended = await this.#tables.transact(tableNames.deviceLocks, changes);
      // Somebody else came in between, for one of them at least: all are asked for again soon.
      if (ended.kind === "lost") for (const id of some) held.set(id, "");
    });
    return held;
  }

  /** The runs that a device had, newest first. */
  async runsOf(tenantId: string, deviceId: string): Promise<readonly string[]> {
    const row = await this.#tables.get(tableNames.deviceLocks, tenantId, deviceId);
    return row === undefined ? [] : lockOf(row).runs;
  }

  /** Devices that other runs have hold of, each with its run. */
  async heldByOthers(
    tenantId: string,
    runId: string,
    deviceIds: readonly string[],
    isLive: IsLive,
  ): Promise<ReadonlyMap<string, string>> {
    const held = new Map<string, string>();
    // Neighbours at a time, as many as one read tells of.
    for (const some of inChunks(deviceIds.toSorted(), maxRange / 2)) {
      const locks = await this.#read(tenantId, some);
      for (const [id, other] of await heldBy(runId, some, locks, isLive)) held.set(id, other);
    }
    return held;
  }

  /** Rows of neighbours come in one read; where others lie between them, the rest is read one by one. */
  async #read(tenantId: string, sorted: readonly string[]): Promise<ReadonlyMap<string, Lock>> {
    const [from] = sorted;
    const last = sorted.at(-1);
    if (from === undefined || last === undefined) return new Map();
    const range = { partition: tenantId, from, below: `${last}!` };
    const page = await this.#tables.page(tableNames.deviceLocks, range, maxRange);
    const rows = [...page.rows];
    const reached = page.next === undefined ? last : (rows.at(-1)?.rowKey ?? "");
    const beyond = sorted.filter((id) => id > reached);
    const others = await inParallel(beyond, concurrency, (id) =>
      this.#tables.get(tableNames.deviceLocks, tenantId, id),
    );
    for (const row of others) if (row !== undefined) rows.push(row);
    const wanted = new Set(sorted);
    return new Map(
      rows.filter(({ rowKey }) => wanted.has(rowKey)).map((row) => [row.rowKey, lockOf(row)]),
    );
  }
}

function changeFor(
  tenantId: string,
  runId: string,
  deviceId: string,
  lock: Lock | undefined,
): Change {
  const runs = [runId, ...(lock?.runs ?? [])].slice(0, maxRuns).join(" ");
  const row = { partitionKey: tenantId, rowKey: deviceId, runId, runs };
  return lock === undefined ? { kind: "insert", row } : { kind: "replace", row, etag: lock.etag };
}

async function heldBy(
  runId: string,
  deviceIds: readonly string[],
  locks: ReadonlyMap<string, Lock>,
  isLive: IsLive,
): Promise<Map<string, string>> {
  const taken = deviceIds.filter((id) => (locks.get(id)?.runId ?? runId) !== runId);
  const byRun = Map.groupBy(taken, (id) => locks.get(id)?.runId ?? "");
  const held = new Map<string, string>();
  for (const [other, ids] of byRun) for (const id of await isLive(other, ids)) held.set(id, other);
  return held;
}
