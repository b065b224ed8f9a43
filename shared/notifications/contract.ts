/** What the API and the queues say about notifications. */
import * as z from "zod";
import { PersonView } from "../access/approvals/approval.ts";
import { findAction } from "../devices/actions/catalogue.ts";
import { Rule } from "../devices/collections/collection.ts";
import { countedStates } from "../fanout/state/item.ts";
import { shownJobStates } from "../fanout/state/job.ts";
import { Rollout } from "../fanout/state/rollout.ts";
import { durationMs } from "../kernel/clock.ts";
import { Line, Prose } from "../kernel/outside-text.ts";
import { DeviceId, Guid, OwnId, TenantId } from "../kernel/values.ts";

/** Most ids that one request may name. */
const maxTargetDevices = 10_000;
/** Longest time a notification may stay open: beyond it, nobody waits for the answer. */
const maxExpiryMs = 30 * 24 * 3600 * 1000;

const NotificationId = z
  .string()
  .regex(/^[0-9a-z]{22}$/, "is not a notification id")
  .describe("Id of a notification");

/** Parameters of `runScript`: which script, by the way it is to go. */
export const ScriptParameters = z
  .strictObject({
    remediationScriptId: Guid.optional().describe("Intune remediation (deviceHealthScript)"),
    configMgrScriptId: Guid.optional().describe("Approved ConfigMgr script"),
  })
  .refine((script) => script.remediationScriptId ?? script.configMgrScriptId, {
    error: "name remediationScriptId, configMgrScriptId, or both",
  });

/** Parameters of `startCMPivot`. */
export const QueryParameters = z.strictObject({
  query: Prose.trim().min(1).max(8000).describe("A CMPivot query"),
});

/** More than any action of the catalogue takes. */
const maxParameters = 20;

const expiresAfter = z
  .string()
  .max(40)
  .refine((text) => {
    const ms = durationMs(text);
    return ms !== undefined && ms > 0 && ms <= maxExpiryMs;
  }, "must be an ISO 8601 duration from PT1S to P30D, such as PT24H")
  .meta({ format: "duration" })
  .describe("How long it is worth sending and waiting for answers (ISO 8601 duration)");

const Target = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("devices"),
    deviceIds: z.array(DeviceId).min(1).max(maxTargetDevices),
  }),
  z.strictObject({ kind: z.literal("collection"), collectionId: OwnId }),
  z
    .strictObject({ kind: z.literal("rule"), rule: Rule })
    .describe("All that a rule finds, by the grammar of collections, evaluated as it is sent"),
  z.strictObject({ kind: z.literal("tenant") }),
]);

/** What is said of an action that the catalogue does not have. */
export const unknownActionText = "no such action: GET /api/v1/actions lists them";

/** Body of a new notification. */
export const NewNotification = z
  .strictObject({
    action: Line.min(1).max(100).describe("Id of an action in the catalogue"),
    parameters: z
      .record(z.string().regex(/^[A-Za-z]\w{0,63}$/, "is not the name of a parameter"), z.unknown())
      .refine(
        (given) => Object.keys(given).length <= maxParameters,
        `at most ${maxParameters} parameters`,
      )
      .meta({ maxProperties: maxParameters })
      .optional(),
    target: Target,
    allowApproximate: z
      .boolean()
      .default(false)
      .describe("Use a way that is not quite what the action promises, where no exact one exists"),
    expiresAfter: expiresAfter.optional(),
    rollout: Rollout.optional().describe("How it is let out; absent: all at once, at the pace"),
    note: Prose.trim().max(1000).optional(),
  })
  .refine(({ action }) => findAction(action) !== undefined, {
    path: ["action"],
    message: unknownActionText,
    // By itself it is told later, to those who might send another action.
    when: ({ issues, value }) =>
      issues.length > 0 &&
      issues.every(({ path }) => path?.[0] !== "action") &&
      typeof (value as { action?: unknown } | null)?.action === "string",
  });
export type NewNotification = z.output<typeof NewNotification>;

/** A notification as a task sends it; without a target the task waits for one. */
export const ScheduledNotification = z
  .strictObject({ ...NewNotification.shape, target: Target.optional() })
  .refine(({ action }) => findAction(action) !== undefined, {
    path: ["action"],
    message: unknownActionText,
  });

/** Body of a retry. */
export const RetryRequest = z.strictObject({
  only: z
    .array(z.enum(["failed", "offline", "expired", "unknown", "notSupported", "cancelled"]))
    .min(1)
    .max(20)
    .transform((states) => [...new Set(states)])
    .default(["failed", "offline", "expired", "unknown"])
    .describe("Deliveries in which states get the action again"),
  mayRepeat: z
    .boolean()
    .optional()
    .describe(
      "Needed for unknown deliveries of an action that is not repeatable: it may have been done, and is done again",
    ),
  allowApproximate: z.boolean().optional(),
  expiresAfter: expiresAfter.optional(),
  rollout: Rollout.optional().describe("How it is let out; absent: as the one that is repeated"),
  note: Prose.trim().max(1000).optional(),
});
export type RetryRequest = z.output<typeof RetryRequest>;

const count = z.int().min(0);
/** Deliveries by state; they add up to `total` at every moment. */
const CountsView = z
  .object({
    total: count.describe("While devices are being planned: the expected number"),
    ...(Object.fromEntries(countedStates.map((state) => [state, count])) as Record<
      (typeof countedStates)[number],
      typeof count
    >),
    waiting: count.describe("Not sent yet; devices that are not planned yet among them"),
  })
  .meta({ id: "Counts" });

/** A notification as the API shows it. */
export const NotificationView = z
  .object({
    notificationId: z.string(),
    tenantId: z.string(),
    state: z
      .enum(shownJobStates)
      .describe(
        "At its end the word follows the counts: completed (every device that can do it has done it), partlyCompleted, failed (none has), unknown (none is known to have), nothingToSend (no device can do it)",
      ),
    final: z.boolean().describe("It has ended: wait for this, whatever the state is called then"),
    phase: z
      .enum(["planning", "sending", "confirming"])
      .optional()
      .describe("What is being done now; absent before it begins and after its end"),
    action: z.string(),
    actionName: z.object({ en: z.string(), fr: z.string() }).optional(),
    parameters: z.array(z.string()).describe("Names of the parameters; values are not shown"),
    target: z.record(z.string(), z.unknown()),
    allowApproximate: z.boolean(),
    note: z.string().optional(),
    requestedBy: PersonView.optional().describe("Who sent it"),
    approvedBy: PersonView.optional().describe("The second person, where it took one"),
    retryOf: z.string().optional().describe("The notification whose deliveries this one repeats"),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    failure: z
      .object({ code: z.string(), detail: z.string() })
      .optional()
      .describe("Why it failed as a whole, or was rejected"),
    counts: CountsView.optional().describe("Absent where countsLeftOut says why"),
    countsLeftOut: z
      .string()
      .optional()
      .describe("For callers limited to collections: why nothing is counted here"),
    buckets: z
      .object({
        pending: count,
        active: count,
        successful: count,
        failed: count,
        notAttempted: count,
      })
      .optional()
      .describe("Where everything is now; they add up to the total at every moment"),
    rollout: z.record(z.string(), z.unknown()).optional().describe("How it is let out"),
    progress: z.object({
      planned: z.boolean().describe("All devices of the target are counted"),
      percent: z
        .number()
        .min(0)
        .max(100)
        .optional()
        .describe("Share in a final state, of the devices that it is sent to"),
      expectedEnd: z.iso
        .datetime()
        .optional()
        .describe(
          "When the last answer is read, if devices have answered by the next look at them; about what goes through Graph: what relays carry has no expected end",
        ),
    }),
  })
  .meta({ id: "Notification" });
export type NotificationView = z.output<typeof NotificationView>;
/** One that counts everybody: as callers see it who are not limited to collections. */
export type WholeView = NotificationView & {
  readonly counts: z.output<typeof CountsView>;
  readonly progress: { readonly percent: number };
};

/** One device's delivery as the API shows it. */
export const DeliveryView = z
  .object({
    deviceId: z.string(),
    deviceName: z.string(),
    state: z.enum(countedStates),
    route: z.string().optional(),
    at: z.iso.datetime().describe("When the state was reached"),
    attempts: z.int(),
    code: z.string().optional().describe("Stable name of the reason"),
    detail: z.string().optional(),
  })
  .meta({ id: "Delivery" });
export type DeliveryView = z.output<typeof DeliveryView>;

/** What would happen: the answer to `?dryRun=true`. */
export const DryRunView = z
  .object({
    dryRun: z.literal(true),
    action: z.string(),
    total: count,
    byRoute: z.array(
      z.object({
        route: z.string(),
        fidelity: z.enum(["exact", "approximate"]),
        note: z.string().optional(),
        devices: count,
        graphRequests: count,
      }),
    ),
    notSupported: z.array(z.object({ code: z.string(), detail: z.string(), devices: count })),
    sendingSeconds: z
      .number()
      .min(0)
      .optional()
      .describe(
        "Until the last device is asked through Graph, at the tenant's pace; absent where relays carry everything",
      ),
    confirmingSeconds: z
      .number()
      .min(0)
      .optional()
      .describe(
        "From then until the last answer is read, if devices have answered when they are looked at first",
      ),
  })
  .meta({ id: "DryRun" });
export type DryRunView = z.output<typeof DryRunView>;

/** Path of everything about one notification. */
export const NotificationPath = z.strictObject({
  tenantId: TenantId,
  notificationId: NotificationId,
});
