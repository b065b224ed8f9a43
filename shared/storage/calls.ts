/**
 * What every call to the storage account goes by: the seam around it, which of its errors are answers rather than
 * outages, and Azure's hard limits on what it may carry.
 */

/** What went wrong, as far as a caller can act on it. */
type StorageErrorKind = "absent" | "exists" | "lost" | "no-container" | "outage";

const containerCodes = new Set(["TableNotFound", "QueueNotFound", "ContainerNotFound"]);

/** Sorts an error thrown by a storage SDK. Anything unknown is an outage, and is thrown on. */
export function errorKindOf(error: unknown): StorageErrorKind {
  const { statusCode, code } = detailsOf(error);
  if (code !== undefined && containerCodes.has(code)) return "no-container";
  if (statusCode === 404) return "absent";
  if (statusCode === 412) return "lost";
  if (statusCode === 409) return "exists";
  return "outage";
}

type Details = { readonly statusCode?: number | undefined; readonly code?: string | undefined };

function detailsOf(error: unknown): Details {
  if (typeof error !== "object" || error === null) return {};
  const { statusCode, code, details } = error as Record<string, unknown>;
  const odata = odataCode(details);
  const named = odata ?? (typeof code === "string" ? code : undefined);
  return { statusCode: typeof statusCode === "number" ? statusCode : undefined, code: named };
}

/** Table errors carry their code inside the body: `{ odataError: { code } }`. */
function odataCode(details: unknown): string | undefined {
  if (typeof details !== "object" || details === null) return undefined;
  const { odataError, errorCode } = details as Record<string, unknown>;
  if (typeof odataError === "object" && odataError !== null) {
    const { code } = odataError as Record<string, unknown>;
    if (typeof code === "string") return code;
  }
  return typeof errorCode === "string" ? errorCode : undefined;
}

// The one seam around every call that leaves this process: tests count, delay, break or cut calls
// here, in the real clients, instead of replacing those clients with pretences.

/** Runs a call that leaves the process; `operation` names it, such as `table.transact Deliveries`. */
export type Interceptor = <T>(operation: string, call: () => Promise<T>) => Promise<T>;

/** What production uses: just the call. */
export const passThrough: Interceptor = (_operation, call) => call();

// Limits of the service that this app lives close to. Source: "Scalability targets for Table and Queue storage" in Azure's documentation.

/** Characters of one string property: 64 KiB of UTF-16. */
export const maxPropertyChars = 32 * 1024;
/** Operations in one entity group transaction. */
export const maxTransactionOperations = 100;
/** Bytes of one entity: 1 MiB, counting text as UTF-16. */
export const maxEntityBytes = 1024 * 1024;
/** Bytes of one transaction's request, below the 4 MiB that Azure takes, for the framing around it. */
export const maxTransactionBytes = 3_800_000;
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
