/**
 * Which of its targets a task is for at a time: all of them, or those that its runs so far have left undone. Restarts are
 * runs of the task as well, and the newest run that had a device says how it stands.
 */
import type { ItemStore } from "../fanout/state/item-store.ts";
import { type Bucket, bucketOf, type RunJobs } from "./run.ts";

/** What a task may be for. */
export const choices = ["all", "notSucceeded", "failed", "notAttempted"] as const;
export type Choice = (typeof choices)[number];

/** Whoever a run still has is left to it. */
const wanted: Readonly<Record<Exclude<Choice, "all">, ReadonlySet<Bucket>>> = {
  notSucceeded: new Set(["failed", "notAttempted"]),
  failed: new Set(["failed"]),
  notAttempted: new Set(["notAttempted"]),
};

type Parts = { readonly jobs: Pick<RunJobs, "list">; readonly items: Pick<ItemStore, "scan"> };

const runsPerRead = 100;
const rowsPerRead = 200;
/** Runs of a tenant that are looked through: what is older counts as never attempted, as does what retention took. */
const mostReads = 50;

/** Those of some devices that a choice is for; one that no run of the task has had was not attempted. A task that is not kept yet has had none. */
export async function chosenOf(
  { jobs, items }: Parts,
  { tenantId, taskId }: { readonly tenantId: string; readonly taskId: string | undefined },
  choice: Choice,
  deviceIds: readonly string[],
): Promise<readonly string[]> {
  if (choice === "all") return deviceIds;
  const open = new Set(deviceIds);
  const left = new Set<string>();
  const places = taskId === undefined ? [] : placesOf({ jobs, items }, tenantId, taskId);
  for await (const [id, bucket] of places) {
    if (open.delete(id) && wanted[choice].has(bucket)) left.add(id);
    if (open.size === 0) break;
  }
  return deviceIds.filter((id) => left.has(id) || (open.has(id) && choice !== "failed"));
}

/** Where devices are in the runs of a task, the newest run first. */
async function* placesOf({ jobs, items }: Parts, tenantId: string, taskId: string) {
  let token: string | undefined;
  for (let reads = 0; reads < mostReads; reads += 1) {
    const page: Awaited<ReturnType<RunJobs["list"]>> = await jobs.list(
      tenantId,
      runsPerRead,
      token,
    );
    for (const run of page.jobs) if (run.taskId === taskId) yield* placesIn(items, run.jobId);
    token = page.next;
    if (token === undefined) return;
  }
}

async function* placesIn(items: Parts["items"], runId: string) {
  let token: string | undefined;
  do {
    const wide = { top: rowsPerRead };
    const page: Awaited<ReturnType<ItemStore["scan"]>> = await items.scan(runId, wide, token);
    for (const row of page.rows)
      for (const item of row.items) yield [item.targetId, bucketOf(item)] as const;
    token = page.next;
  } while (token !== undefined);
}
