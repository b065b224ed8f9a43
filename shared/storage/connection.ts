/**
 * How the app reaches its storage account: a connection string, or an account name and the app's own identity. Both come
 * from the setting names the Functions host itself uses. Settings are read before anything is loaded that is large, so
 * that no client of storage is imported here.
 */
import type { TokenCredential } from "@azure/identity";
import { staysPrivate } from "../kernel/values.ts";

/** Where the storage account is and how to prove who we are. */
export type StorageConnection =
  | { readonly kind: "connectionString"; readonly value: string }
  | { readonly kind: "identity"; readonly endpoints: Endpoints; readonly clientId?: string };

/** Base URLs of the three services. */
type Endpoints = { readonly table: string; readonly queue: string; readonly blob: string };

/** The connection that a set of settings names, by the Functions host's own words; undefined: none. */
export function connectionOf(
  settings: Readonly<Record<string, string | undefined>>,
): StorageConnection | undefined {
  const { AzureWebJobsStorage: value, AzureWebJobsStorage__accountName: account } = settings;
  if (value) return { kind: "connectionString", value };
  if (!account) return undefined;
  const { AzureWebJobsStorage__clientId: clientId } = settings;
  const endpoints = endpointsOf(account);
  return { kind: "identity", endpoints, ...(clientId ? { clientId } : {}) };
}

const services = ["Blob", "Queue", "Table"];

/** Whether a connection string leads off this machine without encryption: whoever listens reads and changes rows. */
export function goesInPlain(connectionString: string): boolean {
  const parts = connectionString.split(";").map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const;
  });
  const values = new Map(parts);
  const byDefault = services.some((name) => !values.has(`${name.toLowerCase()}endpoint`));
  return (
    (values.get("defaultendpointsprotocol")?.toLowerCase() === "http" && byDefault) ||
    parts.some(([, value]) => /^http:/i.test(value) && !staysPrivate(value))
  );
}

/** Public endpoints of a storage account by its name. */
const endpointsOf = (account: string, suffix = "core.windows.net"): Endpoints => ({
  table: `https://${account}.table.${suffix}`,
  queue: `https://${account}.queue.${suffix}`,
  blob: `https://${account}.blob.${suffix}`,
});

/**
 * The credential of the app's own identity. Loaded only when needed: the identity library is larger
 * than everything else in the worker together, and a connection string has no use for it.
 */
export async function identityCredential(clientId?: string): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import("@azure/identity");
  return new DefaultAzureCredential(
    clientId === undefined ? {} : { managedIdentityClientId: clientId },
  );
}
