import { expect, test } from "vitest";
import type { Standing } from "../../../shared/access/roles/decide.ts";
import { builtInRoles } from "../../../shared/access/roles/roles.ts";
import { bootstrapCaller, principalOf } from "../../../shared/access/sign-in/caller.ts";
import { succeed } from "../../../shared/kernel/failure.ts";
import { runStarter, ScheduledRun } from "../../../shared/provisioning/scheduled.ts";

const tenantId = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
const standingOf = (roleId: string): Standing => ({
  caller: bootstrapCaller,
  assignments: [
    {
      assignmentId: "a",
      principal: principalOf(bootstrapCaller),
      roleId,
      scope: { kind: "everything" },
      note: "",
      createdAt: "2026-01-01T00:00:00Z",
      createdBy: principalOf(bootstrapCaller),
    },
  ] as unknown as Standing["assignments"],
  roles: new Map(builtInRoles.map((role) => [role.roleId, role])),
});

/** Begins a task's run for an owner of that role; answers what was begun, and what was said. */
async function begun(roleId: string, what: Record<string, unknown>) {
  const runs: (readonly [string, string, ScheduledRun])[] = [];
  const starter = runStarter(
    {
      begin: async (_, runId, run, { taskId }) => {
        runs.push([runId, taskId, run]);
        return succeed(run);
      },
      stateOf: async () => "none",
      resultOf: async () => undefined,
      preview: async (_, wanted) => succeed(wanted),
    },
    { standingOf: async () => standingOf(roleId) },
  );
  const answer = await starter.start(tenantId, "r1", {
    taskId: "k1",
    what,
    owner: bootstrapCaller,
    windows: [],
    longestRunMs: 0,
    cutoffMs: 0,
  });
  return { runs, code: answer.ok ? undefined : answer.failure.code };
}
const run = { templateId: "t1", version: 2, targets: { deviceIds: [tenantId] } };

test("a task begins the version and the targets that it names, for itself, under its run's id", async () => {
  expect(await begun("osDeploymentManager", run)).toEqual({
    runs: [["r1", "k1", ScheduledRun.parse(run)]],
    code: undefined,
  });
});

test("nothing is begun for an owner who may begin no runs any more", async () => {
  expect(await begun("readOnlyAnalyst", run)).toEqual({ runs: [], code: "forbidden" });
});

test("nothing is begun of a task that cannot be read any more", async () => {
  const what = { ...run, version: "newest" };
  expect(await begun("osDeploymentManager", what)).toEqual({ runs: [], code: "invalid-request" });
});
