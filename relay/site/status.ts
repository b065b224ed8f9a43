/** What became of a batch, as far as the site can tell by now. */

import type { Batch, Outcome, Work } from "../base/claim.ts";
import type { SiteReader } from "./admin-service.ts";
import { outcomeOf } from "./outcomes.ts";

type Site = Pick<SiteReader, "status" | "scriptExitCode" | "pivotResult" | "hasClient">;

/**
 * Reads the outcome of an operation; undefined while it is worth waiting. `final`: its time is over, so that
 * an answer is given in any case.
 */
export async function statusOf(
  site: Site,
  work: Pick<Work, "operationType">,
  { targets }: Pick<Batch, "targets">,
  operationId: number | undefined,
  final: boolean,
): Promise<Outcome | undefined> {
  const { operationType } = work;
  if (operationType === undefined || operationId === undefined)
    return pushStatus(site, targets[0]?.resourceId ?? 0, final);
  const own = await ownResult(site, operationType, operationId, targets[0]?.resourceId ?? 0);
  if (own !== undefined) return own;
  const perDevice = operationType === scriptType || operationType === pivotType;
  // For these, the device's own answer is what counts; the counts only explain its absence.
  if (perDevice && !final) return undefined;
  const counts = await site.status(operationId);
  if (counts !== undefined) return outcomeOf(counts, targets.length, final || counts.expired);
  return final
    ? { outcome: "unknown", code: "operation-gone", detail: "the site no longer has the operation" }
    : undefined;
}

/**
 * What became of a client push: nothing tells but the client itself, once it has reported to the site. The site tries
 * again for days where it fails, so the end of our time is not the end of the request.
 */
async function pushStatus(
  site: Site,
  resourceId: number,
  final: boolean,
): Promise<Outcome | undefined> {
  if (await site.hasClient(resourceId))
    return { outcome: "done", detail: "the site lists a client on it now" };
  return final ? notYetInstalled : undefined;
}

const notYetInstalled: Outcome = {
  outcome: "unknown",
  code: "no-client-yet",
  detail: "the site wrote the client push request and lists no client yet; it may still be trying",
};

const scriptType = 135;
const pivotType = 145;

/** The device's own answer to a script or a query. */
async function ownResult(
  site: Site,
  type: number,
  operationId: number,
  resourceId: number,
): Promise<Outcome | undefined> {
  if (type === scriptType) {
    const exitCode = await site.scriptExitCode(operationId, resourceId);
    if (exitCode === undefined) return undefined;
    return exitCode === 0
      ? { outcome: "done" }
      : { outcome: "failed", code: "script-failed", detail: `the script ended with ${exitCode}` };
  }
  if (type !== pivotType) return undefined;
  const result = await site.pivotResult(operationId, resourceId);
  if (result === "none") return undefined;
  return result === "done" ? { outcome: "done" } : { outcome: "failed", code: "query-failed" };
}
