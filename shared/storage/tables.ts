/**
 * Table Storage: rows in and out. Conditional writes answer instead of throwing, because losing a
 * race is a normal outcome; outages are thrown with the SDK's error as they come.
 */
import type { TableClient } from "@azure/data-tables";
import { inChunks, inParallel } from "../kernel/concurrency.ts";
import { errorKindOf } from "./errors.ts";
import type { Interceptor } from "./interceptor.ts";
import { checkEntity, checkTransaction, maxTransactionOperations } from "./limits.ts";
import type { TableName } from "./names.ts";
import {
  afterPartition,
  type Change,
  partitionOf,
  queryOf,
  type Range,
  type Row,
  type RowPage,
  type Span,
  type StoredRow,
  type Transacted,
  toAction,
  toEntity,
  toRow,
} from "./rows.ts";

/** All tables of the app over one connection; the SDK clients live as long as this object. */
export class Tables {
  readonly #clients = new Map<TableName, TableClient>();
  readonly #clientOf: (table: TableName) => TableClient;
  readonly #intercept: Interceptor;

  constructor(clientOf: (table: TableName) => TableClient, intercept: Interceptor) {
    this.#clientOf = clientOf;
    this.#intercept = intercept;
  }

  /** One row, or undefined. */
  get(table: TableName, partition: string, row: string): Promise<StoredRow | undefined> {
    return this.#read("get", table, undefined, async (client) => {
      try {
        return toRow(await client.getEntity(partition, row));
      } catch (error) {
        return ifErrorKind(error, "absent", undefined);
      }
    });
  }

  /** The first partition after a name in key order, or undefined: how those of a table are found. */
  partitionAfter(table: TableName, name: string): Promise<string | undefined> {
    return this.#read("partitionAfter", table, undefined, async (client) => {
      const pages = client.listEntities({ queryOptions: afterPartition(name) });
      // A page may be empty where the service goes from one of its servers to the next.
      for await (const [first] of pages.byPage({ maxPageSize: 1 }))
        if (first !== undefined) return first.partitionKey;
      return undefined;
    });
  }

  /** Writes a row that must not exist yet. "exists" is an answer, not an error. */
  insert(table: TableName, row: Row): Promise<"inserted" | "exists"> {
    return this.#run("insert", table, async (client) => {
      checkEntity(table, row);
      try {
        await client.createEntity(toEntity(row));
        return "inserted";
      } catch (error) {
        return ifErrorKind(error, "exists", "exists");
      }
    });
  }

  /** Replaces the row that had `etag`; answers the new etag, or undefined when somebody was faster. */
  replace(table: TableName, row: Row, etag: string): Promise<string | undefined> {
    return this.#run("replace", table, async (client) => {
      checkEntity(table, row);
      try {
        const answer = await client.updateEntity(toEntity(row), "Replace", { etag });
        return answer.etag ?? "";
      } catch (error) {
        return isLost(error) ? undefined : rethrow(error);
      }
    });
  }

  /** Writes a row whatever was there. For rows that only one writer owns. */
  put(table: TableName, row: Row): Promise<void> {
    return this.#run("put", table, async (client) => {
      checkEntity(table, row);
      await client.upsertEntity(toEntity(row), "Replace");
    });
  }

  /** Removes a row; with an etag only the row that had it. A row that is gone already is fine. */
  remove(
    table: TableName,
    partition: string,
    row: string,
    etag = "*",
  ): Promise<"removed" | "lost"> {
    return this.#run("remove", table, async (client) => {
      try {
        await client.deleteEntity(partition, row, { etag });
        return "removed";
      } catch (error) {
        if (errorKindOf(error) === "absent") return "removed";
        return ifErrorKind(error, "lost", "lost");
      }
    });
  }

  /** Removes up to 100 rows of a partition; those that are gone already are fine. */
  async removeRows(table: TableName, partition: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const removed = await this.#run("transact", table, async (client) => {
      try {
        await client.submitTransaction(
          keys.map((rowKey) => toAction(partition, { kind: "remove", rowKey })),
        );
        return true;
      } catch (error) {
        // One that is gone keeps its neighbours: somebody else is at the same rows.
        return ifErrorKind(error, "absent", false);
      }
    });
    if (!removed) for (const rowKey of keys) await this.remove(table, partition, rowKey);
  }

  /** Reads at most `top` (1 to 1,000) rows of a range in key order. */
  page(table: TableName, range: Range | Span, top: number, token?: string): Promise<RowPage> {
    return this.#read("page", table, { rows: [] }, async (client): Promise<RowPage> => {
      const pages = client
        .listEntities({ queryOptions: queryOf(range) })
        .byPage({ maxPageSize: top, ...(token === undefined ? {} : { continuationToken: token }) });
      const { value } = await pages.next();
      const rows = (value ?? []).map(toRow);
      const next = value?.continuationToken;
      return next ? { rows, next } : { rows };
    });
  }

  /** Makes all changes in one partition, or none of them. */
  transact(table: TableName, changes: readonly Change[]): Promise<Transacted> {
    return this.#run("transact", table, async (client) => {
      if (changes.length === 0) return { kind: "done", etags: [] };
      const written = changes.flatMap((change) => (change.kind === "remove" ? [] : [change.row]));
      for (const row of written) checkEntity(table, row);
      checkTransaction(table, changes.length, written);
      try {
        const partition = partitionOf(changes);
        const answer = await client.submitTransaction(changes.map((c) => toAction(partition, c)));
        return { kind: "done", etags: answer.subResponses.map((part) => part.etag ?? "") };
      } catch (error) {
        return isLost(error) ? { kind: "lost" } : rethrow(error);
      }
    });
  }

  /** Reading makes nothing: whoever may only read can do so, and there is nothing in a table that is not. */
  async #read<T>(
    verb: string,
    table: TableName,
    nothing: T,
    call: (client: TableClient) => Promise<T>,
  ): Promise<T> {
    const client = this.#client(table);
    try {
      return await this.#intercept(`table.${verb} ${table}`, () => call(client));
    } catch (error) {
      return ifErrorKind(error, "no-container", nothing);
    }
  }

  async #run<T>(
    verb: string,
    table: TableName,
    call: (client: TableClient) => Promise<T>,
  ): Promise<T> {
    const client = this.#client(table);
    const attempt = () => this.#intercept(`table.${verb} ${table}`, () => call(client));
    try {
      return await attempt();
    } catch (error) {
      // Created when first missed: asking "does it exist?" each time would double every call.
      if (errorKindOf(error) !== "no-container") throw error;
      // One that somebody else has just created is fine: the SDK says nothing then.
      await client.createTable();
      return attempt();
    }
  }

  #client(table: TableName): TableClient {
    const client = this.#clients.get(table) ?? this.#clientOf(table);
    this.#clients.set(table, client);
    return client;
  }
}

/** Reads a whole range, page by page, as a stream of rows. */
export async function* allRows(
  store: Tables,
  table: TableName,
  range: Range,
  top = 1000,
): AsyncGenerator<StoredRow> {
  let token: string | undefined;
  do {
    const page: RowPage = await store.page(table, range, top, token);
    yield* page.rows;
    token = page.next;
  } while (token !== undefined);
}

/** A conditional write is lost when the row changed, is gone, or appeared meanwhile. */
function isLost(error: unknown): boolean {
  const kind = errorKindOf(error);
  return kind === "lost" || kind === "absent" || kind === "exists";
}

function ifErrorKind<T>(error: unknown, kind: string, answer: T): T {
  if (errorKindOf(error) === kind) return answer;
  throw error;
}

function rethrow(error: unknown): never {
  throw error;
}

// The one loop around conditional writes: read, decide, write, and again when somebody else was faster.

/** What an attempt answers when its write came too late: what it read is no longer there. */
export const lost: unique symbol = Symbol("lost");

/** Whoever loses lets somebody else win, so that losing this often means that something is badly wrong. */
const maxTries = 40;

/**
 * Updates a row by attempts that each read it anew, until one is not lost. An attempt that finds nothing to change
 * answers without writing.
 * @throws when every attempt was lost; `name` says of which row.
 */
export async function updateRow<T>(
  name: string,
  attempt: () => Promise<T | typeof lost>,
  pause: (tries: number) => Promise<void> = () => Promise.resolve(),
): Promise<T> {
  for (let tries = 1; tries <= maxTries; tries += 1) {
    const answer = await attempt();
    if (answer !== lost) return answer;
    await pause(tries);
  }
  throw new Error(`could not update ${name}: ${maxTries} writes were lost to other writers`);
}

// Removes rows by the thousand: read by their keys alone, removed a hundred in one transaction.

const rowsPerRead = 1000;
const concurrency = 4;

/** Removes what a range selects while `mayGoOn`; true when nothing is left of it. Twice at once is harmless. */
export async function deleteRange(
  tables: Tables,
  table: TableName,
  range: Range | Span,
  mayGoOn: () => boolean,
): Promise<boolean> {
  let token: string | undefined;
  do {
    const { rows, next } = await tables.page(table, { ...range, select: [] }, rowsPerRead, token);
    const byPartition = Map.groupBy(rows, ({ partitionKey }) => partitionKey);
    const batches = [...byPartition].flatMap(([partition, found]) =>
      inChunks(found, maxTransactionOperations).map((part) => ({
        partition,
        keys: part.map(({ rowKey }) => rowKey),
      })),
    );
    await inParallel(batches, concurrency, ({ partition, keys }) =>
      tables.removeRows(table, partition, keys),
    );
    token = next;
  } while (token !== undefined && mayGoOn());
  return token === undefined;
}

/** All partitions of a tenant: its own, and those named by it and something more. */
export const ofTenant = (tenantId: string): Span => ({
  partitionsFrom: tenantId,
  // Parts of a name are divided by "|", which this follows.
  partitionsBelow: `${tenantId}}`,
});
