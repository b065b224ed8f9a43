/**
 * Seals paging tokens for their way through a client (docs/decisions/0014). A position names what comes next
 * in storage, also where the caller may not see it: sealed, it can neither be read nor made up.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Closes tokens on their way out, and opens them on their way in. */
export type PageSeal = {
  readonly close: (token: string) => string;
  /** The token inside; undefined when it was not closed with this key, or was changed. */
  readonly open: (sealed: string) => string | undefined;
};

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** A seal whose key comes from a secret that every instance of the app has. */
export function pageSeal(secret: string): PageSeal {
  const key = Buffer.from(hkdfSync("sha256", secret, "", "muster paging tokens", keyBytes));
  return {
    close(token) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes });
      const content = Buffer.concat([cipher.update(token, "base64url"), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), content]).toString("base64url");
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes.byteLength <= ivBytes + tagBytes) return undefined;
      const iv = bytes.subarray(0, ivBytes);
      const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      try {
        const content = bytes.subarray(ivBytes + tagBytes);
        return Buffer.concat([decipher.update(content), decipher.final()]).toString("base64url");
      } catch {
        return undefined;
      }
    },
  };
}
