/** Azure Storage errors, translated once: which of them are answers rather than outages. */

/** What went wrong, as far as a caller can act on it. */
export type StorageErrorKind = "absent" | "exists" | "lost" | "no-container" | "outage";

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
