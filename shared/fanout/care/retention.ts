/** Deletes what belongs to jobs that are old, or whose tenant was removed. */
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { invertedTime } from "../../kernel/values.ts";
import { tableNames } from "../../storage/names.ts";
import { deleteRange, type Tables } from "../../storage/tables.ts";
import { isOpen, type JobStore } from "../state/job.ts";

/** Jobs of one kind, and the tables that their items are in. */
type Kept = { readonly jobs: JobStore; readonly tables: Tables };

const perPage = 100;
const jobsAtOnce = 4;

/** Deletes jobs with their items and lists while `mayGoOn`: everything else first, and last the rows that find it. */
async function deleteJobs(
  { jobs, tables }: Kept,
  tenantId: string,
  jobIds: readonly string[],
  mayGoOn: () => boolean,
): Promise<number> {
  const gone = await inParallel(jobIds, jobsAtOnce, async (jobId) => {
    await jobs.close(jobId);
    await jobs.removeTargets(jobId);
    return deleteRange(tables, tableNames.items, { partition: jobId }, mayGoOn);
  });
  const cleared = jobIds.filter((_, at) => gone[at]);
  await jobs.remove(tenantId, cleared);
  return cleared.length;
}

/**
 * Deletes a tenant's jobs that were asked for before `before` and have ended; answers how many. Ids sort by time, so
 * that only what is old is read.
 */
export async function expireJobs(
  kept: Kept,
  tenantId: string,
  before: Instant,
  mayGoOn: () => boolean,
): Promise<number> {
  const from = invertedTime(before);
  let expired = 0;
  let token: string | undefined;
  do {
    const { ids, next } = await kept.jobs.ids(tenantId, { from, top: perPage, token });
    const ended = ids.filter((job) => !isOpen(job)).map(({ jobId }) => jobId);
    expired += await deleteJobs(kept, tenantId, ended, mayGoOn);
    token = next;
  } while (token !== undefined && mayGoOn());
  return expired;
}

/** Deletes all jobs of a removed tenant while `mayGoOn`; true when none is left. */
export async function purgeJobs(
  kept: Kept,
  tenantId: string,
  mayGoOn: () => boolean,
): Promise<boolean> {
  let token: string | undefined;
  for (;;) {
    const { ids, next } = await kept.jobs.ids(tenantId, { top: perPage, token });
    if (ids.length === 0 && next === undefined) return true;
    const jobIds = ids.map(({ jobId }) => jobId);
    const deleted = await deleteJobs(kept, tenantId, jobIds, mayGoOn);
    if (deleted < jobIds.length || !mayGoOn()) return false;
    token = next;
  }
}
