/** Making, changing and deleting tenants, and looking at what their devices hide. */
import { defaultMix, type FleetMix } from "../fleet/fleet-mix.ts";
import { isGuid } from "../fleet/guids.ts";
import { changeFleet, type FleetChange, type TenantPlan } from "../fleet/tenants.ts";
import { addTenant, findTenant } from "../state.ts";
import { type ControlHandler, missing, refuse } from "./call.ts";
import { countDevices, hiddenTraits } from "./tenant-view.ts";

const mostDevices = 5_000_000;

/** `GET /_sandbox/tenants`. */
export const listTenants: ControlHandler = ({ state }) => ({
  status: 200,
  body: { value: [...state.tenants.values()].map(countDevices) },
});

/** `POST /_sandbox/tenants`: a tenant with a fleet that depends on nothing but the request. */
export const createTenant: ControlHandler = ({ state, body }) => {
  const plan = readPlan(body);
  if (typeof plan === "string") return refuse(plan);
  if (findTenant(state, plan.tenantId) !== undefined) {
    return { status: 409, body: { error: `the tenant ${plan.tenantId} exists` } };
  }
  const tenant = addTenant(state, plan, Date.now());
  state.keepTenants();
  return { status: 201, body: countDevices(tenant) };
};

/** `PATCH /_sandbox/tenants/{id}`: `{ remove, add, touch, roles }`, in this order. */
export const changeTenant: ControlHandler = ({ state, ids: [id = ""], body }) => {
  const tenant = findTenant(state, id);
  if (tenant === undefined) return missing(`there is no tenant ${id}`);
  const { remove = 0, add = 0, touch = 0, roles, ...unknown } = body;
  if (Object.keys(unknown).length > 0)
    return refuse(`unknown property "${Object.keys(unknown)[0]}"`);
  if (![remove, add, touch].every(isCount))
    return refuse("remove, add and touch must be whole numbers");
  if (roles !== undefined && !isTexts(roles)) return refuse('"roles" must be a list of strings');
  const change = { remove, add, touch, at: Date.now() } as FleetChange;
  const { removed, touched } = changeFleet(tenant, change);
  if (roles !== undefined) tenant.roles = roles;
  state.keepTenants();
  return { status: 200, body: { ...countDevices(tenant), removed, added: add, touched } };
};

/** `DELETE /_sandbox/tenants/{id}`. Its effects stay in the ledger. */
export const removeTenant: ControlHandler = ({ state, ids: [id = ""] }) => {
  const tenant = findTenant(state, id);
  if (tenant === undefined) return missing(`there is no tenant ${id}`);
  state.tenants.delete(tenant.id);
  state.behaviour.remove(tenant.id);
  state.keepTenants();
  return { status: 204 };
};

/** `GET /_sandbox/tenants/{id}/devices?top=&skip=&action=`: ids with what only the stand-in knows. */
export const showDevices: ControlHandler = ({ state, ids: [id = ""], query }) => {
  const tenant = findTenant(state, id);
  if (tenant === undefined) return missing(`there is no tenant ${id}`);
  const [top, skip] = [Number(query.get("top") ?? 100), Number(query.get("skip") ?? 0)];
  if (!isCount(top) || !isCount(skip)) return refuse("top and skip must be whole numbers");
  const action = query.get("action") ?? "syncDevice";
  const value: object[] = [];
  let passed = 0;
  for (let index = 0; index < tenant.fleet.size() && value.length < top; index += 1) {
    if (tenant.fleet.removed(index)) continue;
    passed += 1;
    if (passed > skip) value.push(hiddenTraits(state, tenant, index, action));
  }
  return { status: 200, body: { value } };
};

function readPlan(body: Readonly<Record<string, unknown>>): TenantPlan | string {
  const { tenantId, displayName, devices = 0, seed = 1, mix = {}, roles, items, ...unknown } = body;
  if (Object.keys(unknown).length > 0) return `unknown property "${Object.keys(unknown)[0]}"`;
  if (typeof tenantId !== "string" || !isGuid(tenantId)) return '"tenantId" must be a GUID';
  if (typeof displayName !== "string" || displayName === "") return '"displayName" must be a text';
  if (!isCount(devices) || devices > mostDevices) return `"devices" must be at most ${mostDevices}`;
  if (typeof seed !== "number" || !Number.isInteger(seed)) return '"seed" must be a whole number';
  if (!isMix(mix))
    return `"mix" must give weights for some of ${Object.keys(defaultMix).join(", ")}`;
  if (roles !== undefined && !isTexts(roles)) return '"roles" must be a list of strings';
  if (items !== undefined && !isCount(items)) return '"items" must be a whole number';
  return { tenantId, displayName, devices, seed, mix, roles, items };
}

function isMix(value: unknown): value is Partial<FleetMix> {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(
    ([name, weight]) =>
      Object.hasOwn(defaultMix, name) && typeof weight === "number" && weight >= 0,
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}
