/** What a property of a managed device is read from, and what it may be. */
import type { Tenant } from "../../fleet/tenants.ts";

/** What a property is read from. `now` is in ms since 1970. */
export type DeviceAt = { readonly tenant: Tenant; readonly index: number; readonly now: number };

/** A simple value; anything else is written as JSON by its reader and wrapped in `json`. */
export type PropertyValue = string | number | boolean | null | { readonly json: string };

/** Reads one property of one device. */
export type PropertyReader = (device: DeviceAt) => PropertyValue;

/** Graph's way of saying "no time". */
export const noTime = "0001-01-01T00:00:00Z";

/** A value that does not depend on the device. */
export const always =
  (value: PropertyValue): PropertyReader =>
  () =>
    value;
