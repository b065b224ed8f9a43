/** The tenants of this stand-in, and what the devices of one do with an action. */

import { type Behaviour, calm, type Span } from "../behaviour.ts";
import type { LedgerTenant } from "../ledger.ts";
import {
  type ActionResultTable,
  type ActionTimeline,
  actionResults,
  type Ending,
} from "./action-results.ts";
import { type ActionCatalogue, type ActionKind, shownName } from "./actions.ts";
import { fraction, mix32, randomStream } from "./chance.ts";
import { chanceOf, type Fleet, type FleetPlan, makeFleet } from "./fleet.ts";
import { type GuidFamily, guidFamily } from "./guids.ts";

/** A remediation script that a tenant owns. */
export type HealthScript = { readonly id: string; readonly displayName: string };

/** One tenant. */
export type Tenant = {
  readonly number: number;
  readonly id: string;
  readonly displayName: string;
  readonly domain: string;
  readonly fleet: Fleet;
  /** What the fleet was made from, and what was changed since: done again, it makes the same fleet. */
  readonly past: TenantPast;
  readonly results: ActionResultTable;
  readonly scripts: readonly HealthScript[];
  /** The app roles that tokens for this tenant carry. */
  roles: readonly string[];
  /** What administrators have let the app do in everybody's name. */
  scopes: readonly string[];
  readonly ledger: LedgerTenant;
  readonly families: {
    readonly entraDevices: GuidFamily;
    readonly users: GuidFamily;
    readonly autopilot: GuidFamily;
    /** Ids of what stands for devices in the directory. */
    readonly deviceObjects: GuidFamily;
  };
  /** The stream of chance for random misbehaviour, and the seed it was started with. */
  chance: { readonly seed: number; readonly next: () => number };
  /** Requests counted in the current throttling window. */
  readonly window: { startedAt: number; requests: number };
};

/** A change to a fleet: devices removed, then added, then renamed. */
export type FleetChange = {
  readonly remove: number;
  readonly add: number;
  readonly touch: number;
  readonly at: number;
};

/** Everything that a fleet follows from. */
export type TenantPast = {
  readonly plan: TenantPlan;
  readonly madeAt: number;
  readonly changes: readonly FleetChange[];
};

/** Changes a fleet, and says how many devices there were to remove and to rename. */
export function changeFleet(
  { fleet, past }: Pick<Tenant, "fleet" | "past">,
  change: FleetChange,
): { readonly removed: number; readonly touched: number } {
  const removed = fleet.remove(change.remove);
  fleet.add(change.add, change.at);
  const touched = fleet.touch(change.touch, change.at);
  (past.changes as FleetChange[]).push(change);
  return { removed, touched };
}

/** What a tenant is made from. */
export type TenantPlan = FleetPlan & {
  readonly displayName: string;
  readonly roles?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** How many items of configuration there are at least. */
  readonly items?: number | undefined;
};

const scriptNames = [
  "Run ConfigMgr discovery cycle",
  "Run ConfigMgr hardware inventory",
  "Clear stale update cache",
];

/** Makes a tenant with its fleet. */
export function makeTenant(
  plan: TenantPlan,
  number: number,
  kinds: ActionCatalogue,
  now: number,
): Tenant {
  const id = plan.tenantId.toLowerCase();
  const fleet = makeFleet(plan, now);
  const family = (salt: number): GuidFamily => guidFamily(mix32(fleet.seed + salt));
  const scripts = family(4);
  return {
    number,
    id,
    displayName: plan.displayName,
    domain: domainOf(plan.displayName),
    fleet,
    past: { plan, madeAt: now, changes: [] },
    results: actionResults(fleet, kinds),
    scripts: scriptNames.map((displayName, position) => ({
      id: scripts.at(position),
      displayName,
    })),
    roles: plan.roles ?? [],
    scopes: plan.scopes ?? [],
    ledger: { number, id, deviceIds: fleet.ids },
    families: {
      entraDevices: family(1),
      users: family(2),
      autopilot: family(3),
      deviceObjects: family(5),
    },
    chance: { seed: calm.seed, next: randomStream(calm.seed) },
    window: { startedAt: 0, requests: 0 },
  };
}

/** The next number of a tenant's chance. Another seed than before starts the stream anew. */
export function nextChance(tenant: Tenant, seed: number): number {
  if (tenant.chance.seed !== seed) restartChance(tenant, seed);
  return tenant.chance.next();
}

/** Starts a tenant's chance anew, so that a run can be repeated on the same tenant. */
export function restartChance(tenant: Tenant, seed: number): void {
  tenant.chance = { seed, next: randomStream(seed) };
}

/** Whether a device never reports, under a behaviour. The same devices every time. */
export function isOffline(tenant: Tenant, index: number, behaviour: Behaviour): boolean {
  return fraction(tenant.fleet.seed, index, chanceOf.offline) < behaviour.offlineRate;
}

/** Whether a device's action of a kind ends as failed, under a behaviour. The same pairs every time. */
export function isFailing(
  tenant: Tenant,
  index: number,
  kind: ActionKind,
  behaviour: Behaviour,
): boolean {
  return fraction(tenant.fleet.seed, index, chanceOf.failing + saltOf(kind)) < behaviour.failRate;
}

/** Settles, at the moment of the request, when the device will act and report and how it will end. */
export function timelineOf(
  tenant: Tenant,
  index: number,
  kind: ActionKind,
  behaviour: Behaviour,
  at: number,
): ActionTimeline {
  const chance = fraction(tenant.fleet.seed ^ at, index, chanceOf.timing);
  const ending = endingOf(tenant, index, kind, behaviour);
  return {
    at,
    actMs: within(behaviour.actMs, chance),
    reportMs: within(behaviour.reportMs, (chance * 97) % 1),
    ending,
  };
}

function endingOf(tenant: Tenant, index: number, kind: ActionKind, behaviour: Behaviour): Ending {
  if (isOffline(tenant, index, behaviour)) return "silent";
  const unsupported = fraction(tenant.fleet.seed, index, chanceOf.unsupported + saltOf(kind));
  if (unsupported < behaviour.notSupportedRate) return "notSupported";
  if (!isFailing(tenant, index, kind, behaviour)) return "done";
  return behaviour.failsOnce && hasFailed(tenant, index, kind) ? "done" : "failed";
}

const hasFailed = ({ results }: Tenant, index: number, kind: ActionKind): boolean =>
  results
    .of(index, Number.POSITIVE_INFINITY)
    .some((each) => shownName(each.kind) === shownName(kind) && each.state === "failed");

/** Depends on the action's name alone: kind numbers differ from one process to the next. */
function saltOf(kind: ActionKind): number {
  let salt = 0;
  for (const letter of kind.action.name) salt = (salt * 31 + letter.charCodeAt(0)) % 3_001;
  return salt;
}

function within([least, most]: Span, chance: number): number {
  return Math.round(least + (most - least) * chance);
}

function domainOf(displayName: string): string {
  const words = displayName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return `${words === "" ? "tenant" : words}.example`;
}
