/**
 * Table Storage: rows in and out. First, pure, what a row is, which ranges select some, and how the SDK's entities
 * become rows; then the tables. Conditional writes answer instead of throwing, because losing a race is a normal
 * outcome; outages are thrown with the SDK's error as they come.
 */
import type { TableClient, TransactionAction } from "@azure/data-tables";
import { inChunks, inParallel } from "../kernel/concurrency.ts";
import {
  checkEntity,
  entityBytes,
  errorKindOf,
  type Interceptor,
  LimitExceeded,
  maxTransactionBytes,
  maxTransactionOperations,
} from "./calls.ts";
import type { TableName } from "./names.ts";

/** A value that a column can hold. */
type Cell = string | number | boolean;
/** A row as written: its keys, and columns. */
export type Row = { readonly partitionKey: string; readonly rowKey: string } & Readonly<
  Record<string, Cell>
>;
/** A row as read: with the etag that a conditional write must present. */
export type StoredRow = {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag: string;
  readonly columns: Readonly<Record<string, unknown>>;
};

/** One step of a transaction. `replace` without an etag is refused by type: every update is conditional. */
export type Change =
  | { readonly kind: "insert"; readonly row: Row }
  | { readonly kind: "replace"; readonly row: Row; readonly etag: string }
  | { readonly kind: "put"; readonly row: Row }
  /** Sets columns that only one writer has a say in, on a row that is there; the others stay as they are. */
  | { readonly kind: "note"; readonly row: Row }
  | { readonly kind: "remove"; readonly rowKey: string };

/** How a transaction ended: with the new etags in the order of the changes, or not at all. */
type Transacted =
  | { readonly kind: "done"; readonly etags: readonly string[] }
  | { readonly kind: "lost" };

/** Which rows to read: one partition, a range of row keys, an extra filter, a few columns. */
export type Range = {
  readonly partition: string;
  readonly from?: string;
  /** Exclusive upper end. */
  readonly below?: string;
  /** An OData condition on columns, built by the caller from literals of its own only. */
  readonly where?: string;
  readonly select?: readonly string[];
};

/** Rows of neighbouring partitions. */
type Span = Pick<Range, "where" | "select"> & {
  readonly partitionsFrom: string;
  /** Exclusive upper end. */
  readonly partitionsBelow: string;
};

/** A page of rows, and how to go on. */
export type RowPage = { readonly rows: readonly StoredRow[]; readonly next?: string };

/** The SDK query for a range; keys are quoted, `where` is the caller's own text. */
function queryOf(range: Range | Span) {
  const { where, select } = range;
  const conditions = keyConditions(range);
  if (where !== undefined) conditions.push(`(${where})`);
  const filter = conditions.join(" and ");
  return select === undefined
    ? { filter }
    : { filter, select: ["PartitionKey", "RowKey", ...select] };
}

/** The SDK query for whatever partitions come after one. */
const afterPartition = (name: string) => ({
  filter: `PartitionKey gt ${quoted(name)}`,
  select: ["PartitionKey"],
});

function keyConditions(range: Range | Span): string[] {
  if ("partitionsFrom" in range) {
    const { partitionsFrom, partitionsBelow } = range;
    return [
      `PartitionKey ge ${quoted(partitionsFrom)}`,
      `PartitionKey lt ${quoted(partitionsBelow)}`,
    ];
  }
  const { partition, from, below } = range;
  const conditions = [`PartitionKey eq ${quoted(partition)}`];
  if (from !== undefined) conditions.push(`RowKey ge ${quoted(from)}`);
  if (below !== undefined) conditions.push(`RowKey lt ${quoted(below)}`);
  return conditions;
}

/** The partition that a transaction is about. */
function partitionOf(changes: readonly Change[]): string {
  for (const change of changes) if (change.kind !== "remove") return change.row.partitionKey;
  throw new LimitExceeded("transaction-without-partition", "removals alone: use removeRows");
}

/** One change in the SDK's words. */
function toAction(partition: string, change: Change): TransactionAction {
  switch (change.kind) {
    case "insert":
      return ["create", toEntity(change.row)];
    case "replace":
      return ["update", toEntity(change.row), "Replace", { etag: change.etag }];
    case "put":
      return ["upsert", toEntity(change.row), "Replace"];
    case "note":
      return ["update", toEntity(change.row), "Merge", { etag: "*" }];
    case "remove":
      return ["delete", { partitionKey: partition, rowKey: change.rowKey }];
  }
}

/** The same by itself, of the kinds that are most often alone. */
function writing(client: TableClient, change: Change) {
  if (change.kind === "insert") return client.createEntity(toEntity(change.row));
  if (change.kind !== "replace") return undefined;
  return client.updateEntity(toEntity(change.row), "Replace", { etag: change.etag });
}

/** An entity as the SDK returns it, as a row. */
function toRow(entity: Record<string, unknown>): StoredRow {
  const { partitionKey, rowKey, etag, timestamp: _, "odata.metadata": __, ...columns } = entity;
  return {
    partitionKey: String(partitionKey),
    rowKey: String(rowKey),
    etag: typeof etag === "string" ? etag : "",
    columns,
  };
}

/** A text column; empty when the row has none. */
export function textOf({ columns }: StoredRow, name: string): string {
  const cell = columns[name];
  return typeof cell === "string" ? cell : "";
}

/** A number column; zero when the row has none. */
export function numberOf({ columns }: StoredRow, name: string): number {
  const cell = columns[name];
  return typeof cell === "number" ? cell : 0;
}

/** A yes-or-no column; no when the row has none. */
export const flagOf = ({ columns }: StoredRow, name: string): boolean => columns[name] === true;

/** A column of JSON text as its schema reads it; undefined when the row has none. */
export function jsonOf<T>(
  row: StoredRow,
  name: string,
  schema: { readonly parse: (value: unknown) => T },
): T | undefined {
  const text = textOf(row, name);
  return text === "" ? undefined : schema.parse(JSON.parse(text));
}

const largestInt32 = 2 ** 31 - 1;

/**
 * A row as the service must see it. It reads a bare JSON number as a 32-bit integer, so that moments in
 * milliseconds have to say that they are doubles.
 */
function toEntity(row: Row): { partitionKey: string; rowKey: string } {
  const wide = Object.entries(row).filter(([, cell]) => typeof cell === "number" && !isInt32(cell));
  const typed = wide.map(([name, cell]) => [name, { type: "Double", value: String(cell) }]);
  return { ...row, ...Object.fromEntries(typed) };
}

const isInt32 = (cell: number): boolean => Number.isInteger(cell) && Math.abs(cell) <= largestInt32;

/** A string literal of OData. Not the SDK's: reading what a request asks for must not load all of it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** What goes around each operation of a transaction: boundary, request line, headers, etag. */
const framingBytes = 700;
/** Bytes on the wire for each byte of an entity, at most: a control character becomes an escape. */
const worstGrowth = 3;

/** Throws when a transaction has more than 100 operations, or its request more than about 4 MiB. */
export function checkTransaction(
  table: string,
  operations: number,
  entities: readonly Readonly<Record<string, unknown>>[],
): void {
  if (operations > maxTransactionOperations)
    throw new LimitExceeded("transaction-too-long", `${operations} changes to ${table}`);
  const framing = operations * framingBytes;
  const most = entities.reduce((sum, entity) => sum + entityBytes(entity), 0) * worstGrowth;
  // Nearly all are far below: only what comes close is measured to the byte.
  if (framing + most <= maxTransactionBytes) return;
  const bytes = entities.reduce((sum, entity) => sum + jsonBytes(entity), framing);
  if (bytes > maxTransactionBytes)
    throw new LimitExceeded("transaction-too-large", `${bytes} bytes for ${table}`);
}

const jsonBytes = (entity: object): number => Buffer.byteLength(JSON.stringify(entity));

// The tables.

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
        const [only, ...others] = changes;
        // One alone needs no transaction, which is a request inside of another one, and a client of its own for the SDK.
        const begun = others.length > 0 || only === undefined ? undefined : writing(client, only);
        if (begun !== undefined) return { kind: "done", etags: [(await begun).etag ?? ""] };
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
  store: Pick<Tables, "page">,
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

/**
 * The first `top` rows of a range, in as many requests as that takes: one may find less than there is, or nothing, since
 * the service looks for a while only. Fewer mean that there are no more.
 */
export async function firstRows(
  store: Pick<Tables, "page">,
  table: TableName,
  range: Range,
  top: number,
): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  for await (const row of allRows(store, table, range, top)) {
    rows.push(row);
    if (rows.length === top) break;
  }
  return rows;
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
