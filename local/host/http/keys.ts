/** Access keys: what a request's key opens, and the file that keeps them. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";

const named = z.record(z.string(), z.string());

const keyFile = z.object({
  masterKey: z.string().min(1),
  /** Host keys: good for every function of level `function`. */
  functionKeys: named,
  /** Keys of one function each. */
  functions: z.record(z.string(), named).default({}),
});

export type Keys = z.infer<typeof keyFile>;

/** What a function wants of its caller. */
export type AuthLevel = "anonymous" | "function" | "admin";

/** What a key proves. */
type Grant = "anonymous" | "function" | "admin";

const newKey = (): string => randomBytes(40).toString("base64url");

/** Reads the keys at `path`, or makes new ones and keeps them there, for this user's eyes only. */
export async function loadKeys(path: string | undefined): Promise<Keys> {
  const keys: Keys = {
    masterKey: newKey(),
    functionKeys: { default: newKey() },
    functions: {},
  };
  if (path === undefined) return keys;
  try {
    await writeFile(path, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    return keys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return keyFile.parse(JSON.parse(await readFile(path, "utf8")));
  }
}

/** What `key` proves for a function. */
export function grantOf(keys: Keys, key: string | undefined, functionName?: string): Grant {
  if (!key) return "anonymous";
  if (same(key, keys.masterKey)) return "admin";
  const own = functionName === undefined ? {} : (keys.functions[functionName] ?? {});
  const accepted = [...Object.values(keys.functionKeys), ...Object.values(own)];
  return accepted.some((candidate) => same(key, candidate)) ? "function" : "anonymous";
}

const ranks: Readonly<Record<AuthLevel, number>> = { anonymous: 0, function: 1, admin: 2 };

/** Whether a grant is enough for a level. */
export const suffices = (grant: Grant, level: AuthLevel): boolean => ranks[grant] >= ranks[level];

/** Compares digests, so that time tells nothing about the key. */
const same = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
