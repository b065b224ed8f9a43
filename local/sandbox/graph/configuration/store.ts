/**
 * The configuration of each tenant: made from its seed when it is first asked for, so that a tenant that nobody
 * configures costs nothing. What was written a moment ago may not be seen yet.
 */
import { seedOf } from "../../fleet/chance.ts";
import { guidFamily } from "../../fleet/guids.ts";
import type { Tenant } from "../../fleet/tenants.ts";
import { seededAccess } from "./seeds/entra.ts";
import { seededDevices } from "./seeds/intune.ts";
import { makerOf, type Seeds } from "./seeds/maker.ts";
import { seededPeople } from "./seeds/people.ts";
import { seededRoleSettings, seededSingletons } from "./seeds/singletons.ts";
import { type Body, type ConfigurationSort, configurationSorts } from "./types.ts";

/** An item: as it is, and as it is seen until a moment. */
type Entry = { current: Body | undefined; former: Body | undefined; since: number };

/** Everything of one tenant. */
export type TenantConfiguration = {
  /** By id, as it is. */
  readonly get: (key: string, id: string) => Body | undefined;
  readonly all: (key: string) => readonly Body[];
  /** As somebody sees it who asks now. */
  readonly seen: (key: string, id: string, now: number) => Body | undefined;
  readonly allSeen: (key: string, now: number) => readonly Body[];
  /** Puts or, without a body, takes away; seen from a moment on. */
  readonly put: (key: string, id: string, body: Body | undefined, since?: number) => void;
  readonly newId: () => string;
  /** Items deleted softly, by the key of their type. */
  readonly deleted: (key: string) => Map<string, Body>;
  /** When the next request to conditional access is let in. */
  pacedUntil: number;
  /** How often a fault that was set has struck. */
  readonly faults: Map<object, number>;
};

const known = new WeakMap<Tenant, TenantConfiguration>();

/** The configuration of a tenant. */
export function configurationOf(tenant: Tenant): TenantConfiguration {
  const found = known.get(tenant) ?? makeConfiguration(tenant);
  known.set(tenant, found);
  return found;
}

const listOf = (body: Body | undefined): readonly Body[] => (body === undefined ? [] : [body]);

/** What there is one of is there, even where nobody has said anything about it. */
const unsaid = ({ key, isSingleton }: ConfigurationSort): readonly Body[] =>
  isSingleton ? [{ id: key, displayName: key }] : [];

/** What is asked for the only item of its type. */
export const singletonId = "singleton";

/** The id of an item, as its type has it. */
export const idOf = ({ idFrom, isSingleton }: ConfigurationSort, body: Body): string =>
  isSingleton ? singletonId : String(body[idFrom === "" ? "id" : idFrom]);

function makeConfiguration(tenant: Tenant): TenantConfiguration {
  const items = new Map<string, Map<string, Entry>>();
  const deleted = new Map<string, Map<string, Body>>();
  const ids = guidFamily(seedOf(`${tenant.id}/new`));
  let made = 0;
  const of = (key: string): Map<string, Entry> => within(items, key);
  const seen = ({ current, former, since }: Entry, now: number): Body | undefined =>
    now >= since ? current : former;
  const configuration: TenantConfiguration = {
    get: (key, id) => of(key).get(id.toLowerCase())?.current,
    all: (key) => [...of(key).values()].flatMap(({ current }) => listOf(current)),
    seen: (key, id, now) => {
      const entry = of(key).get(id.toLowerCase());
      return entry && seen(entry, now);
    },
    allSeen: (key, now) => [...of(key).values()].flatMap((entry) => listOf(seen(entry, now))),
    put: (key, id, current, since = 0) => {
      const before = of(key).get(id.toLowerCase());
      const former = before && seen(before, Date.now());
      if (current === undefined && since === 0) of(key).delete(id.toLowerCase());
      else of(key).set(id.toLowerCase(), { current, former, since });
    },
    newId: () => ids.at((made += 1)),
    deleted: (key) => within(deleted, key),
    pacedUntil: 0,
    faults: new Map(),
  };
  const seeds = seededItems(tenant);
  for (const sort of configurationSorts)
    for (const body of seeds[sort.key] ?? unsaid(sort))
      configuration.put(sort.key, idOf(sort, body), body);
  return configuration;
}

function within<Value>(map: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  const found = map.get(key) ?? new Map<string, Value>();
  map.set(key, found);
  return found;
}

/** Items of the written types that every tenant has. */
const least = 43;

/** The seeds of a tenant. */
function seededItems(tenant: Tenant): Seeds {
  const maker = makerOf(tenant);
  return {
    ...seededPeople(maker),
    ...seededAccess(maker),
    ...seededSingletons(maker),
    ...seededRoleSettings(maker),
    ...seededDevices(maker, Math.max(0, (tenant.past.plan.items ?? 0) - least)),
  };
}
