/** Checks waiting devices against the target's rule once more, before an action leaves. */
import { matches } from "../devices/rule.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { deliveriesIn, type Job } from "./job.ts";

/**
 * Devices that waited and that the rule no longer finds. Nothing is read unless the directory was
 * refreshed since the notification was made: the same rows would give the same answer.
 */
export async function leaversOf(
  { directory }: DeliverDeps,
  { notification, rows }: Job,
): Promise<ReadonlySet<string>> {
  const { target, tenantId, createdAt, directoryVersion } = notification;
  const isRuled = target.kind === "collection" || target.kind === "retry";
  if (!isRuled || target.rule === undefined) return new Set();
  const meta = await directory.meta(tenantId);
  if (meta?.refreshId === directoryVersion) return new Set();
  const waiting = deliveriesIn(rows).filter(({ state }) => state === "waiting");
  const ids = waiting.map(({ deviceId }) => deviceId);
  const devices = await directory.getMany(tenantId, ids);
  const { rule } = target;
  return new Set(
    ids.filter((id) => {
      const device = devices.get(id);
      return device === undefined || !matches(rule, device, createdAt);
    }),
  );
}
