/** The identifiers that several rooms share, with the schema that admits them from outside. */
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
