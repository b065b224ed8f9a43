/** Everything the stand-in remembers: in memory, but for its tenants, which it finds again at its next start. */
import { join } from "node:path";
import { readIfThere, replaceText } from "../kept-file.ts";

import { type Behaviour, type BehaviourBook, behaviourBook } from "./behaviour.ts";
import { type ActionCatalogue, type ActionKind, actionKinds } from "./fleet/actions.ts";
import { type GuidFamily, guidFamily } from "./fleet/guids.ts";
import { type Registrations, registrations } from "./fleet/registrations.ts";
import {
  changeFleet,
  makeTenant,
  type Tenant,
  type TenantPast,
  type TenantPlan,
  timelineOf,
} from "./fleet/tenants.ts";
import type { HeldWriteByCode } from "./graph/approvals.ts";
import { manifestRoles } from "./graph/configuration/permissions.ts";
import type { ConfigurationWrite } from "./graph/configuration/writes.ts";
import { type Ledger, ledger } from "./ledger.ts";
import { type RequestCounts, requestCounts } from "./request-counts.ts";
import { graphScopes } from "./sign-in/entra/resources.ts";

/** The state shared by control, Graph and sign-in. */
export type State = {
  readonly kinds: ActionCatalogue;
  readonly behaviour: BehaviourBook;
  readonly ledger: Ledger;
  readonly requests: RequestCounts;
  readonly requestIds: GuidFamily;
  /** The next request's position in `requestIds`. */
  nextRequest: number;
  readonly tenants: Map<string, Tenant>;
  tenantsMade: number;
  /** Writes down which tenants there are; to be called after each change. */
  readonly keepTenants: () => void;
  /** When a health script was last run on a device of a tenant, by `tenant number/script id`. */
  readonly scriptRuns: Map<string, Map<number, number>>;
  /** Writes that wait, or waited, for a second administrator. */
  readonly heldWrites: HeldWriteByCode;
  /** Hardware that tenants were asked to import, and what they hold. */
  readonly registrations: Registrations;
  /** How many imports there were, and how often a device's fault was met. */
  importsMade: number;
  readonly importFaultsMet: Map<string, number>;
  /** Writes to configuration that were taken, oldest first. */
  readonly configurationWrites: ConfigurationWrite[];
};

/**
 * The state of a start: with the tenants that the folder has, and nothing else. Fleets follow from what was asked for,
 * so that is what is kept: a few hundred characters, for a million devices too.
 */
export function openState(folder: string): State {
  const file = join(folder, "tenants.json");
  const kinds = actionKinds();
  const state: State = {
    kinds,
    behaviour: behaviourBook(),
    ledger: ledger(kinds),
    requests: requestCounts(),
    requestIds: guidFamily(Date.now() >>> 0),
    nextRequest: 0,
    tenants: new Map(),
    tenantsMade: 0,
    keepTenants: () => {
      const pasts = [...state.tenants.values()].map(
        ({ past, roles, scopes }): TenantPast => ({
          ...past,
          plan: { ...past.plan, roles, scopes },
        }),
      );
      replaceText(file, JSON.stringify(pasts));
    },
    scriptRuns: new Map(),
    heldWrites: new Map(),
    registrations: registrations(),
    importsMade: 0,
    importFaultsMet: new Map(),
    configurationWrites: [],
  };
  for (const { plan, madeAt, changes } of JSON.parse(readIfThere(file) || "[]") as TenantPast[]) {
    const tenant = addTenant(state, plan, madeAt);
    for (const change of changes) changeFleet(tenant, change);
  }
  return state;
}

/** The tenant of an id in either case. */
export function findTenant(state: State, id: string): Tenant | undefined {
  return state.tenants.get(id.toLowerCase());
}

/** Adds a tenant, or makes an existing one anew. */
export function addTenant(state: State, plan: TenantPlan, now: number): Tenant {
  state.tenantsMade += 1;
  const { roles = manifestRoles, scopes = graphScopes } = plan;
  const tenant = makeTenant({ ...plan, roles, scopes }, state.tenantsMade, state.kinds, now);
  state.tenants.set(tenant.id, tenant);
  return tenant;
}

/** One effect on one device: into the ledger first, then onto the device. */
export function takeEffect(
  state: State,
  tenant: Tenant,
  effect: { readonly index: number; readonly kind: ActionKind; readonly request: number },
  behaviour: Behaviour,
  now: number,
): void {
  const { index, kind, request } = effect;
  state.ledger.record(tenant.ledger, index, kind, request, now);
  tenant.results.put(index, kind, timelineOf(tenant, index, kind, behaviour, now));
  if (kind.action.name === "initiateOnDemandProactiveRemediation" && kind.detail !== null) {
    const key = scriptRunKey(tenant, kind.detail);
    const runs = state.scriptRuns.get(key) ?? new Map<number, number>();
    state.scriptRuns.set(key, runs.set(index, now));
  }
}

/** The id that the next request or batch part is answered with. */
export function nextRequestId(state: State): string {
  state.nextRequest += 1;
  return state.requestIds.at(state.nextRequest);
}

/** The key of a script's runs in `scriptRuns`. */
export const scriptRunKey = (tenant: Tenant, scriptId: string): string =>
  `${tenant.number}/${scriptId}`;
