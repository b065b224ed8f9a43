/**
 * Sealing: what is secret at rest. Each value has a data key of its own (AES-256-GCM), and that key lies
 * beside it, wrapped by a key that never does. Whose value it is goes in as additional data: an envelope
 * that was moved to another row does not open there.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

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
export type Unwrapped =
  | { readonly kind: "key"; readonly dataKey: Buffer }
  | { readonly kind: "unknown-key" | "tampered" };

/** What opening gave. `stale` means that an older key wraps it: seal it again when it is written anyway. */
export type Opened =
  | { readonly kind: "opened"; readonly plain: Buffer; readonly stale: boolean }
  | { readonly kind: "broken"; readonly reason: "malformed" | "unknown-key" | "tampered" };

/** Seals and opens. `identity` names whose value it is, such as table, partition and row. */
export type Sealer = {
  readonly seal: (plain: Buffer | string, identity: readonly string[]) => Promise<string>;
  readonly open: (envelope: string, identity: readonly string[]) => Promise<Opened>;
};

const version = "muster1";
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
      const head = [version, encode(Buffer.from(keyId)), encode(wrapped), encode(iv)].join(".");
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
  if (mark !== version || rest.length > 0) return undefined;
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
