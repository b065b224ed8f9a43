/** How an item is shown: without its parts, unless they are expanded, and with what the service computes of it. */
import type { GraphCall } from "../exchange.ts";
import { configurationOf } from "./store.ts";
import type { Body, ConfigurationSort, Navigation } from "./types.ts";

/** What is expanded, and within it. */
export type Expansion = { readonly [name: string]: Expansion };

/** Parts that a list does not expand: they come with the item only. */
const onlyOfOne = new Set(["settings", "definitionValues", "scheduledActionConfigurations"]);
const textOfOne = new Set(["scriptContent", "detectionScriptContent", "remediationScriptContent"]);

/** Reads `$expand`; undefined when it names what cannot be expanded here. */
export function readExpand(
  text: string | null,
  navigation: Navigation,
  isList: boolean,
): Expansion | undefined {
  const expansion: Record<string, Expansion> = {};
  for (const part of text === null ? [] : split(text)) {
    const [, name = "", inner] = /^(\w+)(?:\(\$expand=(.*)\))?$/.exec(part) ?? [];
    const within = navigation[name];
    if (within === undefined || (isList && name === "settings") || (isList && onlyOfOne.has(name)))
      return undefined;
    const nested = readExpand(inner ?? null, within, isList);
    if (nested === undefined) return undefined;
    expansion[name] = nested;
  }
  return expansion;
}

/** Cuts at the commas that stand in no parenthesis. */
function split(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const sign of text) {
    depth += sign === "(" ? 1 : sign === ")" ? -1 : 0;
    if (sign === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts.map((part) => part.trim());
}

/** An item as a caller sees it. */
export function shown(
  call: GraphCall,
  sort: ConfigurationSort,
  body: Body,
  expansion: Expansion,
  isList = false,
): Body {
  const whole = computed(call, sort, body);
  const path = `${sort.path}('${String(whole["id"])}')`;
  const visible = withoutParts(whole, sort.navigation, expansion, `${contextOf(call)}${path}`);
  return isList
    ? Object.fromEntries(Object.entries(visible).filter(([name]) => !textOfOne.has(name)))
    : visible;
}

const contextOf = ({ origin, version }: GraphCall): string => `${origin}/${version}/$metadata#`;

function withoutParts(body: Body, navigation: Navigation, expansion: Expansion, at: string): Body {
  const result: Body = {};
  for (const [name, value] of Object.entries(body)) {
    if (name.startsWith("_")) continue;
    const within = navigation[name];
    if (within === undefined) {
      result[name] = value;
      continue;
    }
    const inner = expansion[name];
    if (inner === undefined) continue;
    result[`${name}@odata.context`] = `${at}/${name}`;
    const part = (one: unknown): unknown =>
      isBody(one) ? withoutParts(one, within, inner, `${at}/${name}`) : one;
    result[name] = Array.isArray(value) ? value.map(part) : part(value);
  }
  return result;
}

/** Counts and links that nobody writes. */
function computed(call: GraphCall, sort: ConfigurationSort, body: Body): Body {
  const configuration = configurationOf(call.tenant);
  switch (sort.key) {
    case "configurationPolicy": {
      const settings = partsOf(body, "settings");
      const seen = settings.slice(0, Math.max(0, settings.length - call.behaviour.missingSettings));
      const isAssigned = partsOf(body, "assignments").length > 0;
      return { ...body, settings: seen, settingCount: settings.length, isAssigned };
    }
    case "pimRoleSettings": {
      const id = String(body["policyId"]);
      return { ...body, policy: configuration.seen("roleManagementPolicy", id, call.now) ?? null };
    }
    case "conditionalAccessPolicy":
      return withStrength(call, body);
    default:
      return body;
  }
}

/** A policy names its strength by id, and is answered with all of it. */
function withStrength(call: GraphCall, body: Body): Body {
  const controls = body["grantControls"];
  if (!isBody(controls)) return body;
  const named = controls["authenticationStrength"];
  const id = isBody(named) ? String(named["id"]) : undefined;
  const strength =
    id === undefined
      ? null
      : (configurationOf(call.tenant).seen("authenticationStrength", id, call.now) ?? null);
  const context = `${contextOf(call)}identity/conditionalAccess/policies('${String(body["id"])}')/grantControls/authenticationStrength/$entity`;
  return {
    ...body,
    grantControls: {
      ...controls,
      "authenticationStrength@odata.context": context,
      authenticationStrength: strength,
    },
  };
}

/** The elements of a list that is a part of an item. */
export function partsOf(body: Body, name: string): readonly Body[] {
  const value = body[name];
  return Array.isArray(value) ? value.filter(isBody) : [];
}

/** Whether it is a JSON object. */
export function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
