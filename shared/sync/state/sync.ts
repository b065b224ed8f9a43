/**
 * A sync: what it was asked for, how far it is, and how it ended; and beside it the tenant's own row, which says what
 * the tenant's list shows, and which sync is the active one. Pure; rows are read by the schemas here.
 */
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";
import { Line } from "../../kernel/outside-text.ts";
import type { ReasonCode } from "../catalogue/configuration-type.ts";
import { type SyncEvent, type SyncStatus, statusAfter, syncStatuses } from "./lifecycle.ts";

/** What a sync is to do. */
export const SyncMode = z.enum(["exportOnly", "plan", "planAndDeploy", "retryFailed"]);
export type SyncMode = z.output<typeof SyncMode>;

/** What started it. */
export const SyncTrigger = z.enum(["manual", "schedule", "consent", "baseline", "undo"]);
export type SyncTrigger = z.output<typeof SyncTrigger>;

/** Where the work is. Between two phases a sync is only a row. */
export const syncPhases = ["preflight", "export", "plan", "deploy", "done"] as const;

/** How it ended. */
export const SyncOutcome = z.enum([
  "succeeded",
  "partial",
  "failed",
  "cancelled",
  "rejected",
  "rejectedAndReset",
  "expired",
  "superseded",
]);
export type SyncOutcome = z.output<typeof SyncOutcome>;

const reason = z.custom<ReasonCode>((code) => typeof code === "string");
/** Who did something, in rows. */
export const who = z.object({
  kind: z.string(),
  id: z.string(),
  /** The directory in which the id is one: absent of the service itself. */
  homeTenantId: z.string().exactOptional(),
  name: z.string().exactOptional(),
});
/** Who did something: a caller, or the service itself. */
export type Who = z.output<typeof who>;
/** The service, by its schedule or after a time. */
export const theService: Who = { kind: "system", id: "" };

/** The name of a type. */
export const TypeName = z.string().regex(/^[A-Za-z0-9]{1,64}$/, "is no name of a type");

/** An item by its type and key. */
export const ItemName = z.strictObject({ type: TypeName, key: Line.min(1).max(512) });
export type ItemName = z.output<typeof ItemName>;

const Skipped = z.object({ type: z.string(), reason, detail: z.string() });
/** A type that a sync leaves out, and why. */
export type Skipped = z.output<typeof Skipped>;

/** Why a sync failed: words for people, and what support asks for. */
export const SyncError = z.object({
  code: z.string(),
  text: z.string(),
  cause: z.string(),
  remedy: z.string(),
  correlationId: z.string(),
  requestIds: z.array(z.string()),
  at: z.iso.datetime(),
});
export type SyncError = z.output<typeof SyncError>;

const counts = z.object({
  creates: z.int(),
  updates: z.int(),
  deletes: z.int(),
  blocked: z.int(),
  held: z.int(),
  unmanaged: z.int(),
});

/** How far the reading of one type is. */
export const TypeProgress = z.object({
  v: z.literal(1),
  type: z.string(),
  state: z.enum(["queued", "reading", "read", "failed"]),
  manifest: z.string().exactOptional(),
  items: z.int(),
  changed: z.int(),
  incomplete: z.int(),
  requests: z.int(),
  reason: reason.exactOptional(),
  detail: z.string().exactOptional(),
  requestId: z.string().exactOptional(),
  /** When its reading first began, and the slices that it took. */
  beganAt: z.number().exactOptional(),
  slices: z.int(),
  tries: z.int(),
  leaseUntil: z.number(),
  touchedAt: z.number(),
});
export type TypeProgress = z.output<typeof TypeProgress>;

/** Whether nothing more is read of a type. */
export const isOver = ({ state }: TypeProgress): boolean => state === "read" || state === "failed";

/** Somebody lets it rest: nothing new is begun until it is resumed; at `until` it is cancelled. */
const pause = z.object({ by: who, at: z.number(), until: z.number() });

/** A sync's row. */
export const Sync = z.object({
  v: z.literal(1),
  tenantId: z.string(),
  syncId: z.string(),
  mode: SyncMode,
  trigger: SyncTrigger,
  requestedBy: who,
  startedAt: z.number(),
  finishedAt: z.number().exactOptional(),
  /** Types in its scope. */
  types: z.array(z.string()),
  /** How far those are that were through in one pass, with all others of it; what goes on by messages has rows of its own. */
  read: z.array(TypeProgress).exactOptional(),
  /** Only these items are planned; absent: all. */
  items: z.array(ItemName).exactOptional(),
  onMissingUser: z.enum(["wait", "continueWithoutUser"]),
  skipped: z.array(Skipped),
  phase: z.enum(syncPhases),
  /** It rests until somebody does something, or the time is over. */
  waits: z
    .object({
      for: z.enum(["consent", "user", "approval"]),
      since: z.number(),
      until: z.number(),
      /** The device code that is shown. */
      signInId: z.string().exactOptional(),
      /** What became of the last attempt to sign in or to consent, or why the app is not in the tenant. */
      words: z.string().exactOptional(),
      /** The last sign-in was refused because nobody has consented to what it asked for. */
      lacksConsent: z.boolean().exactOptional(),
    })
    .exactOptional(),
  /** Somebody asked it to stop: it does at the next item. */
  cancelled: who.exactOptional(),
  /** Null: it was resumed. */
  paused: pause.nullable().exactOptional(),
  /** What the tenant looked like: the tree that the export gave. */
  snapshot: z.string().exactOptional(),
  /** The same before the first of its deploys: what an undo goes back to. */
  base: z.string().exactOptional(),
  /** The sync that this one takes back. */
  undoes: z.string().exactOptional(),
  /** What was wanted when it was planned. */
  desired: z.string().exactOptional(),
  /** What was decided about items before a reset dropped it. */
  rules: z.string().exactOptional(),
  /** The plan: where it is kept, and the hash that an approval names. */
  plan: z
    .object({
      document: z.string(),
      hash: z.string(),
      counts,
      /** When it was made. */
      at: z.number().exactOptional(),
    })
    .exactOptional(),
  /** Which changes were approved: the document with their ids. */
  approval: z
    .object({
      by: who,
      at: z.number(),
      chosen: z.string(),
      changes: z.int(),
      comment: z.string().exactOptional(),
    })
    .exactOptional(),
  /** What a person has confirmed for this sync, and no other: so many deletions of a type, that everybody is locked out. */
  confirmed: z
    .object({
      by: who,
      at: z.number(),
      reason: z.string(),
      deletes: z.record(z.string(), z.int()),
      lockOut: z.boolean(),
      /** Which changes that were: the document with their ids. */
      changes: z.string(),
    })
    .exactOptional(),
  /** Rounds of planning again because something had changed since. */
  replans: z.int(),
  /** Items that the plans of its earlier rounds had blocked: the later ones are only of what had moved. */
  aside: z.int().exactOptional(),
  deployed: z
    .object({ done: z.int(), failed: z.int(), waiting: z.int(), skipped: z.int() })
    .exactOptional(),
  /** The types that a deploy has touched, as they were read back: comes before what the export found. */
  after: z.string().exactOptional(),
  /** Somebody said to go on without signing in, or nobody was there: what only a person may write is left out. */
  withoutUser: z.boolean().exactOptional(),
  outcome: SyncOutcome.exactOptional(),
  error: SyncError.exactOptional(),
  /** Said beside the outcome: why it is partial, that it was cancelled after writes. */
  remark: z.string().exactOptional(),
  leaseUntil: z.number(),
  /** Last sign of life. */
  touchedAt: z.number(),
  /** Workers that were lost over it since the last progress. */
  losses: z.int(),
});
export type Sync = z.output<typeof Sync>;

/** What a tenant's people have settled about its syncs. */
export const SyncSettings = z.object({
  /** Types that are read; absent: those that are enabled by default. */
  types: z.array(TypeName).max(64).exactOptional(),
  /** Types whose items a deploy may delete. */
  deletes: z.array(TypeName).max(64),
  /** Groups that no change of conditional access may lock out. */
  breakGlassGroups: z.array(Line.min(1).max(256)).max(16),
  /** Of a sync that does not say it itself; a nightly one waits for nobody. */
  onMissingUser: z.enum(["wait", "continueWithoutUser"]),
  /** So many days a plan waits for somebody to approve it. */
  approvalDays: z.int().min(1).max(90).default(7),
  nightly: z.object({
    enabled: z.boolean(),
    at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time such as 02:30"),
    timeZone: z
      .string()
      .regex(/^[\w+\-\x2f]{1,64}$/, "is no IANA time zone")
      .max(64),
    mode: SyncMode.exclude(["retryFailed"]),
  }),
});
export type SyncSettings = z.output<typeof SyncSettings>;

/** A tenant that nobody has settled anything for: read every night, and nothing is written before it is approved. */
const usualSettings: SyncSettings = {
  deletes: [],
  breakGlassGroups: [],
  onMissingUser: "wait",
  approvalDays: 7,
  nightly: { enabled: true, at: "02:00", timeZone: "UTC", mode: "planAndDeploy" },
};

/** A tenant's row: the one place that says which sync is active. */
export const TenantSync = z.object({
  v: z.literal(1),
  tenantId: z.string(),
  status: z.enum(Object.keys(syncStatuses) as [SyncStatus, ...SyncStatus[]]),
  /** The status to go back to when a sync comes to nothing. */
  resting: z.enum(Object.keys(syncStatuses) as [SyncStatus, ...SyncStatus[]]),
  since: z.number(),
  by: who,
  active: z.string().exactOptional(),
  /** The same of the active one, for who looks at tenants. */
  paused: pause.exactOptional(),
  last: z.string().exactOptional(),
  /** The document with the plan of the last one, which the next one may find again. */
  plan: z.string().exactOptional(),
  /** The tree of the tenant as it was last read, and the one that is wanted. */
  snapshot: z.string().exactOptional(),
  desired: z.string().exactOptional(),
  /** The document with what was decided about items: holds, modes, deviations, overrides. */
  rules: z.string().exactOptional(),
  /** Changes that were rejected and are held. */
  held: z.int(),
  error: SyncError.exactOptional(),
  settings: SyncSettings,
  /** Since when permissions have been missing, night after night, and when that was last looked at. */
  lacksConsent: z
    .object({
      since: z.number(),
      askedAt: z.number(),
      /** The night that went without them: with consent it is what begins anew, whatever was started since and came to nothing. */
      syncId: z.string().exactOptional(),
      /** When an administrator's browser came back with a consent that was not there yet. */
      cameAt: z.number().exactOptional(),
    })
    .exactOptional(),
  nextAt: z.number().exactOptional(),
  /** Transitions that the trail and webhooks may not have been told of yet: the next writer sees to it. */
  outbox: z.array(
    z.object({
      eventId: z.string(),
      at: z.number(),
      event: z.string(),
      from: z.string(),
      to: z.string(),
      by: who,
      syncId: z.string().exactOptional(),
    }),
  ),
});
export type TenantSync = z.output<typeof TenantSync>;

/** What lists of tenants show of a tenant's row. */
export const ShownTenantSync = TenantSync.pick({
  status: true,
  since: true,
  by: true,
  active: true,
  paused: true,
  last: true,
  held: true,
  error: true,
  nextAt: true,
});
export type ShownTenantSync = z.output<typeof ShownTenantSync>;

/** What is wanted of a tenant from a moment on, who said so, and why. */
export const Revision = z.object({
  v: z.literal(1),
  at: z.number(),
  by: who,
  message: z.string(),
  tree: z.string(),
  syncId: z.string().exactOptional(),
});
export type Revision = z.output<typeof Revision>;

/** A tenant that was never synchronised. */
export const neverSynced = (tenantId: string, now: Instant): TenantSync => ({
  v: 1,
  tenantId,
  status: "notRun",
  resting: "notRun",
  since: now,
  by: theService,
  held: 0,
  settings: usualSettings,
  outbox: [],
});

/** A transition of a tenant's row. */
type Transition = {
  readonly event: SyncEvent;
  readonly by: Who;
  readonly now: Instant;
  readonly eventId: string;
  /** The sync that it is about. */
  readonly syncId?: string;
};

/** The row after an event, or undefined where its status refuses it. */
export function moved(
  tenant: TenantSync,
  { event, by, now, eventId, syncId }: Transition,
): TenantSync | undefined {
  const to = statusAfter(tenant.status, event, tenant.resting);
  if (to === undefined) return undefined;
  const step = {
    eventId,
    at: now,
    event,
    from: tenant.status,
    to,
    by,
    ...(syncId === undefined ? {} : { syncId }),
  };
  return { ...tenant, status: to, since: now, by, outbox: [...tenant.outbox, step] };
}

/** How far one change of a deploy is. `writing`: begun, and nobody knows yet whether the tenant has it. */
export const ItemProgress = z.object({
  v: z.literal(1),
  changeId: z.string(),
  type: z.string(),
  key: z.string(),
  name: z.string(),
  action: z.enum(["create", "update", "delete"]),
  state: z.enum([
    "queued",
    "writing",
    "checking",
    "done",
    "failed",
    "stale",
    "skipped",
    "waitingForIntuneApproval",
  ]),
  tries: z.int(),
  id: z.string().exactOptional(),
  /** The document with the item as it was read back, or as it was found to have moved. */
  found: z.string().exactOptional(),
  reason: reason.exactOptional(),
  detail: z.string().exactOptional(),
  requestId: z.string().exactOptional(),
  /** The document with the plan that it is from, and which round of planning that was. */
  plan: z.string().exactOptional(),
  round: z.int(),
  /** Under which Intune holds the write, and the document with that request and those that come after it. */
  approvalCode: z.string().exactOptional(),
  request: z.string().exactOptional(),
  writtenAt: z.number().exactOptional(),
  touchedAt: z.number(),
});
export type ItemProgress = z.output<typeof ItemProgress>;

/** States in which nothing more is done about a change. */
export const isSettled = ({ state }: Pick<ItemProgress, "state">): boolean =>
  state === "done" || state === "failed" || state === "skipped" || state === "stale";

/**
 * Whether what had moved is not done still: in the last round it is planned no more by that sync, and what was planned anew
 * of a round before is decided about, unless somebody has stopped it.
 */
export const isLeftMoved =
  ({ replans, cancelled }: Pick<Sync, "replans" | "cancelled">) =>
  ({ state, round }: Pick<ItemProgress, "state" | "round">): boolean =>
    state === "stale" && (round === replans || cancelled !== undefined);

/** What the queues carry. */
export const SyncMessage = z.strictObject({
  tenantId: z.string().min(1).max(64),
  syncId: z.string().regex(/^[0-9a-z-]{1,64}$/),
});
export const SignInMessage = SyncMessage.extend({ signInId: z.string().min(1).max(100) });
export const ExportMessage = SyncMessage.extend({ type: z.string().min(1).max(64) });
