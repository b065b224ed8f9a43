/**
 * Starts a sync, or says why none can be started; a retry is another sync, of nothing but what the last one was to write
 * and did not. Starting is one conditional write of both rows; the message that goes on with the work comes after it,
 * and the sweeper sends it where it was lost.
 */
import type { Instant } from "../../kernel/clock.ts";
import { type Failure, type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import type { Repository } from "../revisions/revisions.ts";
import { type SyncEvent, type SyncStatus, syncStatuses } from "../state/lifecycle.ts";
import {
  type ItemName,
  type ItemProgress,
  isLeftMoved,
  moved,
  type Revision,
  type Skipped,
  type Sync,
  type TenantSync,
  theService,
  type Who,
} from "../state/sync.ts";
import type { Stored, SyncStore } from "../state/sync-store.ts";
import { type SyncRows, SyncWork } from "../state/sync-work.ts";

/** What these need. */
export type StartParts = SyncRows & { readonly revisions: Repository };

/** What is to be wanted from the start of a sync on, and why. */
export type Prepared = {
  readonly desired: string;
  readonly rules: string;
  readonly message: string;
};

/** What a sync is asked for. */
export type NewSync = Pick<Sync, "tenantId" | "syncId" | "mode" | "trigger" | "types"> &
  Partial<Pick<Sync, "items" | "undoes" | "onMissingUser">> & {
    readonly by: Who;
    /** The night that it is for: with its start the tenant waits for the next one. */
    readonly night?: Instant;
    /** The tenant's row, where it was just seen. */
    readonly seen?: Stored<TenantSync>;
  };

const fresh = (asked: NewSync, tenant: TenantSync, now: number, claimMs: number): Sync => {
  const { by: requestedBy, onMissingUser, night: _, seen: __, ...rest } = asked;
  return {
    v: 1,
    ...rest,
    // Settings and tasks may name one twice: it is read, planned and written once.
    types: [...new Set(rest.types)],
    requestedBy,
    startedAt: now,
    onMissingUser: onMissingUser ?? tenant.settings.onMissingUser,
    skipped: [],
    phase: "preflight",
    replans: 0,
    leaseUntil: now + claimMs,
    touchedAt: now,
    losses: claimMs > 0 ? 1 : 0,
  };
};

/** Goes on with a sync that has been started. */
export type GoOn = {
  /** Whoever goes on has it from its first moment: nobody else looks at it until the claim is over. */
  readonly claims: boolean;
  /** It begins with its start, and goes without these types: whoever goes on has looked already what it lacks. */
  readonly without?: readonly Skipped[];
  /** `work`: its rows as they were written, and claimed if so asked. */
  readonly begin: (work: SyncWork) => Promise<unknown>;
};

/** Statuses that are a tenant's rest: what a sync that comes to nothing goes back to. */
const restingOf = (status: SyncStatus, before: SyncStatus): SyncStatus =>
  status === "newError" || status === "pendingApproval" ? restAfter(before) : status;
const restAfter = (before: SyncStatus): SyncStatus => (before === "notRun" ? "notRun" : "idle");

/**
 * Starts a sync. A tenant has one at a time: while another is under way this is refused, but a plan that only waits
 * for approval gives way, since a newer one will be made. The very same request again is answered with what it has
 * started, however that has ended. `prepare`: what changes with the start, and not without it; then no plan gives way.
 * `goOn`: how the work goes on; where nothing is said, by a message.
 */
export async function startSync(
  parts: StartParts,
  given: NewSync,
  prepare?: (tenant: TenantSync, now: Instant) => Promise<Prepared>,
  goOn: GoOn = { claims: false, begin: (work) => work.tell() },
): Promise<Result<Sync>> {
  const { store, clock } = parts;
  const { tenantId, syncId } = given;
  const [found, first] = await Promise.all([
    // A night that has not come by the tenant's row has no sync.
    given.night === undefined ? store.sync(tenantId, syncId) : undefined,
    given.seen ?? store.tenant(tenantId, clock.now()),
  ]);
  const known = found?.value;
  if (known !== undefined) {
    // Whoever started it may have died before the message.
    if (known.phase !== "done") await parts.queues.send("sync-work", { tenantId, syncId });
    return succeed(known);
  }
  const asked = given.mode === "retryFailed" ? await retryOf(parts, given) : given;
  if ("code" in asked) return { ok: false, failure: asked };
  // What a retry, an undo or a publication is for was found out a moment ago.
  const isNamed = asked === given && prepare === undefined && given.trigger !== "baseline";
  const faults = isNamed ? await unknownItems(parts, first.value, asked) : [];
  if (faults.length > 0)
    return fail("invalid-request", "The tenant has no such items, and nobody wants them.", {
      faults,
    });
  // Listed first: one that never came to be is struck off when its message finds nothing.
  await store.open(tenantId, syncId);
  let seen: typeof first | undefined = first;
  const started = await updateRow(`the sync of ${tenantId}`, () => {
    const tenant = seen;
    seen = undefined;
    return tryStart(parts, asked, { ...goOn, tenant }, prepare);
  });
  if ("code" in started) {
    await store.close(tenantId, syncId);
    return { ok: false, failure: started };
  }
  if (!("work" in started)) {
    await parts.queues.send("sync-work", { tenantId, syncId });
    return succeed(started);
  }
  const { sync } = started.work;
  await Promise.all([goOn.begin(started.work), started.listed]);
  return succeed(sync);
}

/** Items that are neither wanted nor there, of types that were read or wanted before: of others nobody can tell. */
async function unknownItems(
  { revisions }: StartParts,
  { tenantId, desired, snapshot }: TenantSync,
  { items = [] }: NewSync,
): Promise<Fault[]> {
  if (items.length === 0) return [];
  const trees = await Promise.all(
    [desired, snapshot].map((tree) => revisions.tree(tenantId, tree)),
  );
  const judged = items.map(async ({ type, key }, at): Promise<Fault[]> => {
    const manifests = trees.flatMap((tree) => tree[type] ?? []);
    const lists = await Promise.all(
      manifests.map((manifest) => revisions.list(tenantId, type, manifest)),
    );
    const isKnown = lists.length === 0 || lists.flat().some((item) => item.key === key);
    return isKnown ? [] : [{ pointer: `/items/${at}/key`, detail: `is no item of ${type} here` }];
  });
  return (await Promise.all(judged)).flat();
}

/**
 * Goes on with a sync for which nobody waits before it is started: its start is written with whatever is written first,
 * which is its end where it finds nothing. False where the tenant has another one, or somebody was faster.
 */
export async function startQuietly(
  parts: StartParts,
  asked: NewSync & Required<Pick<NewSync, "seen">>,
  goOn: GoOn,
): Promise<boolean> {
  const { value, etag } = asked.seen;
  if (value.active !== undefined) return false;
  const how = { ...goOn, event: "start", now: parts.clock.now() } as const;
  const begun = asStarted(parts, asked, value, how);
  if (begun === undefined) return false;
  const work = new SyncWork(parts, { value: begun.after, etag }, { value: begun.sync, etag: "" });
  work.hasBegun();
  try {
    await goOn.begin(work);
  } finally {
    // Also where it breaks off: what is given up is not written when its time has come.
    await work.told();
  }
  return work.isWritten;
}

/** How a sync starts, and when. */
type Start = Pick<GoOn, "claims" | "without"> & {
  readonly event: SyncEvent;
  readonly now: Instant;
};

/** Both rows with the start, and with the beginning where that comes with it; undefined where the tenant's status allows neither. */
function asStarted(
  parts: StartParts,
  asked: NewSync,
  tenant: TenantSync,
  how: Start,
): { readonly after: TenantSync; readonly sync: Sync } | undefined {
  const { now } = how;
  const begun = movedByStart(asked, tenant, how, parts.claimMs);
  if (begun === undefined) return undefined;
  const { error: _, ...rest } = afterNight(parts, asked, begun.after, now);
  const resting = restingOf(tenant.status, tenant.resting);
  return { after: { ...rest, active: asked.syncId, resting }, sync: begun.sync };
}

function movedByStart(
  asked: NewSync,
  tenant: TenantSync,
  { claims, without, event, now }: Start,
  claimMs: number,
) {
  const { syncId, by } = asked;
  const started = moved(tenant, { event, by, now, eventId: `${syncId}-${event}`, syncId });
  const sync = fresh(asked, tenant, now, claims ? claimMs : 0);
  if (started === undefined || without === undefined) return started && { after: started, sync };
  const eventId = `${syncId}-begin`;
  const after = moved(started, { event: "begin", by: theService, now, eventId, syncId });
  const begun: Sync = { ...sync, phase: "export", skipped: [...without], losses: 0 };
  return after && { after, sync: begun };
}

/** `listed`: done when lists show it. */
type Started = { readonly work: SyncWork; readonly listed: Promise<unknown> };

async function tryStart(
  parts: StartParts,
  asked: NewSync,
  given: Omit<GoOn, "begin"> & { readonly tenant: Stored<TenantSync> | undefined },
  prepare?: (tenant: TenantSync, now: Instant) => Promise<Prepared>,
): Promise<Started | Sync | Failure | typeof lost> {
  const { store, clock } = parts;
  const { tenantId, syncId } = asked;
  const tenant = given.tenant ?? (await store.tenant(tenantId, clock.now()));
  const now = clock.now();
  const { active } = tenant.value;
  // The very same request again: it has lost against itself, or is the active one.
  const same = given.tenant === undefined || active === syncId;
  const own = same ? await store.sync(tenantId, syncId) : undefined;
  if (own !== undefined) return own.value;
  if (active === syncId) return lost;
  const old = active === undefined ? undefined : await store.sync(tenantId, active);
  const waiting = old !== undefined && mayBeSuperseded(old.value, asked) ? old : undefined;
  if (old !== undefined && (waiting === undefined || prepare !== undefined))
    return underWay(tenant.value);
  const event: SyncEvent = waiting === undefined ? "start" : "supersede";
  const begun = asStarted(parts, asked, tenant.value, { ...given, event, now });
  if (begun === undefined) return underWay(tenant.value);
  const { after, sync } = begun;
  const { message, ...wanted } = (await prepare?.(tenant.value, now)) ?? {};
  const next: TenantSync = { ...after, ...wanted };
  const revision = message === undefined ? undefined : revisionOf(next, asked, message, now);
  return writeStart(parts, { value: next, etag: tenant.etag }, sync, { waiting, revision });
}

/**
 * Whether a sync only waits for approval. A plan that is newer than a night does not give way to that, and none to what
 * nobody started by hand and will not wait in its place: it would be gone without a word. The plan of an undo gives way
 * to a person alone: no other one takes away what a deploy had created.
 */
const mayBeSuperseded = (
  { waits, startedAt, undoes }: Sync,
  { night = Number.POSITIVE_INFINITY, trigger, mode }: NewSync,
): boolean =>
  waits?.for === "approval" &&
  startedAt < night &&
  (trigger === "manual" || (undoes === undefined && mode === "planAndDeploy"));

/** Writes the rows of a sync that begins, and what ends by it; the list of statuses beside whatever is next. */
async function writeStart(
  parts: StartParts,
  tenant: Stored<TenantSync>,
  sync: Sync,
  {
    waiting,
    revision,
  }: { readonly waiting: Stored<Sync> | undefined; readonly revision: Revision | undefined },
): Promise<Started | typeof lost> {
  const { store } = parts;
  const ended = waiting === undefined ? [] : [superseded(waiting, sync.startedAt)];
  const syncs = [{ value: sync, etag: "" }, ...ended];
  const written = await store.change(tenant, { syncs, revision });
  if (written === undefined) return lost;
  // What Intune holds of an earlier round of it goes on once that is approved there.
  const isOver = waiting !== undefined && (waiting.value.deployed?.waiting ?? 0) === 0;
  const listed = Promise.all([
    store.index(tenant.value),
    isOver ? store.close(sync.tenantId, waiting.value.syncId) : undefined,
  ]);
  const rows = [
    { value: tenant.value, etag: written.tenant },
    { value: sync, etag: written.sync },
  ] as const;
  const work = new SyncWork(parts, ...rows, listed);
  if (sync.phase === "export") work.hasBegun();
  return { work, listed };
}

/** The tenant's row, which waits for the next night where this one has come with the sync. */
function afterNight(
  { nextAt: nightAfter }: StartParts,
  { night }: NewSync,
  tenant: TenantSync,
  now: Instant,
): TenantSync {
  if (night === undefined || tenant.nextAt !== night) return tenant;
  const { nextAt: _, ...rest } = tenant;
  const nextAt = nightAfter(rest.settings, now);
  return nextAt === undefined ? rest : { ...rest, nextAt };
}

const revisionOf = (
  { desired: tree = "" }: TenantSync,
  { by, syncId }: NewSync,
  message: string,
  at: number,
): Revision => ({ v: 1, at, by, message, tree, syncId });

function superseded({ value, etag }: Stored<Sync>, now: number): Stored<Sync> {
  const { waits: _, ...rest } = value;
  return { value: { ...rest, phase: "done", outcome: "superseded", finishedAt: now }, etag };
}

/** Says that a tenant has a sync already. */
const underWay = ({ active = "", status }: TenantSync) =>
  fail(
    "conflict",
    `A sync is under way (${active}, ${syncStatuses[status].en}). Wait for its end, or cancel it.`,
    { retryAfterSeconds: 30 },
  ).failure;

type Asked = Pick<Sync, "tenantId" | "syncId" | "types"> & Partial<Pick<Sync, "items" | "undoes">>;

/** What a retry is for: the items that the tenant's last sync was to write and did not; of all types where none is named. */
async function retryOf<T extends Asked>(
  { store, clock }: Pick<SyncRows, "store" | "clock">,
  asked: T,
): Promise<T | Failure> {
  const { tenantId, items, types: named } = asked;
  const { last } = (await store.tenant(tenantId, clock.now())).value;
  const sync = last === undefined ? undefined : (await store.sync(tenantId, last))?.value;
  const failed = sync === undefined ? [] : await notDoneBy(store, sync);
  const isAsked = ({ type, key }: ItemName): boolean =>
    (named.length === 0 || named.includes(type)) &&
    (items === undefined || items.some((item) => item.type === type && item.key === key));
  const again = failed.filter(isAsked);
  const types = [...new Set(again.map(({ type }) => type))];
  if (again.length === 0) return nothingToRetry(tenantId);
  // The rest of what was to be taken back is taken back, too.
  const undoes = sync?.undoes === undefined ? {} : { undoes: sync.undoes };
  return { ...asked, ...undoes, types, items: again };
}

const nothingToRetry = (tenantId: string): Failure =>
  fail("nothing-to-retry", `The last sync of tenant ${tenantId} left no item failed or skipped.`)
    .failure;

/** Items that a sync failed to write or skipped; a retry that wrote nothing leaves all that it was for. */
async function notDoneBy(store: SyncStore, sync: Sync): Promise<ItemName[]> {
  const rows = (await store.items(sync.tenantId, sync.syncId)).map(({ value }) => value);
  if (rows.length === 0 && sync.mode === "retryFailed" && sync.outcome !== "succeeded")
    return sync.items ?? [];
  const isLeft = isLeftMoved(sync);
  const named = Map.groupBy(rows, ({ type, key }) => `${type}/${key}`);
  return [...named.values()].flatMap((own) => {
    const [{ type, key }] = own as [ItemProgress];
    const states = new Set(own.map((row) => (isLeft(row) ? "failed" : row.state)));
    const isOpen = !states.has("done") && (states.has("failed") || states.has("skipped"));
    return isOpen ? [{ type, key }] : [];
  });
}
