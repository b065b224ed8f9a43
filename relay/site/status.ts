/** What became of a batch, as far as the site can tell by now. */

import type { Batch, Outcome, Work } from "../base/claim.ts";
import type { SiteReader } from "./admin-service.ts";
import { outcomeOf } from "./outcomes.ts";

type Site = Pick<SiteReader, "status" | "scriptExitCode" | "pivotResult">;

/**
 * Reads the outcome of an operation; undefined while it is worth waiting. `final`: its time is over, so that
 * an answer is given in any case.
 */
export async function statusOf(
  site: Site,
  { operationType }: Pick<Work, "operationType">,
  { targets }: Pick<Batch, "targets">,
  operationId: number,
  final: boolean,
): Promise<Outcome | undefined> {
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
