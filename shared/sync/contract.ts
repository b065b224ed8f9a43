/** What the API says about syncs, their plans and a tenant's configuration. */
import * as z from "zod";
import { callerKinds } from "../access/sign-in/caller.ts";
import { Line, Prose } from "../kernel/outside-text.ts";
import { OwnId, TenantId } from "../kernel/values.ts";
import type { Json, JsonObject } from "./items/json.ts";
import { type SyncStatus, syncEvents, syncStatuses } from "./state/lifecycle.ts";
import {
  ItemName,
  SyncError,
  SyncMode,
  SyncOutcome,
  SyncSettings,
  SyncTrigger,
  syncPhases,
  TypeName,
} from "./state/sync.ts";

const names = z.object({ en: z.string(), fr: z.string() });
const who = z.object({
  kind: z.string(),
  id: z.string(),
  homeTenantId: z.string().optional(),
  name: z.string().optional(),
});
const json = z.json() as z.ZodType<Json>;
const maxItems = 500;
const hash = z.string().regex(/^[0-9a-f]{64}$/, "must be a hash that a plan gave");

/** The statuses by name. */
export const SyncStatusName = z.enum(Object.keys(syncStatuses) as [SyncStatus, ...SyncStatus[]]);

/** Path of a sync. */
export const SyncPath = z.strictObject({ tenantId: TenantId, syncId: OwnId });

/** Body of a start. */
export const NewSyncBody = z.strictObject({
  mode: SyncMode.default("planAndDeploy"),
  types: z.array(TypeName).min(1).max(64).optional().describe("Default: all that are enabled"),
  items: z.array(ItemName).min(1).max(maxItems).optional().describe("Plan only these"),
  onMissingUser: z
    .enum(["wait", "continueWithoutUser"])
    .optional()
    .describe("Default: as the tenant's settings say"),
});

/** A sync as a task begins it. */
export const ScheduledSync = z.strictObject({
  mode: SyncMode.exclude(["retryFailed"]).default("planAndDeploy"),
  types: NewSyncBody.shape.types,
  onMissingUser: NewSyncBody.shape.onMissingUser,
});

/** Body of a start for many tenants. */
export const ManySyncsBody = z.strictObject({
  ...NewSyncBody.shape,
  items: z.never().optional(),
  tenantIds: z.array(TenantId).min(1).max(500),
});

/** What became of each tenant of such a start. */
export const ManySyncs = z.object({
  value: z.array(
    z.object({
      tenantId: z.string(),
      syncId: z.string().optional(),
      code: z.string().optional().describe("Why none was started"),
      detail: z.string().optional(),
    }),
  ),
});

/** Bodies of verdicts. */
export const ApproveBody = z.strictObject({
  planHash: hash.describe("As the plan says it: a plan that changed since is not approved by this"),
  changes: z.array(hash).min(1).max(5000).optional().describe("Default: all"),
  comment: Prose.max(1000).optional(),
});
export const ConfirmBody = z.strictObject({
  planHash: hash,
  deletes: z
    .record(TypeName, z.int().min(1).max(100_000))
    .refine((deletes) => Object.keys(deletes).length <= 64, "has more than 64 types")
    .meta({ description: "By type: how many items the plan would delete", maxProperties: 64 })
    .optional(),
  lockOut: z.literal(true).optional().describe("Everybody may be locked out"),
  reason: Prose.min(1).max(1000),
});
export const RejectBody = z.strictObject({ planHash: hash, comment: Prose.max(1000).optional() });
export const ResetBody = z.strictObject({
  planHash: hash,
  items: z.array(ItemName).min(1).max(maxItems).optional().describe("Default: all of the plan"),
  comment: Prose.max(1000).optional(),
});

const Skipped = z.object({ type: z.string(), reason: z.string(), detail: z.string() });

/** A sync as the API shows it. */
export const SyncView = z
  .object({
    syncId: z.string(),
    tenantId: z.string(),
    mode: SyncMode,
    trigger: SyncTrigger,
    requestedBy: who,
    phase: z.enum(syncPhases),
    status: SyncStatusName.optional().describe("Of the tenant, while this sync is its active one"),
    waitsFor: z.enum(["consent", "user", "approval"]).optional(),
    waitsUntil: z.iso.datetime().optional(),
    resting: z
      .object({ code: z.string(), detail: z.string() })
      .optional()
      .describe("Why it does not go on: it or its tenant is paused, or the installation drained"),
    paused: z.object({ by: who, at: z.iso.datetime(), until: z.iso.datetime() }).optional(),
    outcome: SyncOutcome.optional(),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    types: z.array(z.string()),
    items: z.array(ItemName).optional(),
    skipped: z.array(Skipped),
    plan: z
      .object({
        hash: z.string(),
        creates: z.int(),
        updates: z.int(),
        deletes: z.int(),
        blocked: z.int(),
        held: z.int(),
        unmanaged: z.int(),
      })
      .optional(),
    approval: z
      .object({ by: who, at: z.iso.datetime(), changes: z.int(), comment: z.string().optional() })
      .optional(),
    confirmed: z
      .object({
        by: who,
        at: z.iso.datetime(),
        reason: z.string(),
        deletes: z.record(z.string(), z.int()),
        lockOut: z.boolean(),
      })
      .optional(),
    deployed: z
      .object({ done: z.int(), failed: z.int(), waiting: z.int(), skipped: z.int() })
      .optional(),
    remark: z.string().optional(),
    undoes: z.string().optional(),
  })
  .meta({ id: "Sync" });

const Change = z.object({
  changeId: z.string(),
  type: z.string(),
  key: z.string(),
  name: z.string(),
  action: z.enum(["create", "update", "delete"]),
  properties: z.array(
    z.object({ pointer: z.string(), before: json.optional(), after: json.optional() }),
  ),
  warnings: z.array(z.object({ reason: z.string(), detail: z.string() })),
});

/** What a sync waits for a person to do. */
export const AuthenticationView = z
  .object({
    syncId: z.string(),
    waitsUntil: z.iso.datetime().describe("Nothing extends it: the sync is cancelled then"),
    types: z.array(z.string()).describe("Types that only a person may write"),
    permissions: z.array(z.string()).describe("In the name of whoever signs in"),
    roles: z.array(z.array(z.string())).describe("Of each row the account must have one"),
    code: z
      .object({
        userCode: z.string(),
        verificationUri: z.string(),
        message: z.string(),
        expiresAt: z.iso.datetime(),
      })
      .optional()
      .describe("To be typed on any device; absent where the tenant gives none"),
    warning: z.string(),
    browser: z.string().describe("POST here for the way by browser"),
    words: z.string().optional().describe("What became of the last attempt"),
    lacksConsent: z.literal(true).optional().describe("An administrator has to consent first"),
  })
  .meta({ id: "SyncAuthentication" });

/** An address for somebody's browser. */
export const AddressView = z
  .object({ url: z.string(), expiresAt: z.iso.datetime() })
  .meta({ id: "BrowserAddress" });

/** Which permissions a sync lacks. */
export const ConsentView = z
  .object({
    syncId: z.string().describe("After a check: the sync that goes on"),
    complete: z.boolean(),
    permissions: z.array(
      z.object({
        name: z.string().describe("The one to ask for"),
        anyOf: z.array(z.string()).describe("Any of these will do"),
        types: z.array(z.string()),
      }),
    ),
    canBegin: z.boolean().describe("Whether an administrator's address can be given"),
    words: z.string().optional().describe("What became of the last attempt, or of the app"),
  })
  .meta({ id: "SyncConsent" });

/** A plan as the API shows it. */
export const PlanView = z
  .object({
    syncId: z.string(),
    planHash: z.string(),
    changes: z.array(Change),
    blocked: z.array(
      z.object({
        type: z.string(),
        key: z.string(),
        name: z.string(),
        reason: z.string(),
        detail: z.string(),
        properties: Change.shape.properties,
        confirm: z
          .object({ what: z.enum(["deletes", "lockOut"]), changeId: z.string() })
          .optional()
          .describe("What a person may confirm, so that it becomes a change"),
      }),
    ),
    held: z.array(Change),
    unmanaged: z.array(z.object({ type: z.string(), key: z.string(), name: z.string() })),
    unread: z.array(Skipped),
    secondPerson: z
      .object({
        requestedBy: who,
        editedBy: z.array(who).describe("They approve nothing that they have made wanted"),
        moreThan: z.int(),
        approvers: z.array(z.enum(callerKinds)),
      })
      .optional()
      .describe("A rule holds: somebody of these approves, and not who asked for the sync"),
  })
  .meta({ id: "SyncPlan" });

/** What a sync did, type by type and item by item. */
export const ReportView = z
  .object({
    sync: SyncView,
    types: z.array(
      z.object({
        type: z.string(),
        names,
        state: z.enum(["queued", "reading", "read", "failed", "skipped"]),
        items: z.int(),
        changed: z.int(),
        incomplete: z.int(),
        requests: z.int(),
        reason: z.string().optional(),
        detail: z.string().optional(),
        requestId: z.string().optional(),
      }),
    ),
    items: z.array(
      z.object({
        changeId: z.string(),
        type: z.string(),
        key: z.string(),
        name: z.string(),
        action: z.enum(["create", "update", "delete"]),
        state: z.string(),
        reason: z.string().optional(),
        detail: z.string().optional(),
        requestId: z.string().optional(),
        approvalCode: z.string().optional().describe("Under which Intune holds it"),
      }),
    ),
  })
  .meta({ id: "SyncReport" });

/** Why a sync failed, with a block of text to copy. */
export const ErrorView = SyncError.extend({
  copy: z.string().describe("All of it in one text, for support"),
}).meta({ id: "SyncError" });

/** How a tenant's synchronisation stands. */
export const SyncStatusView = z
  .object({
    tenantId: z.string(),
    status: SyncStatusName,
    names: names.describe("The status in both languages"),
    since: z.iso.datetime(),
    by: who,
    activeSyncId: z.string().optional(),
    paused: SyncView.shape.paused.describe("Who has paused the sync that is under way"),
    lastSyncId: z.string().optional(),
    nextSyncAt: z.iso.datetime().optional(),
    heldChanges: z.int(),
    error: z.string().optional().describe("What went wrong, in one line: for a tooltip"),
    may: z.array(z.enum(syncEvents)).describe("What may happen now"),
    settings: SyncSettings,
  })
  .meta({ id: "SyncStatus" });

/** The same in a list of tenants. */
export const ShownSyncStatus = SyncStatusView.omit({ tenantId: true, settings: true }).meta({
  id: "TenantSyncStatus",
});

/** Body of a change of a tenant's settings: only what it names changes. */
export const SyncSettingsChange = z.strictObject({
  types: SyncSettings.shape.types
    .unwrap()
    .min(1)
    .nullish()
    .describe("null: those enabled by default"),
  deletes: SyncSettings.shape.deletes.optional(),
  breakGlassGroups: SyncSettings.shape.breakGlassGroups.optional(),
  onMissingUser: SyncSettings.shape.onMissingUser.optional(),
  approvalDays: SyncSettings.shape.approvalDays.unwrap().optional(),
  nightly: z.strictObject(SyncSettings.shape.nightly.shape).partial().optional(),
});

/** Path and query of configuration. */
export const TypePath = z.strictObject({ tenantId: TenantId, type: TypeName });
/** The host leaves an escaped slash as it is, and keys of two parts have one. */
const ItemKey = Line.min(1)
  .max(512)
  .transform((key) => key.replaceAll(/%2f/gi, "/"));
export const ItemPath = TypePath.extend({ key: ItemKey });

/** A type in a list. */
export const TypeView = z
  .object({
    type: z.string(),
    names,
    isWritten: z.boolean(),
    enabled: z.boolean(),
    writtenBy: z.enum(["app", "user"]),
    changeable: z.record(z.string(), z.string()).describe("What is never done, with the reason"),
    items: z.int().describe("In the desired revision"),
    inTenant: z.int().describe("As it was last read"),
  })
  .meta({ id: "ConfigurationType" });

/** An item in a list. */
export const ItemView = z
  .object({
    type: z.string(),
    key: z.string(),
    name: z.string(),
    inDesired: z.boolean(),
    inTenant: z.boolean(),
    differs: z.boolean().describe("Between what is wanted and the tenant as it was last read"),
    flaw: z.string().optional(),
    fixed: z.string().optional().describe("Why nobody may change it"),
  })
  .meta({ id: "ConfigurationItem" });

const maxDepth = 64;

/** Texts that nobody can read, by their places; what names an item has no line breaks either. */
function* unreadable(
  node: unknown,
  path: readonly (string | number)[],
): Generator<{ readonly path: (string | number)[]; readonly words: string }> {
  if (typeof node === "string") {
    const text = ["displayName", "name"].includes(String(path.at(-1))) ? Line : Prose;
    const words = text.safeParse(node).error?.issues[0]?.message;
    if (words !== undefined) yield { path: [...path], words };
  } else if (typeof node === "object" && node !== null && path.length < maxDepth)
    for (const [name, value] of Object.entries(node)) yield* unreadable(value, [...path, name]);
}

const mode = z
  .enum(["strict", "subset"])
  .describe("subset: only what the wanted item names is compared");
const pointer = Line.max(1024)
  .refine((text) => /^(\/([^~]|~[01])*)?$/.test(text), "must be a JSON pointer")
  .describe("As plans have it: elements of lists by their names");
const Value = z
  .unknown()
  .superRefine((value, context) => {
    if (value === undefined) context.addIssue({ code: "custom", message: "must be there" });
    for (const { path, words } of unreadable(value, []))
      context.addIssue({ code: "custom", path, message: words });
  })
  .meta({ description: "Any JSON" }) as unknown as z.ZodType<Json>;
const Deviation = z.strictObject({
  pointer,
  accepted: Value.exactOptional().describe(
    "What the tenant has there, as a plan shows it; absent: nothing",
  ),
  reason: Prose.min(1).max(1000),
  until: z.iso.datetime().exactOptional().describe("From then on it is a difference again"),
});
/** A value that one tenant wants instead. */
export const Override = z.strictObject({ pointer, value: Value });

/** Body of a replacement of an item's rules. */
export const ItemRulesBody = z.strictObject({
  mode: mode.default("strict"),
  deviations: z.array(Deviation).max(100).default([]).describe("Differences that are accepted"),
  overrides: z
    .array(Override)
    .max(100)
    .default([])
    .describe("Values that this tenant wants instead of the wanted ones"),
  message: Line.min(1).max(200),
});

/** What was decided about an item. */
export const ItemRulesView = z
  .object({
    mode,
    deviations: z.array(
      z.object({
        pointer: z.string(),
        accepted: json.optional(),
        reason: z.string(),
        until: z.iso.datetime().optional(),
        isOver: z.boolean().describe("Its time has run out: it hides nothing any more"),
      }),
    ),
    overrides: z.array(z.object({ pointer: z.string(), value: json })),
    decided: z.object({ at: z.iso.datetime(), by: who, message: z.string() }).optional(),
  })
  .meta({ id: "ItemRules" });

/** An item with its content and its history. */
export const ItemDetail = ItemView.extend({
  desired: json.optional(),
  actual: json.optional(),
  differences: Change.shape.properties.describe(
    "From the tenant as it was last read to what is wanted, before any rule",
  ),
  ...ItemRulesView.shape,
  history: z.array(
    z.object({
      revision: z.string(),
      at: z.iso.datetime(),
      by: who,
      message: z.string(),
      hash: z.string().optional().describe("Absent: it was taken out"),
      properties: Change.shape.properties.describe("What became other by it, old and new"),
    }),
  ),
}).meta({ id: "ConfigurationItemDetail" });

/** Content as it is wanted: what it may hold, the type's own rules say. */
const ItemContent = z
  .looseObject({})
  .superRefine((content, context) => {
    if (Object.keys(content).length > maxItems)
      context.addIssue({ code: "custom", message: `has more than ${maxItems} members` });
    for (const { path, words } of unreadable(content, []))
      context.addIssue({ code: "custom", path, message: words });
  })
  .meta({
    description: "As GET gives it; ids may be references",
    maxProperties: maxItems,
  }) as unknown as z.ZodType<JsonObject>;

/** Body of an edit. */
export const ItemBody = z.strictObject({
  body: ItemContent,
  message: Line.min(1).max(200),
});

/** Query of an item that nobody wants any more. */
export const UnwantedQuery = z.strictObject({
  message: Line.min(1).max(200).default("No longer wanted"),
});

/** An item as it travels in and out. */
export const PlainItemBody = z.strictObject({
  type: TypeName,
  key: Line.min(1).max(512),
  name: Line.max(512).default(""),
  body: ItemContent,
});

/** Most items of an import. */
export const maxImported = 2000;
const importMessage = Line.min(1).max(200);

/** Body of an import, as an export gives it. */
export const ImportBody = z.strictObject({
  items: z.array(PlainItemBody).min(1).max(maxImported),
  message: importMessage.default("Import"),
});

/** What is said of a zip beside it. */
export const ImportQuery = z.strictObject({
  folder: z
    .enum(["before", "wanted", "after"])
    .default("wanted")
    .describe("Of a zip: which of its folders is taken"),
  message: importMessage.optional().describe("Of a zip: why; a JSON body has its own"),
});
