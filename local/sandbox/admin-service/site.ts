/**
 * The ConfigMgr site of a tenant: its clients, and the operations it was asked for. What becomes of an
 * operation is computed from the time of the request whenever somebody looks.
 */
import type { ActionTimeline } from "../fleet/action-results.ts";
import { mix32 } from "../fleet/chance.ts";
import { type GuidFamily, guidFamily } from "../fleet/guids.ts";
import type { Tenant } from "../fleet/tenants.ts";

/** Resource ids of systems begin here at every real site. */
const firstResourceId = 16_777_216;

/** One client operation; `timelines` in the order of `targets`, undefined for an id that is no client's. */
export type Operation = {
  readonly id: number;
  readonly type: number;
  readonly collectionId: string;
  readonly targets: readonly number[];
  readonly timelines: readonly (ActionTimeline | undefined)[];
  readonly requestedAt: number;
  /** The script or the query that it carries. */
  readonly carries?: string;
};

/** A script that the site owns. */
export type SiteScript = {
  readonly guid: string;
  readonly name: string;
  readonly approval: number;
};

/** A site. */
export type Site = {
  readonly code: string;
  readonly operations: Map<number, Operation>;
  nextOperation: number;
  readonly scripts: readonly SiteScript[];
  /** Client pushes by the position of their device: the latest of each. */
  readonly pushes: Map<number, ActionTimeline>;
};

/** Every tenant has one site. */
export const siteCode = "P01";

/** How long an operation goes on before its clients are given up. */
const operationMs = 3_600_000;
const approved = 3;
const waiting = 0;

const sites = new WeakMap<Tenant, Site>();

/** The site of a tenant; it begins with the first look at it. */
export function siteOf(tenant: Tenant): Site {
  const known = sites.get(tenant);
  if (known !== undefined) return known;
  const guids: GuidFamily = guidFamily(mix32(tenant.fleet.seed + 9));
  const script = (position: number, name: string, approval: number): SiteScript => ({
    guid: guids.at(position),
    name,
    approval,
  });
  const site: Site = {
    code: siteCode,
    operations: new Map(),
    pushes: new Map(),
    // A real site has a history; numbers do not begin at 1.
    nextOperation: 16_777_300,
    scripts: [script(0, "Collect logs", approved), script(1, "Not yet approved", waiting)],
  };
  sites.set(tenant, site);
  return site;
}

/** The resource id of the device at a position. */
export const resourceIdOf = (index: number): number => firstResourceId + index;

/** The position that a resource id stands for, whether a device is there or not. */
export const positionOf = (resourceId: number): number => resourceId - firstResourceId;

/** The position of a client by its resource id, or undefined when the site has no such client. */
export function clientIndex(tenant: Tenant, resourceId: number, now: number): number | undefined {
  const index = systemIndex(tenant, resourceId);
  return index !== undefined && isClient(tenant, index, now) ? index : undefined;
}

/** The position of a system by its resource id, or undefined when the site knows none. */
export function systemIndex({ fleet }: Tenant, resourceId: number): number | undefined {
  const index = positionOf(resourceId);
  return index >= 0 && index < fleet.size() && isSystem(fleet, index) ? index : undefined;
}

/** Whether the site knows the device at a position, with a client or without. */
export const isSystem = (fleet: Tenant["fleet"], index: number): boolean =>
  !fleet.removed(index) && fleet.profile(index).management !== "intuneOnly";

/** Whether a ConfigMgr client runs on a system: from the beginning, or since a push has worked. */
export function isClient(tenant: Tenant, index: number, now: number): boolean {
  if (tenant.fleet.profile(index).management !== "discovered") return true;
  const push = siteOf(tenant).pushes.get(index);
  return push?.ending === "done" && now >= push.at + push.actMs + push.reportMs;
}

/** How many targets of an operation stand where, as the site's counts show it. */
export function countsOf({ timelines, requestedAt }: Operation, now: number) {
  const counts = { total: timelines.length, completed: 0, failed: 0, offline: 0, unknown: 0 };
  for (const timeline of timelines) {
    if (timeline?.ending === "silent") counts.offline += 1;
    else if (timeline === undefined || now < timeline.at + timeline.actMs + timeline.reportMs)
      counts.unknown += 1;
    else if (timeline.ending === "done") counts.completed += 1;
    else counts.failed += 1;
  }
  return { ...counts, expired: now >= requestedAt + operationMs };
}
