/** Rows of Table Storage: their shape, the ranges that select them, and how the SDK's entities become them. */
import type { TransactionAction } from "@azure/data-tables";
import { LimitExceeded } from "./limits.ts";

/** A value that a column can hold. */
export type Cell = string | number | boolean;
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
export type Transacted =
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
export type Span = Pick<Range, "where" | "select"> & {
  readonly partitionsFrom: string;
  /** Exclusive upper end. */
  readonly partitionsBelow: string;
};

/** A page of rows, and how to go on. */
export type RowPage = { readonly rows: readonly StoredRow[]; readonly next?: string };

/** The SDK query for a range; keys are quoted, `where` is the caller's own text. */
export function queryOf(range: Range | Span) {
  const { where, select } = range;
  const conditions = keyConditions(range);
  if (where !== undefined) conditions.push(`(${where})`);
  const filter = conditions.join(" and ");
  return select === undefined
    ? { filter }
    : { filter, select: ["PartitionKey", "RowKey", ...select] };
}

/** The SDK query for whatever partitions come after one. */
export const afterPartition = (name: string) => ({
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
export function partitionOf(changes: readonly Change[]): string {
  for (const change of changes) if (change.kind !== "remove") return change.row.partitionKey;
  throw new LimitExceeded("transaction-without-partition", "removals alone: use removeRows");
}

/** One change in the SDK's words. */
export function toAction(partition: string, change: Change): TransactionAction {
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

/** An entity as the SDK returns it, as a row. */
export function toRow(entity: Record<string, unknown>): StoredRow {
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
export function toEntity(row: Row): { partitionKey: string; rowKey: string } {
  const wide = Object.entries(row).filter(([, cell]) => typeof cell === "number" && !isInt32(cell));
  const typed = wide.map(([name, cell]) => [name, { type: "Double", value: String(cell) }]);
  return { ...row, ...Object.fromEntries(typed) };
}

const isInt32 = (cell: number): boolean => Number.isInteger(cell) && Math.abs(cell) <= largestInt32;

/** A string literal of OData. Not the SDK's: reading what a request asks for must not load all of it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
