/**
 * Wrapping keys in Key Vault: the private key never leaves it. The newest version wraps, older ones still
 * unwrap, so that a rotation in the vault needs nothing here.
 */
import type { TokenCredential } from "@azure/identity";
import type { CryptographyClient, CryptographyClientOptions } from "@azure/keyvault-keys";
import type { Clock, Instant } from "../../kernel/clock.ts";
import type { KeyWrapper, Unwrapped } from "./sealing.ts";

/** Which key wraps, and how it is reached. */
export type KeyVaultSettings = {
  /** `https://{vault}.vault.azure.net/keys/{name}`, without a version. */
  readonly keyUrl: string;
  readonly credential: TokenCredential;
  readonly clock: Clock;
  readonly clientOptions?: CryptographyClientOptions;
};

const algorithm = "RSA-OAEP-256";
/** How long a version counts as the newest before the vault is asked again. */
const newestKeepMs = 10 * 60_000;
const versionPattern = /^[0-9A-Za-z]{1,64}$/;

/** Wraps with the newest version of one key. The SDK is loaded when it is first needed. */
export function keyVaultWrapper(settings: KeyVaultSettings): KeyWrapper {
  const { keyUrl, credential, clock, clientOptions = {} } = settings;
  const clients = new Map<string, Promise<CryptographyClient>>();
  let newest: { readonly keyId: Promise<string>; readonly until: Instant } | undefined;

  const clientOf = (keyId: string): Promise<CryptographyClient> => {
    const known = clients.get(keyId);
    if (known !== undefined) return known;
    const client = import("@azure/keyvault-keys").then(
      (sdk) => new sdk.CryptographyClient(keyId, credential, clientOptions),
    );
    clients.set(keyId, client);
    return client;
  };
  const currentKeyId = (): Promise<string> => {
    if (newest !== undefined && clock.now() < newest.until) return newest.keyId;
    const keyId = newestVersion(settings);
    newest = { keyId, until: clock.now() + newestKeepMs };
    // A failed reading must not be kept: the next one may succeed.
    keyId.catch(() => {
      newest = undefined;
    });
    return keyId;
  };
  return {
    currentKeyId,
    async wrap(dataKey) {
      const keyId = await currentKeyId();
      const { result } = await (await clientOf(keyId)).wrapKey(algorithm, dataKey);
      return { keyId, wrapped: Buffer.from(result) };
    },
    async unwrap(keyId, wrapped) {
      // The id comes out of a row: it may name versions of our key, and no other place on earth.
      const version = keyId.startsWith(`${keyUrl}/`) ? keyId.slice(keyUrl.length + 1) : "";
      if (!versionPattern.test(version)) return { kind: "unknown-key" };
      return unwrapWith(await clientOf(keyId), wrapped);
    },
  };
}

async function newestVersion(settings: KeyVaultSettings): Promise<string> {
  const { keyUrl, credential, clientOptions = {} } = settings;
  const { KeyClient } = await import("@azure/keyvault-keys");
  const { origin, pathname } = new URL(keyUrl);
  const name = pathname.replace(/^\/keys\//, "");
  const key = await new KeyClient(origin, credential, clientOptions).getKey(name);
  if (key.id === undefined) throw new Error(`Key Vault gave no id for ${keyUrl}`);
  return key.id;
}

async function unwrapWith(client: CryptographyClient, wrapped: Buffer): Promise<Unwrapped> {
  try {
    const { result } = await client.unwrapKey(algorithm, wrapped);
    return { kind: "key", dataKey: Buffer.from(result) };
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    if (code === "KeyNotFound") return { kind: "unknown-key" };
    if (code === "BadParameter") return { kind: "tampered" };
    throw error;
  }
}
