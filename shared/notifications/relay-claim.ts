/**
 * Claims for the relay of a site.
 *
 * A claim is made by one conditional write over the rows, and every delivery keeps its claim's id. Whoever
 * asks again before the relay has reported gets the same claim under the same id, so that the relay's own
 * journal knows it and nothing is started twice.
 */
import { findAction } from "../devices/catalogue.ts";
import { toIso } from "../kernel/clock.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { changeRowsOnce } from "./change-rows.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import type { Step } from "./delivery.ts";
import { dueAfterPass } from "./due.ts";
import { finishIfDone } from "./finish.ts";
import { deliveriesIn, type Job } from "./job.ts";
import { leaversOf } from "./leavers.ts";
import { newClaimId, operationMarkOf } from "./relay-claim-id.ts";
import { type ClaimDecision, decideClaim } from "./relay-claiming.ts";
import type { ClaimRequest, ClaimView } from "./relay-contract.ts";
import { byRelay } from "./relay-way.ts";

/** Most rows that one claim touches; a unit of planning has no more. */
const maxRows = 8;
const maxTries = 5;

/** A site of a tenant. */
export type SiteIds = { readonly tenantId: string; readonly siteCode: string };

/** Claims what waits for a site in some rows; undefined when nothing does. */
export async function claimForSite(
  deps: DeliverDeps,
  { tenantId, siteCode }: SiteIds,
  { notificationId, from, to, mark: lastOperation }: Omit<ClaimRequest, "relayId">,
): Promise<Result<ClaimView | undefined>> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const stored = await deps.notifications.get(tenantId, notificationId);
    const action = stored && findAction(stored.notification.actionId);
    if (!stored || !action?.operation) return succeed(undefined);
    const page = await deps.deliveries.page(notificationId, { from, top: maxRows });
    const rows = page.filter(({ lastDeviceId }) => lastDeviceId <= to);
    const job = { action, notification: stored.notification, rows };
    const decision = await decide(deps, job, siteCode);
    const claimId = decision.before?.claimId ?? newClaimId(deps.clock.now(), lastOperation);
    if (!(await mark(deps, job, decision, claimId))) continue;
    const claim = viewOf(job, decision, claimId, action.operation.type);
    if (claim === undefined) await finishIfDone(deps, tenantId, notificationId);
    return succeed(claim);
  }
  return fail("conflict", "The deliveries keep changing; ask again.", { retryAfterSeconds: 2 });
}

async function decide(deps: DeliverDeps, job: Job, siteCode: string): Promise<ClaimDecision> {
  const { action, notification } = job;
  const deliveries = deliveriesIn(job.rows).filter((delivery) => byRelay(action, delivery));
  const open = deliveries.filter(({ state }) => state === "waiting" || state === "claimed");
  const ids = open.map(({ deviceId }) => deviceId);
  const devices = await deps.directory.getMany(notification.tenantId, ids);
  const leavers = await leaversOf(deps, job);
  const now = deps.clock.now();
  return decideClaim({ action, notification, siteCode, deliveries: open, devices, leavers, now });
}

/** Writes a decision down; false when somebody else changed the rows meanwhile. */
async function mark(
  deps: DeliverDeps,
  { action, notification, rows }: Job,
  { settle, take }: ClaimDecision,
  claimId: string,
): Promise<boolean> {
  const now = deps.clock.now();
  const steps = new Map<string, Step>(settle);
  for (const { deviceId } of take)
    steps.set(deviceId, { event: "claim", details: { markedAt: now, claim: claimId } });
  if (steps.size === 0) return true;
  const marked = await changeRowsOnce(deps.deliveries, rows, {
    notificationId: notification.notificationId,
    steps,
    now,
    dueAt: (deliveries) => dueAfterPass(deps, { action, notification }, deliveries, now),
  });
  return marked !== undefined;
}

function viewOf(
  { notification }: Job,
  { before, take, more }: ClaimDecision,
  claimId: string,
  operationType: number,
): ClaimView | undefined {
  const devices = before?.devices ?? take;
  if (devices.length === 0) return undefined;
  return {
    claimId,
    mark: operationMarkOf(claimId),
    again: before !== undefined,
    notificationId: notification.notificationId,
    action: notification.actionId,
    operationType,
    parameters: { ...notification.parameters },
    expiresAt: toIso(notification.expiresAt),
    devices: [...devices],
    more,
  };
}
