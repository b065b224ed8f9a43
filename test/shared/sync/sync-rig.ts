/**
 * Synchronisation without the host: real services over Azurite and the sandbox, with messages that the test handles
 * one by one, and time that passes at once. A tenant is small: types of Intune, which have no pace of their own here.
 */
import { ContainerClient } from "@azure/storage-blob";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { Blobs } from "../../../shared/storage/blobs.ts";
import type { Tables } from "../../../shared/storage/tables.ts";
import type { PlainItem } from "../../../shared/sync/configuration.ts";
import type { Item } from "../../../shared/sync/items/item.ts";
import type { Plan } from "../../../shared/sync/plan/plan.ts";
import { startDue } from "../../../shared/sync/run/nightly.ts";
import { startHere, sweepSyncs } from "../../../shared/sync/run/run-sync.ts";
import { type NewSync, startSync } from "../../../shared/sync/run/start-sync.ts";
import { undoSync } from "../../../shared/sync/run/undo.ts";
import { approve, cancelSync, planOfSync } from "../../../shared/sync/run/verdicts.ts";
import type { SyncStatus } from "../../../shared/sync/state/lifecycle.ts";
import { RulesDocument } from "../../../shared/sync/state/rules.ts";
import { changeSettings } from "../../../shared/sync/state/settings.ts";
import type { ItemProgress, Sync, TenantSync } from "../../../shared/sync/state/sync.ts";
import { SyncStore } from "../../../shared/sync/state/sync-store.ts";
import { trust, typeCode } from "../../local/sandbox/sign-in/person.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { Killed } from "../../support/fault-tap.ts";
import { startNotifyRig } from "../../support/notify-rig.ts";
import { passTime } from "../../support/passing-time.ts";
import { testStorage } from "../storage/open-storage.ts";

/** Whoever asks. */
const ada = { kind: "user", id: "ada" };
/** Types of the rig's syncs, where a test names no others. */
/** Where the people of the rig's tenants are at home. */
const domain = "contoso.example";
export const smallTypes = ["roleScopeTag", "assignmentFilter"];

/** Test files share their storage: whoever looks after all tenants would carry on what another file's sandbox answers for. */
class OwnSyncs extends SyncStore {
  readonly #mine: ReadonlySet<string>;

  constructor(tables: Tables, mine: ReadonlySet<string>) {
    super(tables);
    this.#mine = mine;
  }

  override async listOpen(top: number, token?: string) {
    const page = await super.listOpen(top, token);
    return { ...page, open: page.open.filter(({ tenantId }) => this.#mine.has(tenantId)) };
  }

  override async due(now: number, top: number, token?: string) {
    const page = await super.due(now, top, token);
    return { ...page, tenantIds: page.tenantIds.filter((id) => this.#mine.has(id)) };
  }

  override async withStatus(status: SyncStatus, top: number, after?: string) {
    const found = await super.withStatus(status, 10 * top, after);
    return found.filter((id) => this.#mine.has(id));
  }
}

/**
 * Where nothing runs beside anything else, whoever holds a blob's lease has died, and it would run out after a minute by
 * Azurite's clock, which is the machine's: it is broken, and the minute passes at once. Answers what sets that back.
 */
export function runOutLeases(): () => void {
  const lease: (this: Blobs, path: string, seconds: number) => ReturnType<Blobs["lease"]> =
    Reflect.get(Blobs.prototype, "lease");
  const container = new ContainerClient(storageConnectionString(), "muster");
  Blobs.prototype.lease = async function (path, seconds) {
    const taken = await lease.call(this, path, seconds);
    if (taken.kind !== "held") return taken;
    passTime(seconds * 1000);
    await container.getBlobClient(path).getBlobLeaseClient().breakLease(0);
    return lease.call(this, path, seconds);
  };
  return () => {
    Blobs.prototype.lease = lease;
  };
}

/** Starts it. */
export async function startSyncRig() {
  const rig = await startNotifyRig();
  const { sandbox, services, queues, faults } = rig;
  const { sync: parts, configuration } = services;
  const mine = new Set<string>();
  Object.assign(parts, { store: new OwnSyncs(services.storage.tables, mine) });
  const { clock, revisions, signIn } = parts;
  if (signIn === undefined || services.signIn === undefined)
    throw new Error("the rig has nothing to seal sign-ins with");
  trust(sandbox);
  // What the test looks at by itself is no call of a worker, and dies with none.
  const { tables } = await testStorage();
  const store = new SyncStore(tables);

  const syncOf = async (tenantId: string, syncId: string): Promise<Sync> => {
    const found = await store.sync(tenantId, syncId);
    if (found === undefined) throw new Error(`there is no sync ${syncId}`);
    return found.value;
  };
  const status = async (tenantId: string): Promise<TenantSync> =>
    (await store.tenant(tenantId, clock.now())).value;

  /** Handles messages until the sync has ended or waits for somebody, or `until` holds. */
  async function toRest(tenantId: string, syncId: string, until = () => false): Promise<Sync> {
    for (let handled = 0; handled < 400; handled += 1) {
      const sync = await syncOf(tenantId, syncId);
      if (sync.phase === "done" || sync.waits !== undefined || until()) return sync;
      const message = await queues.take();
      if (message !== undefined) {
        await rig.handle(message);
        continue;
      }
      // Its message was lost: minutes later somebody notices.
      passTime(2 * parts.claimMs + 1_000);
      await insist(() => sweepSyncs(parts));
    }
    throw new Error(
      `${syncId} comes to no rest: ${JSON.stringify(await syncOf(tenantId, syncId))}`,
    );
  }

  /** A caller whose request died asks again. */
  async function insist<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask();
        if (!faults.isDead()) return answer;
      } catch (error) {
        if (!(error instanceof Killed) && !faults.isDead()) throw error;
      }
      faults.revive();
    }
  }

  /** A caller whose request died, and who does not ask again. */
  async function attempt(ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof Killed) && !faults.isDead()) throw error;
    }
    if (faults.isDead()) faults.revive();
  }

  const newSync = (tenantId: string, over: Partial<NewSync> = {}): NewSync => ({
    tenantId,
    syncId: newestFirstId(clock.now()),
    mode: "planAndDeploy",
    trigger: "manual",
    // A retry is of whatever was left.
    types: over.mode === "retryFailed" ? [] : smallTypes,
    by: ada,
    ...over,
  });

  return {
    /** What lies below it. */
    below: rig,
    sandbox,
    parts,
    publishing: services.publishing,
    configuration,
    faults,
    queues,
    status,
    syncOf,
    toRest,
    insist,
    attempt,
    signInFor: { ...parts, signIn },
    /** What sign-ins are kept with. */
    signInParts: services.signIn,
    newSync,
    pass: (ms: number): void => passTime(ms),
    gate: services.access.approvals,
    handle: rig.handle,
    sweep: () => sweepSyncs(parts),
    startDue: () => startDue(parts, () => true),
    stop: rig.stop,
    settle: (tenantId: string, change: Parameters<typeof changeSettings>[2]) =>
      changeSettings(parts, tenantId, change),
    cancel: (tenantId: string, syncId: string) => cancelSync(parts, { tenantId, syncId }, ada),

    /** A tenant that Muster knows, with configuration in the sandbox. */
    async tenant(plan: Record<string, unknown> = {}) {
      const { id } = await sandbox.tenant({ devices: 1, ...plan });
      const added = await services.tenants.add({ tenantId: id, displayName: "Contoso", pace: {} });
      if (!added.ok) throw new Error(added.failure.detail);
      mine.add(id);
      // Time passes fast here, and whoever lets a night come does not want everybody's.
      await changeSettings(parts, id, { nightly: { enabled: false } });
      return id;
    },

    start: (tenantId: string, over: Partial<NewSync> = {}) =>
      startSync(parts, newSync(tenantId, over)),

    /** Starts one inside a request that waits for the first pass over it. */
    startHere: (asked: NewSync) => {
      const patient = { ...parts, wait: () => new Promise<void>(() => undefined) };
      return startHere(patient, asked);
    },

    signIn,
    /** Somebody who may write everything signs in for a tenant, by a code. */
    async signInto(
      tenantId: string,
      scopes: readonly string[] = ["RoleManagementPolicy.ReadWrite.Directory"],
    ): Promise<void> {
      await sandbox.control("POST", `/tenants/${tenantId}/consent`, { grantScopes: scopes });
      const deadline = clock.now() + 180_000;
      const request = {
        tenantId,
        deadline,
        scopes,
        roles: [],
        askedBy: "",
        reference: "",
      };
      const begun = await signIn.beginDeviceCode(request);
      if (begun.kind !== "begun") throw new Error(begun.words);
      const { userCode, signInId } = begun.code;
      await typeCode(sandbox, { user_code: userCode, user: `operator@${domain}` });
      passTime(6_000);
      const end = await signIn.pollDeviceCode(tenantId, signInId);
      if (end.kind !== "signedIn") throw new Error(JSON.stringify(end));
    },

    /** What is wanted of a type, item by item. */
    wanted: async (tenantId: string, type: string): Promise<readonly Item[]> => {
      const { desired } = await status(tenantId);
      const manifest = (await revisions.tree(tenantId, desired))[type];
      return (await revisions.content(tenantId, type, manifest)).items;
    },
    /** Wants these items so, beside all others. */
    async want(tenantId: string, items: readonly PlainItem[]): Promise<void> {
      const taken = await configuration.take(tenantId, items, {
        message: "wanted by a test",
        by: ada,
      });
      if (!taken.ok) throw new Error(JSON.stringify(taken.failure));
    },
    /** Takes back what a sync did, as far as its plan. */
    async undo({ tenantId, syncId }: Sync, over: Partial<NewSync> = {}): Promise<Sync> {
      const asked = { syncId: newestFirstId(clock.now()), types: smallTypes, by: ada, ...over };
      const started = await insist(() => undoSync(parts, { tenantId, syncId }, asked));
      if (!started.ok) throw new Error(started.failure.detail);
      return toRest(tenantId, asked.syncId);
    },

    /** Starts a sync and goes on with it until it rests. */
    async sync(tenantId: string, over: Partial<NewSync> = {}): Promise<Sync> {
      const asked = newSync(tenantId, over);
      const started = await insist(() => startSync(parts, asked));
      if (!started.ok) throw new Error(started.failure.detail);
      return toRest(tenantId, asked.syncId);
    },

    async plan(sync: Sync): Promise<Plan> {
      const plan = await planOfSync({ revisions }, sync);
      if (plan === undefined) throw new Error("there is no plan");
      return plan;
    },

    /** Approves all of a plan, as a caller who insists. */
    approve: (sync: Sync): Promise<unknown> =>
      insist(async () => {
        const { tenantId, syncId, plan } = sync;
        const done = await approve(
          parts,
          { tenantId, syncId },
          { planHash: plan?.hash ?? "" },
          ada,
        );
        if (done.ok || (await syncOf(tenantId, syncId)).approval !== undefined) return;
        throw new Error(done.failure.detail);
      }),

    items: async ({ tenantId, syncId }: Sync): Promise<ItemProgress[]> =>
      (await store.items(tenantId, syncId)).map(({ value }) => value),

    /** Handles what is left of messages. */
    async quiet(): Promise<void> {
      for (let message = await queues.take(); message; message = await queues.take())
        await rig.handle(message);
    },
    /** Syncs of a tenant that the sweeper would look after. */
    open: async (tenantId: string): Promise<string[]> =>
      (await store.listOpen(1000)).open.flatMap((each) =>
        each.tenantId === tenantId ? [each.syncId] : [],
      ),
    syncCount: async (tenantId: string): Promise<number> =>
      (await store.list(tenantId, 100)).items.length,
    /** Which content of a type the tenant had when it was last read. */
    manifest: async (tenantId: string, type: string): Promise<string | undefined> =>
      (await revisions.tree(tenantId, (await status(tenantId)).snapshot))[type],
    /** Says of an item that an approved plan had made it. */
    async allowDeletion(tenantId: string, name: string): Promise<void> {
      const { value, etag } = await store.tenant(tenantId, clock.now());
      const document = RulesDocument.parse({ deletable: [name] });
      const rules = await revisions.putDocument(tenantId, document);
      if ((await store.change({ value: { ...value, rules }, etag })) === undefined)
        throw new Error("somebody changed the tenant meanwhile");
    },

    /** What somebody does in the tenant by hand. */
    byHand: async (method: string, tenantId: string, path: string, body?: unknown) => {
      const at = `/tenants/${tenantId}/configuration/${path}`;
      const answer = await sandbox.control(method, at, body);
      if (answer.status >= 300) throw new Error(`${at}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    inTenant: async (tenantId: string, type: string): Promise<readonly InTenant[]> =>
      (
        await sandbox.control<{ value: InTenant[] }>(
          "GET",
          `/tenants/${tenantId}/configuration/${type}`,
        )
      ).body.value,
    behave: (tenantId: string, settings: Record<string, unknown>) =>
      sandbox.control("PUT", "/behaviour", { tenantId, ...settings }),
    writes: async (tenantId: string): Promise<Writes> =>
      (await sandbox.control<Writes>("GET", `/configuration-writes?tenantId=${tenantId}`)).body,
  };
}

export type SyncRig = Awaited<ReturnType<typeof startSyncRig>>;
type InTenant = Readonly<Record<string, unknown>> & { readonly id: string };
type Writes = {
  readonly total: number;
  readonly doubled: number;
  readonly value: readonly Record<string, unknown>[];
};
