/** What the API says about runs. */
import * as z from "zod";
import { PersonView } from "../access/approvals/approval.ts";
import { Rule } from "../devices/collections/collection.ts";
import { shownJobStates } from "../fanout/state/job.ts";
import { Rollout } from "../fanout/state/rollout.ts";
import { durationMs, toIso } from "../kernel/clock.ts";
import { Line, Prose } from "../kernel/outside-text.ts";
import { DeviceId, OwnId, TenantId } from "../kernel/values.ts";
import { type Restarted, restartModes } from "./restart/plan-restart.ts";
import { buckets, causes, offlineModes } from "./run.ts";
import { ActionId, type PlacedAction, sectionIds } from "./templates/template.ts";

const RunId = z
  .string()
  .regex(/^[0-9a-z]{22}$/, "is not a run id")
  .describe("Id of a run");

/** Paths. */
export const RunPath = z.strictObject({ tenantId: TenantId, runId: RunId });
export const DeviceRunPath = RunPath.extend({ deviceId: DeviceId });
export const OutputPath = DeviceRunPath.extend({ outputId: z.string().regex(/^[0-9a-f]{32}$/) });

const maxDevices = 10_000;
const maxCollections = 50;
const maxRules = 10;
const dayMs = 24 * 3600 * 1000;

const durationUpTo = (days: number) =>
  z
    .string()
    .max(40)
    .refine((text) => {
      const ms = durationMs(text);
      return ms !== undefined && ms <= days * dayMs;
    }, `must be an ISO 8601 duration up to P${days}D, such as PT4H`)
    .meta({ format: "duration" });

/** Devices of a run, by any of these ways together; each once. */
const RunTargets = z
  .strictObject({
    deviceIds: z.array(DeviceId).max(maxDevices).default([]),
    collectionIds: z.array(OwnId).max(maxCollections).default([]),
    rules: z.array(Rule).max(maxRules).default([]).describe("As a collection's rule"),
  })
  .refine(
    ({ deviceIds, collectionIds, rules }) =>
      deviceIds.length + collectionIds.length + rules.length > 0,
    { error: "names no device, no collection and no rule" },
  );

const shape = {
  templateId: OwnId,
  version: z.int().min(1).optional().describe("Absent: the newest"),
  targets: RunTargets.describe("Rules and collections are looked up when the run begins"),
  offline: z
    .strictObject({
      mode: z
        .enum(offlineModes)
        .default("wait")
        .describe("What becomes of devices that were not seen for as long as `after`"),
      after: durationUpTo(60).default("P1D"),
      expiresAfter: durationUpTo(60)
        .default("P7D")
        .describe("How long such a device is waited for"),
    })
    .prefault({}),
  windows: z
    .strictObject({
      longestRun: durationUpTo(30).default("PT1H").describe("What has to fit into a window"),
      cutoff: durationUpTo(1).default("PT0S"),
      ignored: z.boolean().default(false).describe("Begin whatever windows say"),
    })
    .prefault({}),
  expiresAfter: durationUpTo(60)
    .refine((text) => (durationMs(text) ?? 0) > 0, "must be longer than nothing")
    .default("P30D")
    .describe("When what has not ended is given up"),
  rollout: Rollout.optional().describe("How it is let out; absent: all at once, at the pace"),
  note: Prose.trim().max(1000).optional(),
};

/** Body of a new run. */
export const NewRun = z.strictObject(shape);
export type NewRun = z.output<typeof NewRun>;

const count = z.int().min(0);
const names = z.object({ en: z.string(), fr: z.string() });
const verdict = z
  .object({ id: z.enum(["success", "failed"]), name: names })
  .describe("Succès or Échec; absent until it is known");

const Buckets = z.object({
  pending: count,
  active: count,
  successful: count,
  failed: count,
  notAttempted: count,
});

/** A run. */
export const RunView = z
  .object({
    runId: z.string(),
    tenantId: z.string(),
    state: z.enum(shownJobStates),
    final: z.boolean().describe("It has ended"),
    verdict: verdict.optional(),
    says: z.string().optional().describe("What people should know of how it stands"),
    template: z.object({
      templateId: z.string(),
      name: z.string(),
      version: z.int(),
      hash: z.string(),
    }),
    actions: count,
    cause: z.enum(causes),
    parentRunId: z.string().optional(),
    taskId: z.string().optional(),
    targets: z.record(z.string(), z.unknown()).describe("As they were named"),
    hidden: count.describe(
      "The tenant's devices that whoever asked does not reach, whatever was looked for",
    ),
    note: z.string().optional(),
    requestedBy: PersonView.optional(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    failure: z.object({ code: z.string(), detail: z.string() }).optional(),
    total: count,
    buckets: Buckets.describe("They add up to the total at every moment"),
    latest: z
      .object({ runs: z.array(z.string()), buckets: Buckets, verdict: verdict.optional() })
      .optional()
      .describe("Where devices were restarted: all of them, each by its latest run"),
    rollout: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "ProvisioningRun" });
export type RunView = z.output<typeof RunView>;

const ActionRef = z.object({
  id: z.string(),
  name: z.string(),
  section: z.enum(sectionIds),
  type: z.string(),
});

/** Where a device is. */
export const DeviceRunView = z
  .object({
    deviceId: z.string(),
    deviceName: z.string(),
    bucket: z.enum(buckets),
    state: z.string(),
    verdict: verdict.optional(),
    done: count.describe("Actions that are behind it"),
    of: count,
    progress: z.string().describe("Changes only between actions: 3 of 7, next: Install agent"),
    current: ActionRef.optional().describe("The action that it is at, or failed at"),
    warnings: count.describe("Optional actions that failed"),
    at: z.iso.datetime(),
    waits: z
      .object({ why: z.string(), detail: z.string(), until: z.iso.datetime().optional() })
      .optional()
      .describe("Why it does not go on right now"),
    code: z.string().optional(),
    detail: z.string().optional(),
  })
  .meta({ id: "DeviceRun" });
export type DeviceRunView = z.output<typeof DeviceRunView>;

/** An attempt at an action. */
export const AttemptView = z
  .object({
    runId: z.string(),
    deviceId: z.string(),
    section: z.string(),
    actionId: z.string(),
    action: z.string(),
    type: z.string(),
    attempt: count.describe("0: it was never tried"),
    startedAt: z.iso.datetime().optional(),
    endedAt: z.iso.datetime(),
    result: z
      .enum([
        "succeeded",
        "failed",
        "failedOptional",
        "skipped",
        "again",
        "cancelled",
        "expired",
        "unknown",
      ])
      .describe("again: it was tried once more; failedOptional: a warning, and the next followed"),
    verdict: verdict.optional(),
    code: z.string().optional(),
    detail: z.string().optional(),
    output: z
      .string()
      .optional()
      .describe("What it said; of more than 300 characters the beginning"),
    outputId: z.string().optional().describe("Where all of it is, then"),
    route: z.string(),
    graphRequestId: z.string().optional(),
    inherited: z.boolean().optional().describe("Of a run before, whose restart goes on behind it"),
  })
  .meta({ id: "ActionAttempt" });
export type AttemptView = z.output<typeof AttemptView>;

/** All that an action said on a device. */
export const OutputView = z
  .object({ deviceId: z.string(), outputId: z.string(), output: z.string() })
  .meta({ id: "ActionOutput" });

/** A device's place in a run, with everything that was tried. */
export const DeviceRunDetail = DeviceRunView.extend({
  actions: z
    .array(ActionRef.extend({ required: z.boolean() }))
    .describe("All of the template's, in their order, tried or not"),
  attempts: z.array(AttemptView),
}).meta({ id: "DeviceRunDetail" });

/** What a run would do. */
export const RunPreview = z
  .object({
    total: count,
    hidden: count,
    template: z.object({ templateId: z.string(), name: z.string(), version: z.int() }),
    actions: z.array(
      ActionRef.extend({
        required: z.boolean(),
        graphRequests: count,
        refused: z.array(z.object({ code: z.string(), detail: z.string(), devices: count })),
      }),
    ),
    looked: count.describe("Devices that were looked at one by one; refusals are among them"),
    beginsAt: z.array(
      z.object({ at: z.iso.datetime().optional(), why: z.string(), devices: count }),
    ),
    expectedSeconds: count.describe("If devices answer when they are read back first"),
    longestSeconds: count.describe("If every action takes all of its time"),
  })
  .meta({ id: "ProvisioningPreview" });

const mostWaived = 100;

/** Body of a restart: the same twice, the second time with the token of the first answer. */
export const RestartBody = z
  .strictObject({
    mode: z
      .enum(restartModes)
      .describe(
        "The whole template; from the last failed required action on; or from `actionId` on, in system migration and system configuration only",
      ),
    actionId: ActionId.optional().describe("Of mode fromAction"),
    include: z
      .array(z.enum(["failed", "notAttempted"]))
      .min(1)
      .max(2)
      .default(["failed"])
      .describe("Which devices, where none are named"),
    deviceIds: z.array(DeviceId).min(1).max(maxDevices).optional(),
    waive: z
      .array(z.strictObject({ actionId: ActionId, reason: Line.trim().min(1).max(500) }))
      .max(mostWaived)
      .default([])
      .describe("Required actions that need not have succeeded, each with the reason"),
    token: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "is not a token of an offer")
      .optional()
      .describe("Of the offer: starts it"),
  })
  .refine(({ mode, actionId }) => (mode === "fromAction") === (actionId !== undefined), {
    error: "goes with the mode fromAction, and that mode with it",
    path: ["actionId"],
  });

const DeviceRef = z.object({ deviceId: z.string(), deviceName: z.string() });

/** What a restart would do. */
export const RestartOffer = z
  .object({
    token: z.string().describe("Send the same body with it to start this, before it expires"),
    expiresAt: z.iso.datetime(),
    template: z.object({ templateId: z.string(), name: z.string(), version: z.int() }),
    total: count.describe("Devices that would be restarted"),
    mayHaveHappened: z
      .array(
        z.object({
          action: ActionRef,
          devices: count,
          some: z.array(DeviceRef).describe("The first hundred of them"),
        }),
      )
      .describe(
        "Actions that would be done again, and of which nobody can tell whether they were done: look before you agree",
      ),
    starts: z.array(
      z.object({
        from: ActionRef.describe("The action that they begin at"),
        devices: count,
        some: z.array(DeviceRef).describe("The first hundred of them"),
        inherited: z
          .array(ActionRef)
          .describe("Actions of before that stand, and are not done again"),
      }),
    ),
  })
  .meta({ id: "RestartOffer" });

/** A restart that could be started. */
export type Offer = {
  readonly token: string;
  readonly expiresAt: number;
  readonly version: {
    readonly templateId: string;
    readonly name: string;
    readonly version: number;
  };
  readonly devices: readonly Restarted[];
  /** The actions of the run, of which each device inherits those before its first. */
  readonly actions: readonly PlacedAction[];
};

/** The view of an offer. */
export function restartOfferView({
  token,
  expiresAt,
  version,
  devices,
  actions,
}: Offer): z.output<typeof RestartOffer> {
  const { templateId, name } = version;
  const byStep = [...Map.groupBy(devices, ({ step }) => step)].toSorted(([a], [b]) => a - b);
  const again = devices.flatMap((device) =>
    (device.doubtful ?? []).flatMap((at) => (at < device.step ? [] : [{ at, device }])),
  );
  const inDoubt = [...Map.groupBy(again, ({ at }) => at)].toSorted(([a], [b]) => a - b);
  return {
    token,
    expiresAt: toIso(expiresAt),
    template: { templateId, name, version: version.version },
    total: devices.length,
    mayHaveHappened: inDoubt.map(([step, some]) => ({
      action: actionRef(actions[step]),
      devices: some.length,
      some: firstOf(some.map(({ device }) => device)),
    })),
    starts: byStep.map(([step, some]) => ({
      from: actionRef(actions[step]),
      devices: some.length,
      some: firstOf(some),
      inherited: actions.slice(0, step).map(actionRef),
    })),
  };
}

const mostShown = 100;
const firstOf = (devices: readonly Restarted[]) =>
  devices.slice(0, mostShown).map(({ deviceId, name: deviceName }) => ({ deviceId, deviceName }));

/** An action as answers name it. */
export const actionRef = (placed: PlacedAction | undefined): z.output<typeof ActionRef> => {
  if (placed === undefined) throw new Error("a step is no action of its template");
  const { section, action } = placed;
  return { id: action.id, name: action.name, section, type: action.type };
};
