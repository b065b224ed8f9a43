/** One `Set-Cookie` header from the cookie data of a response. Pure. */
import type { HttpCookie } from "./protocol.ts";

const sameSiteText = {
  none: undefined,
  lax: "Lax",
  strict: "Strict",
  explicitNone: "None",
} as const;

export function cookieText(cookie: HttpCookie): string {
  const { domain, path, expires, secure, httpOnly, maxAge, sameSite = "none" } = cookie;
  const seconds = expires?.value?.seconds;
  const attributes: readonly [string, string | number | boolean | undefined][] = [
    ["expires", seconds === undefined ? undefined : new Date(seconds * 1000).toUTCString()],
    ["max-age", maxAge?.value],
    ["domain", domain?.value],
    ["path", path?.value ?? "/"],
    ["secure", secure?.value],
    ["samesite", sameSiteText[sameSite]?.toLowerCase()],
    ["httponly", httpOnly?.value],
  ];
  const text = attributes
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? `; ${name}` : `; ${name}=${value}`));
  return `${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}${text.join("")}`;
}
