/**
 * Carries a refresh of the directory on, slice by slice.
 *
 * Delivery: at least once. A duplicate finds the refresh claimed or settled, and changes nothing.
 */
import { RefreshMessage } from "../../shared/devices/directory/contract.ts";
import { workOnRefresh } from "../../shared/devices/refresh/slice.ts";
import { queueNames } from "../../shared/storage/names.ts";
import { onQueue } from "../define.ts";

export const refreshDevicesFunction = onQueue({
  name: queueNames.devicesRefresh,
  message: RefreshMessage,
  async handle(message, { services, log }) {
    const { state, ...outcome } = await workOnRefresh(services.refresh, message);
    log("refresh.work", { ...message, state });
    return outcome;
  },
});
