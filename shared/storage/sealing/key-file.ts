/**
 * Wrapping keys in a file, for one machine: only its owner may read it. The file is looked at again when it
 * changed or a key is missing, so that keys rotate while the app runs.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import * as z from "zod";
import { randomId } from "../../kernel/ids.ts";
import type { KeyWrapper, Unwrapped } from "./sealing.ts";

const cipher = "aes-256-gcm";
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;
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
      return key === undefined ? { kind: "unknown-key" } : unwrapWith(keyOf(key), wrapped);
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

function unwrapWith(key: Buffer, wrapped: Buffer): Unwrapped {
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
