/**
 * The ledger: every effect this stand-in was asked for and took, so that a lost or a doubled one can be
 * counted from outside. One row per device and action, 20 bytes a row; counts are kept as rows come in.
 */
import type { ActionCatalogue, ActionKind } from "./fleet/actions.ts";
import { column } from "./fleet/columns.ts";
import type { GuidFamily } from "./fleet/guids.ts";

/** A tenant as the ledger needs it: still readable after the tenant itself was deleted. */
export type LedgerTenant = {
  readonly number: number;
  readonly id: string;
  readonly deviceIds: GuidFamily;
};

/** The request that carried an effect. */
export type LedgerRequest = {
  readonly requestId: string;
  readonly clientRequestId: string | null;
  readonly bulk: boolean;
};

/** One effect. `time` is in ms since 1970. */
export type LedgerRow = LedgerRequest & {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly action: string;
  readonly detail: string | null;
  readonly time: number;
};

/** How many effects there are, and how many of them repeat a device and action that was there before. */
export type LedgerSummary = {
  readonly total: number;
  readonly distinct: number;
  readonly doubled: number;
  readonly byAction: Readonly<Record<string, { total: number; distinct: number; doubled: number }>>;
};

/** Which rows are asked for. `since` is in ms since 1970, inclusive. */
export type LedgerFilter = {
  readonly tenantId?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: number | undefined;
};

/** The ledger. */
export type Ledger = {
  /** Opens a request, so that its effects can share its ids. Returns its number. */
  readonly open: (request: LedgerRequest) => number;
  readonly record: (
    tenant: LedgerTenant,
    index: number,
    kind: ActionKind,
    request: number,
    time: number,
  ) => void;
  readonly length: () => number;
  /** The row at a position, oldest first, or undefined when it does not match. */
  readonly row: (position: number, filter: LedgerFilter) => LedgerRow | undefined;
  readonly summary: (filter: Pick<LedgerFilter, "tenantId" | "action">) => LedgerSummary;
  readonly clear: () => void;
};

type Tally = {
  readonly tenantId: string;
  readonly action: string;
  total: number;
  distinct: number;
  /** How often each device was asked, by position; a count past 255 stays there. */
  seen: Uint8Array;
};

/** An empty ledger. */
export function ledger(kinds: ActionCatalogue): Ledger {
  const rows = ledgerRows();
  const names = new Map<number, LedgerTenant>();
  const tallies = new Map<number, Tally>();
  let requests: LedgerRequest[] = [];

  const row = (position: number, filter: LedgerFilter): LedgerRow | undefined => {
    const time = rows.times.get(position);
    if (filter.since !== undefined && time < filter.since) return undefined;
    const tenant = names.get(rows.tenants.get(position));
    const { action, detail } = kinds.at(rows.kinds.get(position));
    const request = requests[rows.requests.get(position)];
    if (tenant === undefined || request === undefined) return undefined;
    if (!matches(filter, tenant.id, action.name)) return undefined;
    const deviceId = tenant.deviceIds.at(rows.devices.get(position));
    return { tenantId: tenant.id, deviceId, action: action.name, detail, time, ...request };
  };
  return {
    open: (request) => requests.push(request) - 1,
    record: (tenant, index, kind, request, time) => {
      names.set(tenant.number, tenant);
      rows.add(tenant.number, index, kind.number, request, time);
      count(tallies, tenant, index, kind);
    },
    length: () => rows.times.length(),
    row,
    summary: (filter) => summarise(tallies, filter),
    clear: () => {
      rows.clear();
      requests = [];
      tallies.clear();
    },
  };
}

function ledgerRows() {
  const tenants = column(Uint16Array);
  const devices = column(Uint32Array);
  const kinds = column(Uint16Array);
  const requests = column(Uint32Array);
  const times = column(Float64Array);
  const add = (
    tenant: number,
    device: number,
    kind: number,
    request: number,
    time: number,
  ): void => {
    tenants.push(tenant);
    devices.push(device);
    kinds.push(kind);
    requests.push(request);
    times.push(time);
  };
  const clear = (): void => {
    for (const each of [tenants, devices, kinds, requests, times]) each.clear();
  };
  return { tenants, devices, kinds, requests, times, add, clear };
}

function matches(filter: LedgerFilter, tenantId: string, action: string): boolean {
  if (filter.tenantId !== undefined && filter.tenantId.toLowerCase() !== tenantId) return false;
  return filter.action === undefined || filter.action === action;
}

function count(
  tallies: Map<number, Tally>,
  tenant: LedgerTenant,
  index: number,
  kind: ActionKind,
): void {
  const key = tenant.number * 65_536 + kind.number;
  let tally = tallies.get(key);
  if (tally === undefined) {
    const seen = new Uint8Array(1024);
    tally = { tenantId: tenant.id, action: kind.action.name, total: 0, distinct: 0, seen };
    tallies.set(key, tally);
  }
  if (index >= tally.seen.length) {
    const wider = new Uint8Array(Math.max(index + 1, tally.seen.length * 2));
    wider.set(tally.seen);
    tally.seen = wider;
  }
  const before = tally.seen[index] ?? 0;
  tally.total += 1;
  if (before === 0) tally.distinct += 1;
  tally.seen[index] = Math.min(255, before + 1);
}

function summarise(tallies: ReadonlyMap<number, Tally>, filter: LedgerFilter): LedgerSummary {
  const all = { total: 0, distinct: 0, doubled: 0 };
  const byAction: Record<string, typeof all> = {};
  for (const { tenantId, action, total, distinct } of tallies.values()) {
    if (!matches(filter, tenantId, action)) continue;
    byAction[action] ??= { total: 0, distinct: 0, doubled: 0 };
    for (const sum of [all, byAction[action]]) {
      sum.total += total;
      sum.distinct += distinct;
      sum.doubled += total - distinct;
    }
  }
  return { ...all, byAction };
}
