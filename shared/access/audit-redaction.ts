/**
 * Keeps out of the audit trail what must never be in it: secrets, tokens, hardware hashes, and the text of
 * scripts and queries. Goes by names and by looks, and would rather hide too much. Pure.
 */
import { digest } from "../kernel/ids.ts";

const maxTextChars = 500;
const maxItems = 50;
const maxDepth = 8;
/** Names, without case and separators, whose values are never kept. */
const secretNames =
  /token|secret|password|passphrase|pwd|credential|apikey|accesskey|accountkey|signingkey|privatekey|authorization|cookie|assertion|certificatekey|devicecode|usercode|refreshtoken|hardwarehash|hardwareid|hardwaredata|devicehash|signature|connectionstring|sas$/;
/** Names of texts that say a lot and may hold anything: their digest tells two of them apart. */
const textNames =
  /script(body|content|text|code|block)?$|query(text)?$|^(kql|command|commandline)$/;
/** Ids and counts whose names only look like the above. */
const harmless = /(id|ids|count|name|kind|type|state)$/;

const looksSecret: readonly RegExp[] = [
  // A JSON web token.
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/,
  /-----BEGIN [A-Z ]+-----/,
  /\bBearer\s+\S{8,}/i,
  /[?&;](sig|code|AccountKey|SharedAccessKey)=[^&;\s]+/i,
  // A hardware hash, or any other block of base64 that no person typed.
  /[A-Za-z0-9+/]{200,}={0,2}/,
];

/** A copy of a value that may be kept. Never throws, whatever it is given. */
export const redact = (value: unknown): unknown => clean(value, "", 0);

function clean(value: unknown, name: string, depth: number): unknown {
  const folded = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  if (value === null || value === undefined || typeof value === "boolean") return value;
  if (isSecret(folded)) return "[redacted]";
  if (typeof value === "object")
    return depth >= maxDepth ? "[too deep]" : inside(value, name, depth);
  if (typeof value === "number") return value;
  const text = typeof value === "string" ? value : typeof value;
  if (textNames.test(folded)) return fingerprint(text);
  if (looksSecret.some((look) => look.test(text))) return "[redacted]";
  return text.length > maxTextChars ? `${text.slice(0, maxTextChars)}… (${text.length})` : text;
}

const isSecret = (folded: string): boolean =>
  secretNames.test(folded) && (!harmless.test(folded) || /hardware/.test(folded));

function inside(value: object, name: string, depth: number): unknown {
  if (Array.isArray(value)) {
    const kept = value.slice(0, maxItems).map((item) => clean(item, name, depth + 1));
    return value.length > maxItems ? [...kept, `… (${value.length} in all)`] : kept;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, clean(inner, key, depth + 1)]),
  );
}

/** Enough to see that two were the same, not enough to read one. */
const fingerprint = (text: string): string =>
  `[${text.length} characters, sha256 ${digest(text).slice(0, 16)}]`;
