/**
 * Entra's scopes name their API: `api://…/Muster.Use`, or `api://…/.default` for whatever was given.
 * The provider wants the API as a resource indicator, which must be a URI, and plain permissions.
 */
import {
  type EntraFault,
  permissionMissing,
  resourceMissing,
  scopeMissing,
  scopesMixed,
  scopeWrong,
} from "./entra-errors.ts";
import type { Resource } from "./resources.ts";

/** What a scope asks for. */
export type Asked = {
  /** The API, as the provider knows it. */
  readonly indicator: string;
  readonly permissions: readonly string[];
  /** OpenID's own scopes, such as `openid` and `offline_access`. */
  readonly openId: readonly string[];
};

const everything = ".default";
const prefix = "urn:resource:";

/** What an API was called by when it was asked for. */
export const identifierOf = (indicator: string): string => indicator.slice(prefix.length);

/** The API of a resource indicator, and the name it was asked for by. */
export function indicated(
  indicator: string,
  resources: readonly Resource[],
): { readonly resource: Resource; readonly identifier: string } | undefined {
  const identifier = identifierOf(indicator);
  const resource = resources.find(({ identifiers }) => identifiers.includes(identifier));
  return resource === undefined ? undefined : { resource, identifier };
}

/** Reads the scope of an app that asks in its own name: everything it was given for one API. */
export function appScope(scope: string, resources: readonly Resource[]): Asked | EntraFault {
  const { identifier, permission } = parted(scope);
  if (permission !== everything || scope.includes(" ")) return scopeWrong(scope);
  const indicator = prefix + identifier;
  if (indicated(indicator, resources) === undefined) return resourceMissing(identifier);
  return { indicator, permissions: [], openId: [] };
}

/** Reads the scope of an app that asks in somebody's name. */
export function userScope(scope: string, resources: readonly Resource[]): Asked | EntraFault {
  const words = scope.split(" ").filter((word) => word !== "");
  const openId = words.filter((word) => !word.includes("/"));
  const parts = words.filter((word) => word.includes("/")).map(parted);
  const identifiers = [...new Set(parts.map(({ identifier }) => identifier))];
  const [identifier] = identifiers;
  if (identifier === undefined) return scopeMissing(scope);
  if (identifiers.length > 1) return scopesMixed(scope);
  const found = indicated(prefix + identifier, resources);
  if (found === undefined) return resourceMissing(identifier);
  const { scopes } = found.resource;
  const names = parts.map(({ permission }) => permission);
  const unknown = names.find((name) => name !== everything && !scopes.includes(name));
  if (unknown !== undefined) return permissionMissing(unknown, identifier);
  const permissions = names.includes(everything) ? scopes : names;
  return { indicator: prefix + identifier, permissions, openId };
}

/** The permissions of a token as Entra lists them in its answer. */
export const fullScope = (identifier: string, permissions: string): string =>
  permissions
    .split(" ")
    .filter((permission) => permission !== "")
    .map((permission) => `${identifier}/${permission}`)
    .join(" ");

function parted(word: string): { readonly identifier: string; readonly permission: string } {
  const slash = word.lastIndexOf("/");
  return { identifier: word.slice(0, Math.max(slash, 0)), permission: word.slice(slash + 1) };
}
