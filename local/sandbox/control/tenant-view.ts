/** What control shows of a tenant and of its devices. */

import { isFailing, isOffline, type Tenant } from "../fleet/tenants.ts";
import { deviceName } from "../graph/devices/device-facts.ts";
import type { State } from "../state.ts";

/** A tenant with its devices counted. `total` is `graph`, `configMgrOnly` and `discovered` together. */
export function countDevices(tenant: Tenant): object {
  const byOperatingSystem: Record<string, number> = {};
  const byManagementAgent: Record<string, number> = {};
  let total = 0;
  let graph = 0;
  let discovered = 0;
  for (let index = 0; index < tenant.fleet.size(); index += 1) {
    if (tenant.fleet.removed(index)) continue;
    const { operatingSystem, agent, management } = tenant.fleet.profile(index);
    byOperatingSystem[operatingSystem] = (byOperatingSystem[operatingSystem] ?? 0) + 1;
    byManagementAgent[agent] = (byManagementAgent[agent] ?? 0) + 1;
    total += 1;
    if (tenant.fleet.visible(index)) graph += 1;
    if (management === "discovered") discovered += 1;
  }
  const { id: tenantId, displayName, roles } = tenant;
  const counts = {
    total,
    graph,
    configMgrOnly: total - graph - discovered,
    discovered,
    byOperatingSystem,
    byManagementAgent,
  };
  return { tenantId, displayName, roles, ...counts };
}

/** A device with what it will do under the behaviour of now. `failing` is about one action. */
export function hiddenTraits(state: State, tenant: Tenant, index: number, action: string): object {
  const behaviour = state.behaviour.of(tenant.id);
  const { operatingSystem, agent, management } = tenant.fleet.profile(index);
  return {
    id: tenant.fleet.ids.at(index),
    deviceName: deviceName(tenant, index),
    operatingSystem,
    managementAgent: agent,
    management,
    inGraph: tenant.fleet.visible(index),
    offline: isOffline(tenant, index, behaviour),
    failing: isFailing(tenant, index, state.kinds.of(action), behaviour),
  };
}
