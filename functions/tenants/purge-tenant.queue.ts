/**
 * Deletes what is kept of a removed tenant, pass by pass.
 *
 * Delivery: at least once. A duplicate finds less, or nothing; a tenant that is there again is left alone.
 */
import { queueNames } from "../../shared/storage/names.ts";
import { PurgeMessage } from "../../shared/tenants/contract.ts";
import type { TenantPurge } from "../../shared/tenants/purge.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly purging: TenantPurge };

export const purgeTenantFunction = onQueue({
  name: queueNames.tenantPurge,
  message: PurgeMessage,
  async handle({ tenantId }, { services, log }: Tools<Needs>) {
    const outcome = await services.purging.pass(tenantId);
    log("tenant.purge", { tenantId, outcome: outcome.kind });
    if (outcome.kind !== "again") return { kind: "ack" };
    return { kind: "again", afterSeconds: outcome.afterMs / 1000 };
  },
});
