/**
 * Sealing: what is secret at rest. Each value has a data key of its own (AES-256-GCM), and that key lies
 * beside it, wrapped by a key that never does. Whose value it is goes in as additional data: an envelope
 * that was moved to another row does not open there. What wraps is a key file on one machine, Key Vault in Azure.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import type { TokenCredential } from "@azure/identity";
import type { CryptographyClient, CryptographyClientOptions } from "@azure/keyvault-keys";
import * as z from "zod";
import type { Clock, Instant } from "../kernel/clock.ts";
import { randomId } from "../kernel/values.ts";
import type { Blobs } from "./blobs.ts";

/** Wraps data keys: Key Vault in Azure, a key file on one machine. */
export type KeyWrapper = {
  /** Wraps a data key with the current key, and says which one that is. */
  readonly wrap: (dataKey: Buffer) => Promise<{ keyId: string; wrapped: Buffer }>;
  /** The data key; "unknown-key" when there is no such key, "tampered" when it does not fit. */
  readonly unwrap: (keyId: string, wrapped: Buffer) => Promise<Unwrapped>;
  /** Which key wraps now; older envelopes still open, and can be sealed again. */
  readonly currentKeyId: () => Promise<string>;
};

/** What unwrapping gave. */
type Unwrapped =
  | { readonly kind: "key"; readonly dataKey: Buffer }
  | { readonly kind: "unknown-key" | "tampered" };

/** What opening gave. `stale` means that an older key wraps it: seal it again when it is written anyway. */
type Opened =
  | { readonly kind: "opened"; readonly plain: Buffer; readonly stale: boolean }
  | { readonly kind: "broken"; readonly reason: "malformed" | "unknown-key" | "tampered" };

/** Seals and opens. `identity` names whose value it is, such as table, partition and row. */
export type Sealer = {
  readonly seal: (plain: Buffer | string, identity: readonly string[]) => Promise<string>;
  readonly open: (envelope: string, identity: readonly string[]) => Promise<Opened>;
};

const form = "muster1";
const cipher = "aes-256-gcm";
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** Makes a sealer. The envelope is text: version, key id, wrapped key, nonce, content with its tag. */
export function sealer(wrapper: KeyWrapper): Sealer {
  return {
    async seal(plain, identity) {
      const dataKey = randomBytes(keyBytes);
      const { keyId, wrapped } = await wrapper.wrap(dataKey);
      const iv = randomBytes(ivBytes);
      const head = [form, encode(Buffer.from(keyId)), encode(wrapped), encode(iv)].join(".");
      const encryption = createCipheriv(cipher, dataKey, iv, { authTagLength: tagBytes });
      encryption.setAAD(additional(head, identity));
      const body = [encryption.update(plain), encryption.final(), encryption.getAuthTag()];
      dataKey.fill(0);
      return `${head}.${encode(Buffer.concat(body))}`;
    },
    async open(envelope, identity) {
      const parts = partsOf(envelope);
      if (parts === undefined) return broken("malformed");
      const unwrapped = await wrapper.unwrap(parts.keyId, parts.wrapped);
      if (unwrapped.kind !== "key") return broken(unwrapped.kind);
      if (unwrapped.dataKey.length !== keyBytes) return broken("tampered");
      const plain = decrypt(unwrapped.dataKey, parts, identity);
      if (plain === undefined) return broken("tampered");
      return { kind: "opened", plain, stale: parts.keyId !== (await wrapper.currentKeyId()) };
    },
  };
}

type Parts = {
  readonly head: string;
  readonly keyId: string;
  readonly wrapped: Buffer;
  readonly iv: Buffer;
  readonly body: Buffer;
};

function partsOf(envelope: string): Parts | undefined {
  const [mark, keyId = "", wrapped = "", iv = "", body = "", ...rest] = envelope.split(".");
  if (mark !== form || rest.length > 0) return undefined;
  const parts = {
    head: [mark, keyId, wrapped, iv].join("."),
    keyId: decode(keyId).toString("utf8"),
    wrapped: decode(wrapped),
    iv: decode(iv),
    body: decode(body),
  };
  return parts.iv.length === ivBytes && parts.body.length >= tagBytes ? parts : undefined;
}

function decrypt(dataKey: Buffer, parts: Parts, identity: readonly string[]): Buffer | undefined {
  const content = parts.body.subarray(0, -tagBytes);
  const decryption = createDecipheriv(cipher, dataKey, parts.iv, { authTagLength: tagBytes });
  decryption.setAAD(additional(parts.head, identity));
  decryption.setAuthTag(parts.body.subarray(-tagBytes));
  try {
    return Buffer.concat([decryption.update(content), decryption.final()]);
  } catch {
    // The tag does not fit: changed content, another row's envelope, or another data key.
    return undefined;
  }
}

/** Each part with its length, so that no two identities read the same. */
const additional = (head: string, identity: readonly string[]): Buffer =>
  Buffer.from([head, ...identity].map((part) => `${part.length}:${part}`).join(""));

const broken = (reason: "malformed" | "unknown-key" | "tampered"): Opened => ({
  kind: "broken",
  reason,
});

const encode = (bytes: Buffer): string => bytes.toString("base64url");
const decode = (text: string): Buffer => Buffer.from(text, "base64url");

/** A secret of the installation, sealed in a blob and made by whoever needs it first: every instance gets the same. */
export async function keptSecret(blobs: Blobs, sealing: Sealer, name: string): Promise<string> {
  const path = `installation/${name}`;
  const kept = await blobs.get(path);
  if (kept === undefined) {
    const fresh = await sealing.seal(randomBytes(keyBytes).toString("base64url"), [path]);
    // Where somebody was faster, theirs counts: it is read either way.
    await blobs.putIf(path, fresh, { etag: undefined, leaseId: undefined });
    return keptSecret(blobs, sealing, name);
  }
  const opened = await sealing.open(kept.toString("utf8"), [path]);
  if (opened.kind === "opened") return opened.plain.toString("utf8");
  throw new Error(`the sealed secret ${path} does not open: ${opened.reason}`);
}

// Wrapping keys in a file, for one machine: only its owner may read it. The file is looked at again when it
// changed or a key is missing, so that keys rotate while the app runs.

const ownerOnly = 0o600;
/** Any right of the group or of others. */
const othersRights = 0o077;

const KeyFile = z.strictObject({
  current: z.string(),
  keys: z.record(z.string(), z.string().regex(/^[\w-]{43}$/, "is not a 256 bit key")),
});
type KeyFile = z.output<typeof KeyFile>;

/** Wraps with the keys of the file at `path`, which is made when there is none. */
export function keyFileWrapper(path: string): KeyWrapper {
  let kept: { readonly stamp: string; readonly file: KeyFile } | undefined;
  const load = async (): Promise<KeyFile> => {
    const stamp = await stampOf(path);
    if (stamp !== undefined && stamp === kept?.stamp) return kept.file;
    if (stamp === undefined) await create(path, withNewKey({ current: "", keys: {} }));
    const file = await readKeys(path);
    kept = { stamp: (await stampOf(path)) ?? "", file };
    return file;
  };
  return {
    currentKeyId: async () => (await load()).current,
    async wrap(dataKey) {
      const { current, keys } = await load();
      const iv = randomBytes(ivBytes);
      const encryption = createCipheriv(cipher, keyOf(keys[current]), iv, {
        authTagLength: tagBytes,
      });
      const parts = [iv, encryption.update(dataKey), encryption.final(), encryption.getAuthTag()];
      return { keyId: current, wrapped: Buffer.concat(parts) };
    },
    async unwrap(keyId, wrapped) {
      const { keys } = await load();
      const key = Object.hasOwn(keys, keyId) ? keys[keyId] : undefined;
      return key === undefined ? { kind: "unknown-key" } : unwrapByFile(keyOf(key), wrapped);
    },
  };
}

/**
 * Adds a key to the file and makes it the current one; answers its id. Older keys stay, so that what they
 * wrap still opens.
 */
export async function rotateKeyFile(path: string): Promise<string> {
  const next = withNewKey(await readKeys(path));
  const draft = `${path}.${randomId()}`;
  await writeNew(draft, next);
  await rename(draft, path);
  return next.current;
}

function unwrapByFile(key: Buffer, wrapped: Buffer): Unwrapped {
  if (wrapped.length !== ivBytes + keyBytes + tagBytes) return { kind: "tampered" };
  const iv = wrapped.subarray(0, ivBytes);
  const decryption = createDecipheriv(cipher, key, iv, { authTagLength: tagBytes });
  decryption.setAuthTag(wrapped.subarray(-tagBytes));
  const content = wrapped.subarray(ivBytes, -tagBytes);
  try {
    const dataKey = Buffer.concat([decryption.update(content), decryption.final()]);
    return { kind: "key", dataKey };
  } catch {
    return { kind: "tampered" };
  }
}

function withNewKey({ keys }: KeyFile): KeyFile {
  const current = randomId();
  return { current, keys: { ...keys, [current]: randomBytes(keyBytes).toString("base64url") } };
}

async function readKeys(path: string): Promise<KeyFile> {
  await refuseOpenDoors(path);
  const file = KeyFile.parse(JSON.parse(await readFile(path, "utf8")));
  if (!Object.hasOwn(file.keys, file.current))
    throw new Error(`key file ${path}: its current key is not among its keys`);
  return file;
}

/** Windows keeps rights elsewhere: there the folder's own protect the file. */
async function refuseOpenDoors(path: string): Promise<void> {
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & othersRights) !== 0)
    throw new Error(`key file ${path} may be read by others: chmod 600 it, and rotate its keys`);
}

/** Several processes may start at once: the first one's keys stand. */
async function create(path: string, file: KeyFile): Promise<void> {
  const draft = `${path}.${randomId()}`;
  await writeNew(draft, file);
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft);
  }
}

async function writeNew(path: string, file: KeyFile): Promise<void> {
  const handle = await open(path, "wx", ownerOnly);
  try {
    await handle.writeFile(JSON.stringify(file));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Changes whenever the file does; undefined when there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeMs, size, mode } = await stat(path);
    return `${ino} ${mtimeMs} ${size} ${mode}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const keyOf = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url");

// Wrapping keys in Key Vault: the private key never leaves it. The newest version wraps, older ones still
// unwrap, so that a rotation in the vault needs nothing here.

/** Which key wraps, and how it is reached. */
type KeyVaultSettings = {
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
      return unwrapInVault(await clientOf(keyId), wrapped);
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

async function unwrapInVault(client: CryptographyClient, wrapped: Buffer): Promise<Unwrapped> {
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
