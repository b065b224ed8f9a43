/**
 * A managed device as Graph shows it: one reader per property, so that a page costs only the
 * properties that were asked for. Texts are made here and never need escaping in JSON.
 */
import {
  always,
  type DeviceAt,
  type PropertyReader,
  type PropertyValue,
} from "./device-property.ts";
import { betaDeviceProperties } from "./device-record-beta.ts";
import { v1Properties } from "./device-record-v1.ts";
import type { GraphVersion } from "./exchange.ts";

const readers: Readonly<Record<GraphVersion, Readonly<Record<string, PropertyReader>>>> = {
  "v1.0": v1Properties,
  beta: { ...v1Properties, ...betaDeviceProperties },
};

/** Every property that a version shows without being asked for more. */
export const propertyNames: Readonly<Record<GraphVersion, readonly string[]>> = {
  "v1.0": Object.keys(readers["v1.0"]),
  beta: Object.keys(readers.beta),
};

/** The reader of a property, or undefined when the version has no such property. */
export function propertyReader(version: GraphVersion, name: string): PropertyReader | undefined {
  return Object.hasOwn(readers[version], name) ? readers[version][name] : undefined;
}

/** Writes devices with the chosen properties. */
export function deviceWriter(
  version: GraphVersion,
  names: readonly string[],
  extra: Readonly<Record<string, PropertyReader>> = {},
): (device: DeviceAt) => string {
  const columns = names.map((name, position) => ({
    label: `${position === 0 ? "{" : ","}"${name}":`,
    read: extra[name] ?? propertyReader(version, name) ?? always(null),
  }));
  return (device) => {
    let text = "";
    for (const { label, read } of columns) text += label + written(read(device));
    return `${text}}`;
  };
}

function written(value: PropertyValue): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "object" && value !== null ? value.json : String(value);
}
