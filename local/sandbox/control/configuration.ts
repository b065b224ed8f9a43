/** Looking at a tenant's configuration and changing it from outside, as its own administrators would. */
import { configurationOf, idOf, type TenantConfiguration } from "../graph/configuration/store.ts";
import { type ConfigurationSort, configurationSorts } from "../graph/configuration/types.ts";
import { newIdOf } from "../graph/configuration/writes.ts";
import { stamped } from "../graph/configuration/written.ts";
import { findTenant } from "../state.ts";
import {
  type ControlAnswer,
  type ControlCall,
  type ControlHandler,
  missing,
  refuse,
} from "./call.ts";

type Place = { readonly configuration: TenantConfiguration; readonly sort: ConfigurationSort };

const isPlace = (found: Place | ControlAnswer): found is Place =>
  found !== undefined && "sort" in found;

function placeOf({ state, ids: [tenantId = "", key = ""] }: ControlCall): Place | ControlAnswer {
  const tenant = findTenant(state, tenantId);
  if (tenant === undefined) return missing(`there is no tenant ${tenantId}`);
  const sort = configurationSorts.find((one) => one.key === key);
  if (sort === undefined)
    return missing(
      `there is no type ${key}: ${configurationSorts.map((one) => one.key).join(", ")}`,
    );
  return { configuration: configurationOf(tenant), sort };
}

/** `GET /_sandbox/tenants/{id}/configuration`: how many items there are of each type. */
export const countConfiguration: ControlHandler = ({ state, ids: [tenantId = ""] }) => {
  const tenant = findTenant(state, tenantId);
  if (tenant === undefined) return missing(`there is no tenant ${tenantId}`);
  const configuration = configurationOf(tenant);
  const counts = configurationSorts.map(({ key }) => [key, configuration.all(key).length]);
  return { status: 200, body: Object.fromEntries(counts) as object };
};

/** `GET /_sandbox/tenants/{id}/configuration/{type}[/{item}]`: as it is, parts and hidden members included. */
export const showConfiguration: ControlHandler = (call) => {
  const place = placeOf(call);
  if (!isPlace(place)) return place;
  const { configuration, sort } = place;
  const [, , item] = call.ids;
  if (item === undefined) return { status: 200, body: { value: configuration.all(sort.key) } };
  const body = configuration.get(sort.key, item);
  return body === undefined ? missing(`there is no ${sort.key} ${item}`) : { status: 200, body };
};

/** `POST /_sandbox/tenants/{id}/configuration/{type}`: adds an item, checked by nobody. */
export const addConfiguration: ControlHandler = (call) => {
  const place = placeOf(call);
  if (!isPlace(place)) return place;
  const { configuration, sort } = place;
  const body = {
    id: sort.idFrom === "" ? newIdOf(configuration, sort, {}) : configuration.newId(),
    ...sort.defaults,
    ...stamped(sort, undefined, Date.now()),
    ...call.body,
  };
  configuration.put(sort.key, idOf(sort, body), body);
  return { status: 201, body };
};

/** `PATCH` and `PUT /_sandbox/tenants/{id}/configuration/{type}/{item}`: changes members at the top, or all. */
export const changeConfiguration: ControlHandler = (call) => {
  const place = placeOf(call);
  if (!isPlace(place)) return place;
  const { configuration, sort } = place;
  const [, , item = ""] = call.ids;
  const before = configuration.get(sort.key, item);
  if (before === undefined) return missing(`there is no ${sort.key} ${item}`);
  const start = call.method === "PUT" ? { id: before["id"] } : before;
  const body = { ...start, ...stamped(sort, before, Date.now()), ...call.body };
  if (body["id"] !== before["id"]) return refuse("an item keeps its id");
  configuration.put(sort.key, item, body);
  return { status: 200, body };
};

/** `DELETE /_sandbox/tenants/{id}/configuration/{type}/{item}`. */
export const removeConfiguration: ControlHandler = (call) => {
  const place = placeOf(call);
  if (!isPlace(place)) return place;
  const { configuration, sort } = place;
  const [, , item = ""] = call.ids;
  if (configuration.get(sort.key, item) === undefined)
    return missing(`there is no ${sort.key} ${item}`);
  configuration.put(sort.key, item, undefined);
  return { status: 204 };
};

const changed = (now: readonly string[], more: unknown, less: unknown): readonly string[] =>
  [...new Set([...now, ...(more as string[])])].filter((one) => !(less as string[]).includes(one));

/** `POST /_sandbox/tenants/{id}/consent {grant?, withdraw?, roles?, scopes?}`: what the app may do from the next token on. */
export const changeConsent: ControlHandler = ({ state, ids: [tenantId = ""], body }) => {
  const tenant = findTenant(state, tenantId);
  if (tenant === undefined) return missing(`there is no tenant ${tenantId}`);
  const { grant = [], withdraw = [], grantScopes = [], withdrawScopes = [], ...unknown } = body;
  const lists = [grant, withdraw, grantScopes, withdrawScopes];
  if (Object.keys(unknown).length > 0 || !lists.every(Array.isArray))
    return refuse("grant, withdraw, grantScopes and withdrawScopes are lists of permissions");
  tenant.roles = changed(tenant.roles, grant, withdraw);
  tenant.scopes = changed(tenant.scopes, grantScopes, withdrawScopes);
  state.keepTenants();
  return { status: 200, body: { roles: tenant.roles, scopes: tenant.scopes } };
};

/** `GET /_sandbox/configuration-writes?tenantId=&type=&since=`: what apps wrote, oldest first, and how much of it twice. */
export const showWrites: ControlHandler = ({ state, query }) => {
  const [tenantId, type, since] = ["tenantId", "type", "since"].map((name) => query.get(name));
  const value = state.configurationWrites.filter(
    (write) =>
      (!tenantId || write.tenantId === tenantId.toLowerCase()) &&
      (!type || write.type === type) &&
      (!since || write.time >= since),
  );
  const distinct = new Set(
    value.map(({ tenantId: of, method, path, digest }) => `${of} ${method} ${path} ${digest}`),
  ).size;
  return {
    status: 200,
    body: { total: value.length, distinct, doubled: value.length - distinct, value },
  };
};
