/**
 * A worker's hold on a sync: the tenant's row and the sync's as they stand, and the only ways to change them. State
 * first, message second; every transition is a conditional write of both rows together, with an event for the audit
 * trail and for webhooks that whoever writes next sees to if we die.
 */
import type { AuditTrail } from "../../access/audit/trail.ts";
import { type Clock, type Instant, toIso } from "../../kernel/clock.ts";
import { digest } from "../../kernel/values.ts";
import { queueNames } from "../../storage/names.ts";
import type { Queues } from "../../storage/queues.ts";
import type { WebhookEvent } from "../../webhooks/webhook.ts";
import { type SyncEvent, statusAfter } from "./lifecycle.ts";
import {
  isOver,
  moved,
  type Revision,
  type Sync,
  type SyncError,
  type TenantSync,
  type TypeProgress,
  theService,
  type Who,
} from "./sync.ts";
import type { Stored, SyncStore } from "./sync-store.ts";

/** What webhooks are told of a transition. */
function eventsOf({ tenantId }: TenantSync, step: TenantSync["outbox"][number]) {
  const { eventId, at, from, to, syncId = "" } = step;
  if (from === to) return [];
  const about = { eventId, at, tenantId };
  const path = `/api/v1/tenants/${tenantId}/syncs/${syncId}`;
  const changed = { syncId, status: to, previous: from };
  const events: WebhookEvent[] = [{ ...about, type: "sync.statusChanged", path, data: changed }];
  return to === "pendingApproval"
    ? [
        ...events,
        {
          ...about,
          type: "sync.approvalPending" as const,
          path: `${path}/plan`,
          data: { syncId },
        },
      ]
    : events;
}

/** Somebody else has the sync now, or what was to happen to it is no longer possible. */
export class SyncLost extends Error {}

/** What it takes to change a sync. */
export type SyncRows = {
  readonly store: SyncStore;
  readonly queues: Pick<Queues, "send" | "withdraw">;
  readonly trail: AuditTrail;
  /** Tells webhooks; the same event again makes nothing twice. */
  readonly announce: (events: readonly WebhookEvent[]) => Promise<void>;
  readonly clock: Clock;
  /** How long a claim holds without a sign of life, in ms. */
  readonly claimMs: number;
  /** When a tenant's next sync is due by its settings. */
  readonly nextAt: (settings: TenantSync["settings"], now: Instant) => Instant | undefined;
};

/** What happens to a tenant's row, by whom, and why what is wanted is wanted from then on. */
type Step = {
  readonly event: SyncEvent;
  readonly by: Who;
  readonly message: string | undefined;
};

/** What a message or a handler names. */
export type SyncIds = Pick<Sync, "tenantId" | "syncId">;

/** What is told of a beginning waits so long for the end, to be told with it: most syncs of small tenants are through by then. */
const beginningMs = 1_000;
/** And so long where it is not even written: nobody waits for a night, and one that finds nothing is one write. */
const quietMs = 5_000;

/** A sync and its tenant, under our hands. */
export class SyncWork {
  readonly #rows: SyncRows;
  #tenant: Stored<TenantSync>;
  #sync: Stored<Sync>;
  #types: ReadonlyMap<string, TypeProgress> | undefined;
  /** What is being told of the last transition. */
  #telling: Promise<unknown> = Promise.resolve();
  /** Whether the sweeper has it on its list. */
  #isListed: boolean;
  /** Tells of a beginning some time. */
  #soon: NodeJS.Timeout | undefined;

  /** `telling`: what is under way that has to end before the next write. A sync without an etag is in no row yet. */
  constructor(
    rows: SyncRows,
    tenant: Stored<TenantSync>,
    sync: Stored<Sync>,
    telling: Promise<unknown> = Promise.resolve(),
  ) {
    this.#rows = rows;
    this.#tenant = tenant;
    this.#sync = sync;
    this.#isListed = this.isWritten;
    this.#tellOn(telling);
  }

  /** Lets something go on until the next write. */
  #tellOn(telling: Promise<unknown>): void {
    telling.catch(() => undefined);
    this.#telling = telling;
  }

  /** Waits for what is being told; what went wrong is said once. A beginning that nobody was told of goes with what comes next. */
  async #settled(): Promise<void> {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const telling = this.#telling;
    this.#telling = Promise.resolve();
    await telling;
  }

  get tenant(): TenantSync {
    return this.#tenant.value;
  }

  get sync(): Sync {
    return this.#sync.value;
  }

  get ids(): SyncIds {
    const { tenantId, syncId } = this.sync;
    return { tenantId, syncId };
  }

  /** Whether it is in its row: what begins where it is started may be over before anybody has to know of it. */
  get isWritten(): boolean {
    return this.#sync.etag !== "";
  }

  /** How far its types are, asked for once: nobody else writes them under our claim until a message is sent for one. */
  async types(): Promise<ReadonlyMap<string, TypeProgress>> {
    return (this.#types ??= await this.#rows.store.types(this.sync));
  }

  /** Sees to it that it is in its row, and that what happened is told. */
  async #toldAll(): Promise<void> {
    if (this.#soon !== undefined || !this.isWritten) {
      await this.#settled();
      this.#tellOn(this.#tellOfBeginning());
    }
    await this.#settled();
  }

  /** Waits until what happened is told, or could not be. */
  async told(): Promise<void> {
    await this.#settled().catch(() => undefined);
    if (this.isWritten && this.tenant.outbox.length > 0) await this.#tell().catch(() => undefined);
  }

  /** Adds the progress of types; those that are there stay. Where all are through they go with the next write. */
  async addTypes(progress: readonly TypeProgress[]): Promise<void> {
    const { tenantId, syncId, read = [] } = this.sync;
    const before = await this.types();
    if (progress.every(isOver)) this.note({ read: [...read, ...progress] });
    else {
      await this.#toldAll();
      await this.#rows.store.addTypes(tenantId, syncId, progress);
    }
    this.#types = new Map([...progress.map((each) => [each.type, each] as const), ...before]);
  }

  /** What the next write will say; of what is lost with this worker the next one makes the same again. */
  note(next: Partial<Sync>): void {
    this.#sync = { ...this.#sync, value: { ...this.sync, ...next } };
  }

  /** Whether the claim holds for a good while yet. */
  get isFresh(): boolean {
    return this.sync.leaseUntil - this.#rows.clock.now() > this.#rows.claimMs / 2;
  }

  /** Writes the sync's next state, and renews the claim. */
  async keep(next: Partial<Sync>): Promise<void> {
    const { clock, claimMs, store } = this.#rows;
    const now = clock.now();
    const value = { ...this.sync, leaseUntil: now + claimMs, touchedAt: now, ...next };
    await this.#toldAll();
    const etag = await store.replaceSync({ value, etag: this.#sync.etag });
    if (etag === undefined) throw new SyncLost(this.sync.syncId);
    this.#sync = { value, etag };
  }

  /** Writes what is known of the tenant's items beside their contents; whoever else has the sync loses it. */
  async decide(rules: string): Promise<void> {
    if (rules === this.tenant.rules) return;
    await this.#toldAll();
    await this.#keepBoth({ ...this.tenant, rules }, this.sync);
  }

  /** Lets it rest, or go on (null): whoever works on it loses it, and lists of tenants say so. */
  async pause(paused: NonNullable<Sync["paused"]> | null): Promise<void> {
    await this.#toldAll();
    const { paused: _, ...tenant } = this.tenant;
    // Workers that lost their writes by a pause are no losses.
    const sync = { ...this.sync, paused, touchedAt: this.#rows.clock.now(), losses: 0 };
    await this.#keepBoth({ ...tenant, ...(paused && { paused }) }, sync);
  }

  /** Writes both rows where nothing happens by it that is to be told, and all before is: or it would be untold again. */
  async #keepBoth(tenant: TenantSync, sync: Sync): Promise<void> {
    const etags = await this.#change(tenant, sync);
    this.#tenant = { value: tenant, etag: etags.tenant };
    this.#sync = { value: sync, etag: etags.sync };
  }

  /** Lets the next worker begin at once. */
  release(): Promise<void> {
    return this.keep({ leaseUntil: this.#rows.clock.now() });
  }

  /**
   * Moves the tenant's row by an event, and both rows to what follows from it. Whatever asked for it is audited by
   * itself where a person's request did, and as the service's doing here otherwise. A `message` makes what is wanted
   * from now on a revision.
   * @throws SyncLost when the status does not allow it, or somebody was faster.
   */
  async move(
    event: SyncEvent,
    nextSync: Partial<Sync> & { readonly waits?: Sync["waits"] | undefined },
    nextTenant: Partial<TenantSync> = {},
    by: Who = theService,
    message?: string,
  ): Promise<void> {
    await this.#settled();
    await this.#moveFrom(this.tenant, { event, by, message }, nextSync, nextTenant);
  }

  /** The same from another row of the tenant than that which was written last. */
  async #moveFrom(
    from: TenantSync,
    { event, by, message }: Step,
    nextSync: Partial<Sync> & { readonly waits?: Sync["waits"] | undefined },
    nextTenant: Partial<TenantSync>,
  ): Promise<void> {
    const { clock, claimMs } = this.#rows;
    const now = clock.now();
    const eventId = digest(this.sync.syncId, event, this.#sync.etag).slice(0, 32);
    const { syncId: about } = this.sync;
    const after = moved(from, { event, by, now, eventId, syncId: about });
    if (after === undefined) throw new SyncLost(`${event} in ${from.status}`);
    const { waits: _, ...before } = this.sync;
    const tenant = { ...after, ...nextTenant };
    const sync = { ...before, leaseUntil: now + claimMs, touchedAt: now, ...defined(nextSync) };
    const { syncId } = sync;
    const revision =
      message === undefined || tenant.desired === undefined
        ? undefined
        : { v: 1 as const, at: now, by, message, tree: tenant.desired, syncId };
    const etags = await this.#change(tenant, sync, revision);
    this.#tenant = { value: tenant, etag: etags.tenant };
    this.#sync = { value: sync, etag: etags.sync };
    if (event !== "begin") {
      await this.#tell();
      return;
    }
    this.hasBegun();
  }

  /** Nothing is read yet. Of the beginning nobody is told before the end, where that comes soon. */
  hasBegun(): void {
    this.#types = new Map();
    this.#soon = setTimeout(
      () => {
        this.#soon = undefined;
        this.#tellOn(this.#tellOfBeginning());
      },
      this.isWritten ? beginningMs : quietMs,
    );
  }

  /** Writes the start, where that was left to whatever comes first, and tells of it. */
  async #tellOfBeginning(): Promise<void> {
    if (!this.isWritten) {
      // What is noted meanwhile goes with the next write.
      const { tenant, sync } = await this.#change(this.tenant, this.sync);
      this.#tenant = { ...this.#tenant, etag: tenant };
      this.#sync = { ...this.#sync, etag: sync };
    }
    await this.#tell();
  }

  /** Writes both rows; answers their etags. One that has not ended is looked after by the sweeper from its first write on. */
  async #change(tenant: TenantSync, sync: Sync, revision?: Revision) {
    const { store } = this.#rows;
    if (!this.#isListed && sync.phase !== "done") {
      await store.open(sync.tenantId, sync.syncId);
      this.#isListed = true;
    }
    const etags = await store.change(
      { value: tenant, etag: this.#tenant.etag },
      { syncs: [{ value: sync, etag: this.#sync.etag }], revision },
    );
    if (etags === undefined) throw new SyncLost(sync.syncId);
    return etags;
  }

  /** Tells trail, webhooks and lists how it stands; what has ended is off the sweeper's list then. */
  async #tell(): Promise<void> {
    const published = this.#publish();
    // What has ended may be on no list of the sweeper: it stays due by the list of tenants until the rest is told, and is found there.
    if (this.sync.phase === "done") await published;
    await Promise.all([published, this.#rows.store.index({ ...this.tenant, outbox: [] })]);
    const isDone = this.sync.phase === "done" && this.#isListed;
    await Promise.all([this.#strike(), isDone ? this.#close() : undefined]);
  }

  /** Ends the sync. */
  async finish(
    event: SyncEvent,
    end: Partial<Sync> & Pick<Sync, "outcome">,
    tenant: Partial<TenantSync> = {},
    by: Who = theService,
    message?: string,
  ): Promise<void> {
    const now = this.#rows.clock.now();
    // Telling what came before ends in a tenant's row of then, which would bring back what is taken out of it here.
    await this.#settled();
    const { active: _, paused: __, error: ___, lacksConsent, ...before } = this.tenant;
    const { nextAt: dueAt, plan: ____, ...rest } = before;
    const { plan } = { ...this.sync, ...end };
    const lacking = lackingAfter({ ...this.tenant, lacksConsent }, this.sync, event, now);
    const isAhead = dueAt !== undefined && dueAt > now;
    const nextAt = isAhead ? dueAt : this.#rows.nextAt(rest.settings, now);
    const due = {
      ...(nextAt === undefined ? {} : { nextAt }),
      ...(plan === undefined ? {} : { plan: plan.document }),
      ...(lacking === undefined ? {} : { lacksConsent: lacking }),
    };
    await this.#moveFrom(
      { ...rest, ...due, last: this.sync.syncId },
      { event, by, message },
      { ...end, phase: "done", finishedAt: now, leaseUntil: now },
      tenant,
    );
  }

  /** Ends it with an error that a person has to see; `end` and `tenant`: what else the rows say from then on. */
  fail(
    error: Omit<SyncError, "at" | "correlationId">,
    event: "fail" | "blockSignIn" | "declineConsent" = "fail",
    end: Partial<Sync> = {},
    tenant: Partial<TenantSync> = {},
  ): Promise<void> {
    const at = toIso(this.#rows.clock.now());
    const told = { ...error, at, correlationId: this.sync.syncId };
    const failed = { ...end, outcome: "failed", error: told } as const;
    return this.finish(event, failed, { ...tenant, error: told });
  }

  /** Sends the message that goes on with it. */
  async tell(delaySeconds = 0): Promise<void> {
    await this.#rows.queues.send(queueNames.syncWork, this.ids, delaySeconds);
  }

  /** What is left when it has ended: repeated until it succeeds, since it stays on the sweeper's list until then. */
  async tidy(): Promise<void> {
    await this.#settled();
    await this.#tell();
  }

  /** Takes it off the sweeper's list; what Intune holds goes on once it is approved there. */
  async #close(): Promise<void> {
    const { tenantId, syncId, deployed } = this.sync;
    if ((deployed?.waiting ?? 0) === 0) await this.#rows.store.close(tenantId, syncId);
  }

  /** Tells the trail and webhooks what they may not know yet. After a crash they may be told twice, under one id. */
  async #publish(): Promise<void> {
    const { trail, announce } = this.#rows;
    const { tenantId, outbox } = this.tenant;
    if (outbox.length === 0) return;
    // What a person did is in the trail by their request.
    const ours = outbox.filter(({ by }) => by.kind === "system");
    const appended = ours.map(({ eventId, at, event, from, to, by, syncId }) =>
      trail.append({
        eventId,
        at: toIso(at),
        actor: { kind: "system", id: by.id },
        operation: "sync-transition",
        tenantId,
        object: `sync/${syncId ?? ""}`,
        outcome: "allowed",
        before: { status: from },
        after: { status: to, event },
        requestId: syncId ?? eventId,
      }),
    );
    await Promise.all(appended);
    await announce(outbox.flatMap((step) => eventsOf(this.tenant, step)));
  }

  /** Strikes off what was told. */
  async #strike(): Promise<void> {
    const { store } = this.#rows;
    if (this.tenant.outbox.length === 0) return;
    const value = { ...this.tenant, outbox: [] };
    const etags = await store.change({ value, etag: this.#tenant.etag });
    // Whoever was faster has them on the row still, and our next write will say that it is lost.
    if (etags !== undefined) this.#tenant = { value, etag: etags.tenant };
  }
}

/** What a tenant's row says of missing consent after an end: one that came to nothing leaves what the night had said. */
function lackingAfter(
  { status, resting, lacksConsent }: Pick<TenantSync, "status" | "resting"> & Lacks,
  { syncId }: Sync,
  event: SyncEvent,
  now: Instant,
): Lacks["lacksConsent"] {
  if (event === "finishWithoutConsent")
    return { since: lacksConsent?.since ?? now, askedAt: now, syncId };
  const to = statusAfter(status, event, resting);
  // An error goes back to the same, once somebody has taken note of it.
  const isBack = resting === "pendingAdminConsent" && (to === resting || to === "newError");
  return isBack ? lacksConsent : undefined;
}

type Lacks = { readonly lacksConsent: TenantSync["lacksConsent"] | undefined };

/** Without what is explicitly nothing. */
const defined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;

/** Both rows of a sync that is still there. */
export async function openWork(
  rows: SyncRows,
  { tenantId, syncId }: SyncIds,
): Promise<SyncWork | undefined> {
  const [sync, tenant] = await Promise.all([
    rows.store.sync(tenantId, syncId),
    rows.store.tenant(tenantId, rows.clock.now()),
  ]);
  return sync === undefined ? undefined : new SyncWork(rows, tenant, sync);
}
