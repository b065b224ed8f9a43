/**
 * Runs over the engine and Azurite, with actions and a far side of the test's own: it remembers what each device was told,
 * and does to it what the test says.
 */
import { randomUUID } from "node:crypto";
import type { Device } from "../../../../shared/devices/directory/device.ts";
import { systemClock } from "../../../../shared/kernel/clock.ts";
import { newestFirstId } from "../../../../shared/kernel/values.ts";
import type {
  Step,
  StepFinding,
  StepOutcome,
} from "../../../../shared/provisioning/actions/action-type.ts";
import { DeviceLocks } from "../../../../shared/provisioning/holding/device-lock.ts";
import { runKind } from "../../../../shared/provisioning/kind.ts";
import { type Run, type RunContent, RunJobs } from "../../../../shared/provisioning/run.ts";
import { TemplateContent } from "../../../../shared/provisioning/templates/template.ts";
import type { Maintenance } from "../../../../shared/schedules/maintenance.ts";
import { openStorage } from "../../../../shared/storage/storage.ts";
import { storageConnectionString } from "../../../support/azurite.ts";
import { startEngineRig } from "../../../support/engine-rig.ts";
import { faultTap } from "../../../support/fault-tap.ts";

export const dayMs = 24 * 3_600_000;

/** What the far side does for an action, by device. */
export type Behaviour = (deviceId: string, times: number) => "done" | "fails" | "silent";

const nameOf = (parameters: Readonly<Record<string, unknown>>) => String(parameters["name"]);

/** What is let out by rules is asked about oftener than it is read: a short round saves a test many questions. */
export async function startRunRig(roundMs = 1_000) {
  const faults = faultTap();
  const told = new Map<string, number>();
  const devices = new Map<string, Device>();
  const seen = new Map<string, number>();
  const behaviours = new Map<string, Behaviour>();
  const maintenance: { value: Maintenance } = { value: { windows: [], exclusions: [] } };

  /** `do` is harmless twice, `once` is not; what came of it is read back, device by device. */
  const far = (mayRepeat: boolean): Step => ({
    mayRepeat,
    isFree: false,
    refuse: (device) =>
      device.operatingSystem === "Windows"
        ? undefined
        : { code: "no-route", detail: "not Windows" },
    calls: (asked) => [
      { asked, targetIds: asked.map(({ item }) => item.targetId), perTarget: false },
    ],
    execute: (_tenantId, { asked, targetIds }) =>
      faults.tap("far.tell", () => {
        for (const { item, parameters } of asked.filter((one) =>
          targetIds.includes(one.item.targetId),
        )) {
          const key = `${nameOf(parameters)} ${item.targetId}`;
          told.set(key, (told.get(key) ?? 0) + 1);
        }
        const taken: StepOutcome = { kind: "accepted", requestId: "r-1" };
        return Promise.resolve(new Map(targetIds.map((id) => [id, taken])));
      }),
    readsOf: (asked) => asked.length,
    readBack: (_tenantId, asked) =>
      faults.tap("far.read", () =>
        Promise.resolve(
          new Map(
            asked.map(({ item, parameters }): [string, StepFinding] => {
              const times = told.get(`${nameOf(parameters)} ${item.targetId}`) ?? 0;
              if (times === 0) return [item.targetId, { kind: "nothing", awake: true }];
              const does = behaviours.get(nameOf(parameters))?.(item.targetId, times) ?? "done";
              const found: Record<typeof does, StepFinding> = {
                done: { kind: "ended", event: "finish", output: `${nameOf(parameters)} done` },
                fails: { kind: "ended", event: "fail", code: "broken", detail: "it broke" },
                silent: { kind: "pending", awake: true },
              };
              return [item.targetId, found[does]];
            }),
          ),
        ),
      ),
  });
  const steps: Readonly<Record<string, Step>> = { do: far(true), once: far(false) };

  const connection = { kind: "connectionString", value: storageConnectionString() } as const;
  const { tables } = await openStorage(connection, systemClock);
  const rig = await startEngineRig<Run>(faults, (storage) => {
    const jobs = new RunJobs(storage);
    const kind = runKind({
      clock: systemClock,
      directory: {
        getMany: (_tenantId, ids) =>
          Promise.resolve(
            new Map(
              ids.flatMap((id) => {
                const device = devices.get(id);
                return device === undefined ? [] : [[id, device] as const];
              }),
            ),
          ),
      },
      collections: { reachOf: () => Promise.resolve(undefined) },
      maintenance: { get: () => Promise.resolve(maintenance) },
      locks: new DeviceLocks(storage.tables),
      jobs,
      items: {
        range: (...all) => rig.engine.items.range(...all),
        rowOf: (...all) => rig.engine.items.rowOf(...all),
      },
      lastSeen: (_tenantId, ids) =>
        Promise.resolve(
          new Map(
            ids.flatMap((id) => {
              const at = seen.get(id);
              return at === undefined ? [] : [[id, at] as const];
            }),
          ),
        ),
      targets: (runId) => jobs.targets(runId),
      stepFor: (type) => steps[type],
      gate: {
        kind: "provisioning",
        actionOf: () => "",
        shown: () => ({ summary: "", parameters: {}, target: {} }),
        whole: () => ({}),
        hindrance: () => Promise.resolve(undefined),
      },
      roundMs,
    });
    return { kind, jobs };
  });

  return {
    ...rig,
    tables,
    faults,
    devices,
    seen,
    behaviours,
    maintenance,
    /** How often devices were told to do something, by action. */
    timesOf: (name: string, ids: readonly string[]) =>
      ids.map((id) => told.get(`${name} ${id}`) ?? 0),
    /** Devices that were there a moment ago. */
    fleet(count: number, more: Partial<Device> = {}): string[] {
      const ids = Array.from({ length: count }, () => randomUUID()).toSorted();
      for (const [at, deviceId] of ids.entries())
        devices.set(deviceId, {
          deviceId,
          name: `PC-${at}`,
          operatingSystem: "Windows",
          osVersion: "10.0.26100",
          managementAgent: "mdm",
          complianceState: "compliant",
          lastSyncDateTime: new Date(Date.now()).toISOString(),
          source: "intune",
          ...more,
        });
      return ids;
    },
    /** Writes a run down and begins it. */
    async run(
      deviceIds: readonly string[],
      actions: readonly Record<string, unknown>[],
      {
        content = {},
        ...more
      }: Partial<Omit<Run, "content">> & { content?: Partial<RunContent> } = {},
    ): Promise<Run> {
      const now = Date.now();
      const jobId = newestFirstId(now);
      const template = TemplateContent.parse({
        sections: [
          {
            id: "systemConfiguration",
            actions: actions.map((action, at) => ({
              id: `a${at + 1}`,
              name: `Action ${at + 1}`,
              type: "do",
              parameters: { name: `${jobId}-${at + 1}` },
              ...action,
            })),
          },
        ],
      });
      const run: Run = {
        kind: "provisioning",
        tenantId: "t-runs",
        jobId,
        state: "planning",
        createdAt: now,
        expiresAt: now + 30 * dayMs,
        expected: deviceIds.length,
        frozen: true,
        templateId: "t",
        templateName: "T",
        version: 1,
        hash: "h",
        actions: actions.length,
        guarded: [],
        named: { deviceIds: [...deviceIds], collectionIds: [], rules: [] },
        hidden: 0,
        offline: { mode: "wait", afterMs: dayMs, waitMs: 7 * dayMs },
        windows: { longestRunMs: 3_600_000, cutoffMs: 0, ignored: false },
        cause: "manual",
        lastsMs: 30 * dayMs,
        ...more,
      };
      await (rig.jobs as RunJobs).putContent(jobId, {
        template,
        variables: {},
        devices: {},
        firstSteps: {},
        ...content,
      });
      await rig.jobs.putTargets(jobId, deviceIds);
      await rig.start(run);
      return run;
    },
    async itemsOf({ jobId }: Run) {
      return (await rig.engine.items.range(jobId, "", "~")).flatMap((row) => row.items);
    },
    async read({ tenantId, jobId }: Run): Promise<Run> {
      const stored = await rig.jobs.get(tenantId, jobId);
      return stored?.job ?? Promise.reject(new Error(`no run ${jobId}`));
    },
  };
}
