/** The identifiers and addresses that several rooms share, with the schema that admits them from outside. */
import * as z from "zod";

const guid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "must be a GUID")
  .transform((text) => text.toLowerCase());

/** A customer's Entra tenant id, in lower case. */
export const TenantId = guid.describe("Entra tenant id");
export type TenantId = string;

/** A device's Intune id (`managedDevice.id`), in lower case; not the Entra device id. */
export const DeviceId = guid.describe("Intune managed device id");
export type DeviceId = string;

/** Any other GUID from outside, such as a script's id. */
export const Guid = guid;

/** An id of our own making from outside, such as a collection's: nothing that a row key cannot hold. */
export const OwnId = z.string().regex(/^[0-9A-Za-z-]{1,64}$/, "is not an id of ours");

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Whether what is sent to an address can be read on the way by nobody: https, or never off this machine. */
export function staysPrivate(address: string): boolean {
  const url = URL.parse(address);
  if (url === null) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && loopback.test(url.hostname));
}

/** An address in the settings that tokens and devices are sent to; what a query says is part of it. */
export const Address = z
  .url({ protocol: /^https?$/, abort: true, error: "must be an address that begins with https://" })
  .refine(staysPrivate, "must begin with https://, since it leaves this machine")
  .refine(bearsNoName, "must not hold a name and password");

/** The address of a service: the paths of its calls are written behind it. */
export const BaseAddress = Address.refine(
  (text) => !/[?#]/.test(text),
  "must not have a query or a fragment",
).transform((text) => text.replace(/\/+$/, ""));

function bearsNoName(address: string): boolean {
  const url = URL.parse(address);
  return url === null || (url.username === "" && url.password === "");
}

/** A link of an answer as a whole address, where it is written relative to the one that was asked. Nothing stays nothing. */
export function wholeLink(link: string, asked: string): string {
  if (link === "" || URL.canParse(link)) return link;
  return URL.parse(link, asked)?.href ?? link;
}

/**
 * The part of an address behind a service's base, to be asked for there. Undefined where it leads anywhere else, or
 * bears a name: what we sign requests with goes to the address of the settings only.
 */
export function pathBelow(base: string, address: string): string | undefined {
  const [own, url] = [new URL(`${base}/`), URL.parse(address)];
  if (url === null || url.origin !== own.origin || !url.pathname.startsWith(own.pathname))
    return undefined;
  if (!bearsNoName(address)) return undefined;
  return (url.pathname + url.search).slice(own.pathname.length - 1);
}
