/** Runs that a task begins: of the very version that it names, with what its owner may do at that moment. */
import * as z from "zod";
import { decide, type Limits, refusalOf, type Standing } from "../access/roles/decide.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { Rule } from "../devices/collections/collection.ts";
import { invalidRequest } from "../http/body.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { DeviceId, OwnId } from "../kernel/values.ts";
import type { TaskStarter } from "../schedules/run-tasks.ts";

const Targets = z
  .strictObject({
    deviceIds: z.array(DeviceId).max(10_000).default([]),
    collectionIds: z.array(OwnId).max(50).default([]),
    rules: z.array(Rule).max(10).default([]).describe("As a collection's rule"),
  })
  .refine(
    ({ deviceIds, collectionIds, rules }) =>
      deviceIds.length + collectionIds.length + rules.length > 0,
    { error: "names no device, no collection and no rule" },
  );

/** A run as a task begins it; without targets the task waits for them. */
export const ScheduledRun = z.strictObject({
  templateId: OwnId,
  version: z.int().min(1),
  targets: Targets.optional().describe("Found when the run begins"),
});
export type ScheduledRun = z.output<typeof ScheduledRun>;

/** What begins runs, and looks at them. */
type Runs = {
  readonly begin: (
    tenantId: string,
    runId: string,
    run: ScheduledRun,
    owner: Caller,
  ) => Promise<Result<unknown>>;
  readonly stateOf: TaskStarter["stateOf"];
};

function authorize(standing: Standing, tenantId: string): Result<Limits> {
  const permission = "provisioning.run";
  const answer = decide(standing, permission, { kind: "tenant", tenantId });
  return answer.allowed ? succeed(answer.limits) : refusalOf({ step: answer.step, permission });
}

/** How tasks begin runs. */
export const runStarter = (
  { begin, stateOf }: Runs,
  { standingOf }: { readonly standingOf: (caller: Caller) => Promise<Standing> },
): TaskStarter => ({
  authorize,
  async start(tenantId, runId, what, owner) {
    const run = ScheduledRun.safeParse(what);
    if (!run.success)
      return invalidRequest([{ pointer: "/provisioning", detail: "cannot be read any more" }]);
    const may = authorize(await standingOf(owner), tenantId);
    return may.ok ? begin(tenantId, runId, run.data, owner) : may;
  },
  stateOf,
});
