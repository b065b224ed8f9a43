/**
 * Which function answers a request.
 *
 * The Functions host tries routes in the order of function NAMES and takes the first that matches: there
 * is no rule of specificity. The method is part of the match, so a wrong method finds nothing.
 */
import type { HttpFunction } from "../app/functions.ts";
import { compileTemplate, type TemplateTest } from "./route-template.ts";

export type RouteMatch = {
  readonly fn: HttpFunction;
  readonly params: Readonly<Record<string, string>>;
};

export type Routes = {
  /** @param path Decoded path without its leading slash. */
  readonly find: (method: string, path: string) => RouteMatch | undefined;
  readonly problems: readonly string[];
};

/** Builds the table; routes that the Functions host would refuse are reported as problems. */
export function buildRoutes(functions: readonly HttpFunction[], prefix: string): Routes {
  const problems: string[] = [];
  const taken = new Map<string, string>();
  const table: { readonly fn: HttpFunction; readonly match: TemplateTest }[] = [];
  for (const fn of functions.toSorted(byName)) {
    const template = [prefix.replace(/^\/|\/$/g, ""), fn.route].filter(Boolean).join("/");
    const problem = refusal(fn) ?? conflict(fn, template, taken);
    if (problem) problems.push(problem);
    try {
      table.push({ fn, match: compileTemplate(template) });
    } catch (error) {
      problems.push(`${fn.name}: the route '${fn.route}' is invalid: ${(error as Error).message}`);
    }
  }
  return { find: (method, path) => find(table, method, path), problems };
}

function find(
  table: readonly { readonly fn: HttpFunction; readonly match: TemplateTest }[],
  method: string,
  path: string,
): RouteMatch | undefined {
  for (const { fn, match } of table) {
    if (!fn.methods.includes(method)) continue;
    const params = match(path);
    if (params) return { fn, params };
  }
  return undefined;
}

/** By code, capitals and small letters alike: in capitals, since `_` comes after them and before the small ones. */
const byName = (a: HttpFunction, b: HttpFunction): number => {
  const [first, second] = [a.name.toUpperCase(), b.name.toUpperCase()];
  return first < second ? -1 : first > second ? 1 : 0;
};

function refusal({ name, route }: HttpFunction): string | undefined {
  const reserved = /^(admin|runtime)/i.exec(route)?.[1];
  return reserved && `${name}: the route '${route}' starts with '${reserved}', which is reserved`;
}

function conflict(fn: HttpFunction, template: string, taken: Map<string, string>) {
  for (const method of fn.methods) {
    const key = `${method} ${template.toLowerCase()}`;
    const other = taken.get(key);
    if (other) return `${fn.name}: ${method} '${fn.route}' is already the route of ${other}`;
    taken.set(key, fn.name);
  }
  return undefined;
}
