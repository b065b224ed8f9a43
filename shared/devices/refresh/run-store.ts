/** Runs in storage: a blob with the lines, a row with the index. Rows name every blob ever written. */
import * as z from "zod";
import { inParallel } from "../../kernel/concurrency.ts";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";
import { allRows, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import type { RefreshRecord } from "../directory/graph-records.ts";
import type { Refresh } from "./refresh.ts";
import { decodeRun, encodeRun, type RunIndex } from "./run.ts";

type Of = Pick<Refresh, "tenantId" | "refreshId">;

const partitionOf = ({ tenantId, refreshId }: Of): string => `${tenantId}|${refreshId}`;
const pathOf = ({ tenantId, refreshId }: Of, run: string): string =>
  `refreshes/${tenantId}/${refreshId}/${run}`;
const Index: z.ZodType<RunIndex> = z.array(z.number());
const concurrency = 8;

/** Runs of a refresh, for as long as it lasts. */
export class RunStore {
  readonly #tables: Tables;
  readonly #blobs: Blobs;

  constructor(tables: Tables, blobs: Blobs) {
    this.#tables = tables;
    this.#blobs = blobs;
  }

  /** Writes a run. The row comes first: a blob without a row would never be found again. */
  async write(of: Of, run: string, records: readonly RefreshRecord[]): Promise<void> {
    const { content, index } = encodeRun(records);
    await this.#tables.put(tableNames.refreshes, {
      partitionKey: partitionOf(of),
      rowKey: run,
      index: JSON.stringify(index),
    });
    await this.#blobs.put(pathOf(of, run), content);
  }

  /** Indexes of the named runs, in their order. */
  async indexes(of: Of, runs: readonly string[]): Promise<RunIndex[]> {
    const byName = new Map((await this.#rows(of)).map((row) => [row.rowKey, row]));
    return runs.map((run) => {
      const row = byName.get(run);
      if (row === undefined) throw new Error(`run ${run} of ${partitionOf(of)} has no index`);
      return Index.parse(JSON.parse(textOf(row, "index")));
    });
  }

  /** Records of partitions `at` to `end` in all runs, run after run: later ones are newer. */
  async read(
    of: Of,
    runs: readonly string[],
    indexes: readonly RunIndex[],
    { at, end }: { readonly at: number; readonly end: number },
  ): Promise<RefreshRecord[]> {
    const parts = await inParallel(runs, concurrency, async (run, nth) => {
      const index = indexes[nth] ?? [];
      const from = index[at] ?? 0;
      const content = await this.#blobs.get(pathOf(of, run), from, (index[end] ?? 0) - from);
      if (content === undefined) throw new Error(`run ${run} of ${partitionOf(of)} is gone`);
      return decodeRun(content);
    });
    return parts.flat();
  }

  /** Removes every run, those of workers that lost their claim too. */
  async deleteAll(of: Of): Promise<void> {
    await inParallel(await this.#rows(of), concurrency, async ({ rowKey }) => {
      await this.#blobs.remove(pathOf(of, rowKey));
      await this.#tables.remove(tableNames.refreshes, partitionOf(of), rowKey);
    });
  }

  async #rows(of: Of): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    for await (const row of allRows(this.#tables, tableNames.refreshes, {
      partition: partitionOf(of),
    }))
      rows.push(row);
    return rows;
  }
}
