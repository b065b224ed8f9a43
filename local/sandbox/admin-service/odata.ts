/** The little OData that AdminService's callers use: `$filter` with numbers joined by `and`, `$select`, `$top`. */

/** A row as AdminService shows it. */
export type Row = Readonly<Record<string, string | number | boolean | null | readonly number[]>>;

type Condition = { readonly name: string; readonly operator: string; readonly value: number };

const compare: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
};

/** Query options that are understood; any other one is refused. */
const options = new Set(["$filter", "$select", "$top", "$orderby"]);

/** A query, or what is wrong with it. */
export type Query = {
  readonly conditions: readonly Condition[];
  readonly select: readonly string[] | undefined;
  readonly top: number;
  readonly orderBy: string | undefined;
};

/** Reads a query against the properties that rows have. */
export function readQuery(query: URLSearchParams, properties: readonly string[]): Query | string {
  for (const name of query.keys())
    if (!options.has(name)) return `The query option ${name} is unknown.`;
  const conditions: Condition[] = [];
  const filter = query.get("$filter");
  for (const part of filter === null ? [] : filter.split(" and ")) {
    const match = /^\s*(\w+) (eq|ne|gt|ge|lt|le) (\d+)\s*$/.exec(part);
    const [, name = "", operator = "", value] = match ?? [];
    if (match === null || !properties.includes(name)) return `The filter "${part}" is not valid.`;
    conditions.push({ name, operator, value: Number(value) });
  }
  const select = query.get("$select")?.split(",");
  const unknown = select?.find((name) => !properties.includes(name));
  if (unknown !== undefined) return `There is no property ${unknown}.`;
  const top = query.get("$top") ?? "1000000";
  if (!/^[1-9]\d*$/.test(top)) return "$top must be a whole number.";
  return { conditions, select, top: Number(top), orderBy: query.get("$orderby") ?? undefined };
}

/** Whether a row is among those that are asked for. */
export const fits = ({ conditions }: Query, row: Row): boolean =>
  conditions.every(({ name, operator, value }) =>
    (compare[operator] ?? (() => false))(Number(row[name]), value),
  );

/** A row with the chosen properties only. */
export const chosen = ({ select }: Query, row: Row): Row =>
  select === undefined ? row : Object.fromEntries(select.map((name) => [name, row[name] ?? null]));
