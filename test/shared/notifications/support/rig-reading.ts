/** What tests of the whole job ask a rig: every delivery, the pace, rows as an operator sees them. */

import { itemsIn } from "../../../../shared/fanout/engine/change-rows.ts";
import type { StoredItemRow } from "../../../../shared/fanout/state/item-store.ts";
import type { DeliveryView } from "../../../../shared/notifications/contract.ts";
import { allDeliveries } from "../../../../shared/notifications/list-deliveries.ts";
import type { NotifyRig } from "../../../support/notify-rig.ts";

/** Every delivery of a notification, as the API shows it. */
export async function deliveriesOf(
  { services }: NotifyRig,
  tenantId: string,
  notificationId: string,
): Promise<DeliveryView[]> {
  const found: DeliveryView[] = [];
  for await (const each of allDeliveries(services.notify, { tenantId, notificationId }))
    found.push(each);
  return found;
}

/** How many deliveries there are of each state and reason. */
export async function tally(
  rig: NotifyRig,
  tenantId: string,
  notificationId: string,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { state, code } of await deliveriesOf(rig, tenantId, notificationId)) {
    const name = code === undefined ? state : `${state} ${code}`;
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
}

/** All rows of a notification as they stand. */
export const rowsOf = ({ services }: NotifyRig, notificationId: string): Promise<StoredItemRow[]> =>
  services.engine.items.range(notificationId, "", "g");

/** All deliveries of a notification as they stand, claims included. */
export const packedOf = async (rig: NotifyRig, notificationId: string) =>
  itemsIn(await rowsOf(rig, notificationId));

/** Sets the tenant's pace, in requests per 20 seconds; before its first notification, which remembers it. */
export async function setPace(
  { services }: NotifyRig,
  tenantId: string,
  deviceActions: number,
  deviceReads: number | "unlimited" = "unlimited",
): Promise<void> {
  const pace = { deviceActions, deviceReads };
  const changed = await services.tenants.change(tenantId, { pace }, undefined);
  if (!changed.ok) throw new Error(changed.failure.detail);
}

/** The lines of the sandbox's ledger about a tenant. */
export async function effectsOn(
  { sandbox }: NotifyRig,
  tenantId: string,
): Promise<{ deviceId: string; action: string; time: string }[]> {
  const response = await fetch(`${sandbox.url}/_sandbox/ledger?tenantId=${tenantId}`);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  return lines.map(
    (line) => JSON.parse(line) as { deviceId: string; action: string; time: string },
  );
}

/** As an operator would: moves a notification into the past, and its rows with it. */
export async function ageBy(
  { services }: NotifyRig,
  tenantId: string,
  notificationId: string,
  ms: number,
): Promise<void> {
  const { jobs } = services.notify;
  const stored = await jobs.get(tenantId, notificationId);
  if (stored === undefined) throw new Error(`no notification ${notificationId}`);
  const { job, etag } = stored;
  const { createdAt, expiresAt } = job;
  const aged = { ...job, createdAt: createdAt - ms, expiresAt: expiresAt - ms };
  await jobs.replace(aged, etag);
  const { items } = services.engine;
  for (const row of await items.range(notificationId, "", "g"))
    await items.replace(notificationId, [{ ...row, dueAt: row.dueAt - ms }]);
}
