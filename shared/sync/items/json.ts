/** JSON as configurations are made of. */

/** Any value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A text as it is, nothing as an empty one, and anything else as JSON. */
export const textOf = (value: Json | undefined): string => {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
};

/** An object. */
export type JsonObject = { readonly [name: string]: Json };
