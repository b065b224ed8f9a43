/** Syncs, plans and statuses as the API shows them. Pure. */
import type * as z from "zod";
import type { ApprovalRule } from "../access/approvals/approval.ts";
import { type Instant, toIso } from "../kernel/clock.ts";
import type { ConfigurationType } from "./catalogue/configuration-type.ts";
import type {
  AuthenticationView,
  ErrorView,
  ItemRulesView,
  ReportView,
  ShownSyncStatus,
  SyncStatusView,
  SyncView,
} from "./contract.ts";
import { isOver, rulesOf } from "./plan/compare.ts";
import { type Plan, planHash } from "./plan/plan.ts";
import type { AwaitedPerson } from "./run/authentication.ts";
import { eventsIn, type SyncEvent, syncStatuses } from "./state/lifecycle.ts";
import type { RulesDocument } from "./state/rules.ts";
import type {
  ItemName,
  ItemProgress,
  ShownTenantSync,
  Sync,
  SyncError,
  TenantSync,
  TypeProgress,
  Who,
} from "./state/sync.ts";

/** A sync; `tenant` where it may be the active one. */
export function viewOf(sync: Sync, tenant?: TenantSync): z.output<typeof SyncView> {
  const { tenantId, syncId, mode, trigger, requestedBy, phase, types, skipped, waits } = sync;
  const { outcome, items, plan, approval, confirmed, deployed, remark, undoes, finishedAt } = sync;
  const { paused } = sync;
  return {
    syncId,
    tenantId,
    mode,
    trigger,
    requestedBy,
    phase,
    ...(tenant?.active === syncId ? { status: tenant.status } : {}),
    ...(waits === undefined ? {} : { waitsFor: waits.for, waitsUntil: toIso(waits.until) }),
    ...(outcome === undefined && paused ? pausedView(paused) : {}),
    ...(outcome === undefined ? {} : { outcome }),
    startedAt: toIso(sync.startedAt),
    ...(finishedAt === undefined ? {} : { finishedAt: toIso(finishedAt) }),
    types,
    ...(items === undefined ? {} : { items }),
    skipped,
    ...(plan === undefined ? {} : { plan: { hash: plan.hash, ...plan.counts } }),
    ...(approval === undefined
      ? {}
      : {
          approval: {
            by: approval.by,
            at: toIso(approval.at),
            changes: approval.changes,
            ...(approval.comment === undefined ? {} : { comment: approval.comment }),
          },
        }),
    ...(confirmed && {
      confirmed: {
        ...shown(confirmed, ["by", "reason", "deletes", "lockOut"]),
        at: toIso(confirmed.at),
      },
    }),
    ...(deployed === undefined ? {} : { deployed }),
    ...(remark === undefined ? {} : { remark }),
    ...(undoes === undefined ? {} : { undoes }),
  };
}

const pauseView = ({ by, at, until }: NonNullable<Sync["paused"]>) => ({
  by,
  at: toIso(at),
  until: toIso(until),
});

const pausedView = (paused: NonNullable<Sync["paused"]>) => ({
  paused: pauseView(paused),
  resting: {
    code: "paused",
    detail: "the sync is paused: it begins nothing new until it is resumed",
  },
});

/** What waits for a person. */
export const authenticationView = (
  { tenantId, syncId }: Pick<Sync, "tenantId" | "syncId">,
  { needed, until, code, words, lacksConsent, blockers }: AwaitedPerson,
): z.output<typeof AuthenticationView> => ({
  syncId,
  waitsUntil: toIso(until),
  types: needed.types,
  permissions: needed.scopes,
  roles: needed.roles.map((any) => any.map(({ name }) => name)),
  ...(code === undefined
    ? {}
    : {
        code: {
          userCode: code.userCode,
          verificationUri: code.verificationUri,
          message: code.message,
          expiresAt: toIso(code.expiresAt),
        },
      }),
  warning: [
    "Many tenants block the sign-in by code. Where yours does, sign in with a browser instead.",
    ...blockers.map(
      ({ name, excludedGroups }) =>
        `The policy ${name} blocks it (groups that it excludes: ${excludedGroups}).`,
    ),
  ].join(" "),
  browser: `/api/v1/tenants/${tenantId}/syncs/${syncId}/authentication/browser`,
  ...(words === undefined ? {} : { words }),
  ...(lacksConsent === true ? { lacksConsent } : {}),
});

/** A plan. */
export const planView = (
  { syncId, requestedBy }: Sync,
  plan: Plan,
  rule: Pick<ApprovalRule, "moreThan" | "approvers"> | undefined,
  editors: readonly Who[] = [],
) => ({
  syncId,
  planHash: planHash(plan),
  changes: plan.changes.map(changeView),
  held: plan.held.map(changeView),
  blocked: [...plan.blocked],
  unmanaged: [...plan.unmanaged],
  unread: [...plan.unread],
  ...(rule && {
    secondPerson: {
      requestedBy,
      editedBy: [...editors],
      moreThan: rule.moreThan,
      approvers: [...rule.approvers],
    },
  }),
});

/** The hashes of both contents are of no use to a reader. */
const changeView = (change: Plan["changes"][number]) => {
  const { changeId, type, key, name, action, properties, needs, warnings } = change;
  return { changeId, type, key, name, action, properties, needs, warnings };
};

/** What a sync did. */
export function reportView(
  sync: Sync,
  types: readonly TypeProgress[],
  items: readonly ItemProgress[],
  typeOf: (key: string) => ConfigurationType | undefined,
): z.output<typeof ReportView> {
  const titlesOf = (key: string) => typeOf(key)?.names ?? { en: key, fr: key };
  const read = types.map((progress) => ({
    ...shown(progress, ["state", "items", "changed", "incomplete", "requests", ...why]),
    type: progress.type,
    names: titlesOf(progress.type),
  }));
  const known = new Set(read.map(({ type }) => type));
  const skipped = sync.skipped
    .filter(({ type }) => !known.has(type))
    .map((each) => ({
      ...each,
      names: titlesOf(each.type),
      state: "skipped" as const,
      items: 0,
      changed: 0,
      incomplete: 0,
      requests: 0,
    }));
  return {
    sync: viewOf(sync),
    types: [...read, ...skipped],
    items: items.map((item) =>
      shown(item, ["changeId", "type", "key", "name", "action", "state", "approvalCode", ...why]),
    ),
  };
}

const why = ["reason", "detail", "requestId"] as const;

/** Some members of a thing, those that it has. */
const shown = <T extends object, K extends keyof T>(thing: T, names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(
    names.flatMap((name) => (thing[name] === undefined ? [] : [[name, thing[name]]])),
  ) as Pick<T, K>;

/** A sync's error, with all of it in one text. */
export const errorView = (error: SyncError): z.output<typeof ErrorView> => ({
  ...error,
  copy: [
    `${error.code}: ${error.text}`,
    error.cause,
    error.remedy,
    `Time: ${error.at}`,
    `Correlation id: ${error.correlationId}`,
    ...error.requestIds.map((id) => `Request id: ${id}`),
  ].join("\n"),
});

/** How a tenant stands. */
export const statusView = (tenant: TenantSync): z.output<typeof SyncStatusView> => ({
  tenantId: tenant.tenantId,
  ...shownStatus(tenant),
  settings: tenant.settings,
});

/** What may happen to a tenant as it stands: its status alone does not say whether a sync waits there, or it rests. */
function mayNow({ status, active, paused }: ShownTenantSync): SyncEvent[] {
  const takesOne: readonly SyncEvent[] = ["cancel", "continueWithoutTypes", "expire"];
  const out = new Set<SyncEvent>([
    paused === undefined ? "resume" : "pause",
    ...(active === undefined ? takesOne : (["start"] as const)),
  ]);
  return eventsIn(status).filter((event) => !out.has(event));
}

/** The same in a list of tenants. */
export const shownStatus = (tenant: ShownTenantSync): z.output<typeof ShownSyncStatus> => ({
  status: tenant.status,
  names: syncStatuses[tenant.status],
  since: toIso(tenant.since),
  by: tenant.by,
  ...(tenant.active === undefined ? {} : { activeSyncId: tenant.active }),
  ...(tenant.paused && { paused: pauseView(tenant.paused) }),
  ...(tenant.last === undefined ? {} : { lastSyncId: tenant.last }),
  ...(tenant.nextAt === undefined ? {} : { nextSyncAt: toIso(tenant.nextAt) }),
  heldChanges: tenant.held,
  ...(tenant.error === undefined
    ? {}
    : { error: `${tenant.error.text} ${tenant.error.cause}`.slice(0, 300) }),
  may: mayNow(tenant),
});

/** What was decided about an item. */
export function itemRulesView(
  rules: RulesDocument,
  { type, key }: ItemName,
  now: Instant,
): z.output<typeof ItemRulesView> {
  const { mode, deviations, overrides } = rulesOf(rules, type, key);
  const decided = rules.decided[`${type}/${key}`];
  return {
    mode,
    deviations: deviations.map((each) => ({
      ...shown(each, ["pointer", "accepted", "reason", "until"]),
      isOver: isOver(each, now),
    })),
    overrides: overrides.map(({ pointer, value }) => ({ pointer, value })),
    ...(decided && { decided: { ...decided, at: toIso(decided.at) } }),
  };
}

/** A sync as lines of its log: one JSON object each, in the order of time; the last one has the error, where it failed. */
export function* logLines(
  sync: Sync,
  types: readonly TypeProgress[],
  items: readonly ItemProgress[],
): Generator<string> {
  const events = [...eventsOf(sync, types, items)].toSorted((one, other) => one.at - other.at);
  for (const { at, event, ...more } of events)
    yield `${JSON.stringify({ at: toIso(at), event, syncId: sync.syncId, ...more })}\n`;
}

type LogEvent = { readonly at: Instant; readonly event: string; readonly [more: string]: unknown };

function* eventsOf(
  { mode, trigger, startedAt, plan, approval, finishedAt, outcome, remark, error }: Sync,
  types: readonly TypeProgress[],
  items: readonly ItemProgress[],
): Generator<LogEvent> {
  yield { at: startedAt, event: "sync.started", mode, trigger };
  for (const { state, touchedAt: at, ...own } of types) {
    const about = shown(own, ["type", "items", "changed", "requests", ...why]);
    yield { at, event: `type.${state}`, ...about };
  }
  const readAt = Math.max(startedAt, ...types.map(({ touchedAt }) => touchedAt));
  // Rows of an earlier version do not say when: not before what it goes by was read.
  if (plan !== undefined) yield { at: plan.at ?? readAt, event: "sync.planned", ...plan.counts };
  if (approval !== undefined)
    yield { at: approval.at, event: "sync.approved", changes: approval.changes };
  for (const { state, touchedAt: at, ...own } of items) {
    const about = shown(own, ["type", "key", "action", ...why]);
    yield { at, event: `item.${state}`, ...about };
  }
  if (finishedAt !== undefined)
    yield { at: finishedAt, event: "sync.finished", outcome, remark, error };
}
