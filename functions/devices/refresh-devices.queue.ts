/**
 * Carries a refresh of the directory on, slice by slice.
 *
 * Delivery: at least once. A duplicate finds the refresh claimed or settled, and changes nothing.
 */
import * as z from "zod";
import type { RefreshService } from "../../shared/devices/refresh/work.ts";
import { TenantId } from "../../shared/kernel/values.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue, type Tools } from "../define.ts";

type Needs = { readonly refreshes: RefreshService };

/** The message that carries a refresh on. */
const RefreshMessage = z.strictObject({ tenantId: TenantId, refreshId: z.string().min(1) });

export const refreshDevicesFunction = onQueue({
  name: queueNames.devicesRefresh,
  message: RefreshMessage,
  async handle(message, { services, log }: Tools<Needs>) {
    const { state, ...outcome } = await services.refreshes.work(message);
    log("refresh.work", { ...message, state });
    return outcome;
  },
});
