/**
 * Azure Storage's hard limits that this app lives close to, and the checks that keep it inside.
 * Source: "Scalability targets for Table and Queue storage" in Azure's documentation.
 */

/** Payload bytes of one queue message when it is sent as base64 (64 KiB on the wire). */
export const maxMessageBytes = 48 * 1024;
/** Characters of one string property: 64 KiB of UTF-16. */
export const maxPropertyChars = 32 * 1024;
/** Operations in one entity group transaction. */
export const maxTransactionOperations = 100;
/** Bytes of one entity: 1 MiB, counting text as UTF-16. */
export const maxEntityBytes = 1024 * 1024;
/** Bytes of one transaction's request, below the 4 MiB that Azure takes, for the framing around it. */
export const maxTransactionBytes = 3_800_000;
/** Longest time a queue message can stay invisible: seven days. */
export const maxDelaySeconds = 7 * 24 * 3600;

/** Says which limit a piece of state would break; thrown, because the caller must never build it. */
export class LimitExceeded extends Error {
  readonly limit: string;
  constructor(limit: string, detail: string) {
    super(`${limit}: ${detail}`);
    this.name = "LimitExceeded";
    this.limit = limit;
  }
}

/** The size Azure counts for one entity: names and values, text in UTF-16. */
export function entityBytes(entity: Readonly<Record<string, unknown>>): number {
  let bytes = 4;
  for (const [name, value] of Object.entries(entity)) {
    bytes += 8 + name.length * 2 + (typeof value === "string" ? value.length * 2 + 4 : 8);
  }
  return bytes;
}

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

/** Throws when a row could not be stored: a text property over 64 KiB, or the whole over 1 MiB. */
export function checkEntity(table: string, entity: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(entity)) {
    if (typeof value === "string" && value.length > maxPropertyChars)
      throw new LimitExceeded("property-too-large", `${table}.${name} has ${value.length} chars`);
  }
  const bytes = entityBytes(entity);
  if (bytes > maxEntityBytes)
    throw new LimitExceeded("entity-too-large", `a row of ${table} has ${bytes} bytes`);
}
