/** What Muster has to hear about a claim's batches, in reports of a size that it takes. Pure. */
import type { Batch, BatchState, Claim, Outcome } from "./claim.ts";
import type { Result } from "./muster.ts";

/** Devices in one report. */
const maxResults = 500;

/** What Muster has to hear of a batch. */
function newsOf({ state }: Batch): { outcome: Outcome; told: BatchState } | undefined {
  if (state.kind === "settled") return { outcome: state.outcome, told: { kind: "reported" } };
  if (state.kind !== "started" || state.told) return undefined;
  return { outcome: { outcome: "accepted" }, told: { ...state, told: true } };
}

/** News of one batch, and its state once Muster has them. */
export type News = {
  readonly nth: number;
  readonly told: BatchState;
  readonly results: readonly Result[];
};

/** News in groups of at most a report's size. */
export function newsGroups({ batches }: Claim): News[][] {
  const groups: News[][] = [];
  let devices = 0;
  for (const [nth, batch] of batches.entries()) {
    const news = newsOf(batch);
    if (news === undefined) continue;
    const results = batch.targets.map(({ deviceId }) => ({ deviceId, ...news.outcome }));
    const group = groups.at(-1);
    const fits = group !== undefined && devices + results.length <= maxResults;
    devices = fits ? devices + results.length : results.length;
    const item = { nth, told: news.told, results };
    if (fits) group.push(item);
    else groups.push([item]);
  }
  return groups;
}

/** Devices whose news Muster does not have yet. */
export const untold = ({ batches }: Claim): number =>
  batches.reduce((sum, batch) => sum + (newsOf(batch) ? batch.targets.length : 0), 0);
