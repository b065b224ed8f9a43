/** A 429 on reads is for every reader of the tenant. */
import type { Look } from "../devices/look.ts";
import type { DeliverDeps } from "./deliver-deps.ts";

/** Keeps everybody's reads back for as long as Graph asked for, where the tenant has a pace at all. */
export async function obeyReads(
  { paces, tenants, clock }: Pick<DeliverDeps, "paces" | "tenants" | "clock">,
  tenantId: string,
  looks: ReadonlyMap<string, Look>,
): Promise<void> {
  let waitMs = 0;
  for (const look of looks.values())
    if (look.kind === "later") waitMs = Math.max(waitMs, look.afterMs ?? 0);
  if (waitMs === 0 || (await tenants.get(tenantId))?.pace.deviceReads === "unlimited") return;
  const now = clock.now();
  await paces.defer(tenantId, "deviceReads", now + waitMs, now);
}
