/** What is kept of syncs, and what becomes of contents that nothing refers to: over Azurite, with a clock that is set. */
import { randomUUID } from "node:crypto";
import { array, assert, asyncProperty, boolean, integer, property, record } from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { digest, newestFirstId } from "../../../shared/kernel/values.ts";
import type { Blobs } from "../../../shared/storage/blobs.ts";
import type { JsonObject } from "../../../shared/sync/items/json.ts";
import { expendable, expireSyncs, removeUnused } from "../../../shared/sync/retention.ts";
import {
  configurationPrefix,
  type KeptItem,
  Repository,
} from "../../../shared/sync/revisions/revisions.ts";
import { neverSynced, Sync, type TenantSync } from "../../../shared/sync/state/sync.ts";
import { SyncStore } from "../../../shared/sync/state/sync-store.ts";
import { testStorage } from "../storage/open-storage.ts";

const dayMs = 24 * 3600_000;
const ada = { kind: "user", id: "ada" };
const always = (): boolean => true;

const syncAt = (startedAt: number, over: Partial<Sync> = {}): Sync =>
  Sync.parse({
    v: 1,
    tenantId: "",
    syncId: newestFirstId(startedAt),
    mode: "planAndDeploy",
    trigger: "schedule",
    requestedBy: ada,
    startedAt,
    types: ["roleScopeTag"],
    onMissingUser: "wait",
    skipped: [],
    phase: "done",
    replans: 0,
    leaseUntil: 0,
    touchedAt: startedAt,
    losses: 0,
    ...over,
  });
const wrote = { deployed: { done: 1, failed: 0, waiting: 0, skipped: 0 } };

const isWriter = ({ deployed }: Sync): boolean => deployed !== undefined;

describe("of syncs that are old enough to go", () => {
  it("those stay that are among the latest, that could be taken back, or that have not ended", () => {
    const anySync = record({ wrote: boolean(), waits: boolean(), open: boolean() });
    const world = record({
      newer: integer({ max: 30, min: 0 }),
      writers: integer({ max: 9, min: 0 }),
    });
    assert(
      property(array(anySync, { maxLength: 60 }), world, (given, { newer, writers }) => {
        const page = given.map((each, at) =>
          syncAt(1e12 - at * dayMs, {
            ...(each.wrote ? wrote : {}),
            ...(each.waits ? { deployed: { ...wrote.deployed, waiting: 1 } } : {}),
            ...(each.open ? { phase: "deploy" as const } : {}),
          }),
        );
        const { syncId: active = "" } = page.at(-1) ?? {};
        const rank = { syncs: newer, writers: Math.min(newer, writers) };
        const going = new Set(expendable(page, rank, { active }));
        for (const [at, sync] of page.entries()) {
          const before = page.slice(0, at);
          const isLate = rank.syncs + at < 20;
          const isLateWriter = rank.writers + before.filter(isWriter).length < 5 && isWriter(sync);
          const isOpen = sync.phase !== "done" || (sync.deployed?.waiting ?? 0) > 0;
          const stays = isLate || isLateWriter || isOpen || sync.syncId === active;
          expect(going.has(sync)).toBe(!stays);
        }
      }),
    );
  });
});

/** A tenant far in the future, so that everything that Azurite was given before is long ago. */
async function newTenant() {
  let now = Date.now() + 400 * dayMs;
  let calls = 0;
  let beforeRemoval: (() => Promise<unknown>) | undefined;
  const { tables, blobs } = await testStorage(undefined, async (operation, call) => {
    calls += 1;
    if (operation === "blob.remove") await beforeRemoval?.();
    return call();
  });
  const tenantId = randomUUID();
  const store = new SyncStore(tables);
  const revisions = new Repository(blobs);
  const known = new Set<string>([tenantId]);
  const clock = { now: () => now };
  const parts = {
    store,
    revisions,
    blobs,
    clock,
    knows: (id: string) => Promise.resolve(known.has(id)),
  };

  const tenant = () => store.tenant(tenantId, now);
  async function settle(change: Partial<TenantSync>, sync?: Sync, tree?: string): Promise<void> {
    const { value, etag } = await tenant();
    const row = etag === "" ? neverSynced(tenantId, now) : value;
    const revision =
      tree === undefined
        ? {}
        : { revision: { v: 1 as const, at: now, by: ada, message: "", tree } };
    const syncs = sync === undefined ? [] : [{ value: { ...sync, tenantId }, etag: "" }];
    await store.change({ value: { ...row, ...change }, etag }, { syncs, ...revision });
  }
  return {
    parts,
    tenantId,
    tenant,
    settle,
    pass: (ms: number): void => {
      now += ms;
    },
    now: () => now,
    forget: (): boolean => known.delete(tenantId),
    calls: (): number => calls,
    onRemoval: (act: () => Promise<unknown>): void => {
      beforeRemoval = act;
    },
    /** A tree with these texts as items of one type. */
    async tree(texts: readonly string[], before?: string): Promise<string> {
      const type = "roleScopeTag";
      const manifest = (await revisions.tree(tenantId, before))[type];
      const made = await revisions.putType(tenantId, type, texts.map(itemOf), manifest);
      return revisions.putTree(tenantId, { [type]: made }, before);
    },
    expire: (mayGoOn = always) => expireSyncs(parts, tenantId, now - 90 * dayMs, mayGoOn),
    remove: (mayGoOn = always) => removeUnused(parts, mayGoOn),
    names: () => namesIn(blobs, tenantId),
    noted: async (): Promise<boolean> =>
      (await store.listUnused(1000)).tenantIds.includes(tenantId),
  };
}
type World = Awaited<ReturnType<typeof newTenant>>;

function itemOf(text: string): KeptItem {
  const body: JsonObject = { displayName: text.slice(0, 1), description: text };
  const named = { type: "roleScopeTag", key: text.slice(0, 1), name: text };
  return { item: { ...named, body }, entry: { ...named, hash: digest(JSON.stringify(body)) } };
}

async function namesIn(blobs: Blobs, tenantId: string): Promise<string[]> {
  const prefix = configurationPrefix(tenantId);
  const names: string[] = [];
  const note = (path: string): boolean => (names.push(path.slice(prefix.length)), false);
  await blobs.removeWhere(prefix, note, always);
  return names.toSorted();
}

/** Reads all that rows lead to; answers the names of the blobs that this took. */
async function reachable({ parts, tenantId, tenant }: World): Promise<string[]> {
  const { store, revisions } = parts;
  const names = new Set<string>();
  const walk = async (hash: string | undefined): Promise<void> => {
    if (hash === undefined || names.has(`trees/${hash}`)) return;
    names.add(`trees/${hash}`);
    for (const [type, manifest] of Object.entries(await revisions.tree(tenantId, hash))) {
      if (names.has(`manifests/${manifest}`)) continue;
      names.add(`manifests/${manifest}`);
      const listed = await revisions.list(tenantId, type, manifest);
      for (const { at } of listed) names.add(`packs/${at[0]}`);
      const { items, entries } = await revisions.content(tenantId, type, manifest);
      expect(items).toHaveLength(listed.length);
      for (const { key, body } of items)
        expect(digest(JSON.stringify(body))).toBe(entries.get(key)?.hash);
    }
  };
  const read = async (hash: string | undefined): Promise<void> => {
    if (hash === undefined) return;
    names.add(`documents/${hash}`);
    await revisions.document(tenantId, hash, { parse: (value) => value });
  };
  const { value } = await tenant();
  for (const tree of [value.snapshot, value.desired]) await walk(tree);
  await read(value.rules);
  for await (const { tree } of store.allRevisions(tenantId)) await walk(tree);
  for (const sync of (await store.list(tenantId, 1000)).items) {
    for (const tree of [sync.base, sync.snapshot, sync.desired, sync.after]) await walk(tree);
    await read(sync.plan?.document);
    await read(sync.approval?.chosen);
    for (const item of await store.items(tenantId, sync.syncId)) await read(item.value.found);
  }
  return [...names].toSorted();
}

let world: World;
beforeEach(async () => {
  world = await newTenant();
});

/** A tenant whose first sync alone knows what it found. */
async function withOldSync(): Promise<string> {
  const [old, later] = [await world.tree(["a1", "b1"]), await world.tree(["a2", "b1"])];
  await world.settle({ snapshot: old }, syncAt(world.now() - 200 * dayMs, { snapshot: old }));
  for (let nth = 0; nth < 20; nth += 1)
    await world.settle(
      { snapshot: later, desired: later },
      syncAt(world.now() - nth * dayMs, { snapshot: later, desired: later }),
    );
  return old;
}

describe("old syncs", () => {
  it("go with what only they needed, and cost one request where there is none", async () => {
    const old = await withOldSync();
    expect(await world.names()).toContain(`trees/${old}`);
    expect(await world.expire()).toBe(1);
    expect(await world.noted()).toBe(true);
    expect(await world.remove()).toBe(3);
    expect(await world.names()).toEqual(await reachable(world));
    expect(await world.noted()).toBe(false);
    const before = world.calls();
    expect(await world.expire()).toBe(0);
    expect(world.calls() - before).toBe(1);
  });

  it("are noted before they go: whoever dies in between leaves nothing behind for ever", async () => {
    await withOldSync();
    let looks = 0;
    await world.expire(() => (looks += 1) > 1);
    expect(await world.noted()).toBe(true);
    expect((await world.parts.store.list(world.tenantId, 100)).items).toHaveLength(21);
    expect(await world.expire()).toBe(1);
  });
});

describe("contents that nothing refers to", () => {
  it("stay for a day, since a write may be under way, and stay where they are written anew", async () => {
    await withOldSync();
    await world.expire();
    // Half a day after everything here was written.
    world.pass(Date.now() - world.now() + dayMs / 2);
    expect(await world.remove()).toBe(0);
    expect(await world.noted()).toBe(false);
    await world.parts.store.noteUnused(world.tenantId);
    world.pass(dayMs);
    const renewed = { done: false };
    world.onRemoval(async () => {
      if (renewed.done) return;
      renewed.done = true;
      // Times of blobs are whole seconds.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await world.tree(["a1", "b1"]);
    });
    expect(await world.remove()).toBe(0);
  });

  it("stay while a sync is at work, and not while one waits for a person", async () => {
    await withOldSync();
    await world.expire();
    const syncId = newestFirstId(world.now());
    const waits = { for: "approval" as const, since: 0, until: world.now() + dayMs };
    await world.settle({ active: syncId }, syncAt(world.now(), { syncId, phase: "export" }));
    expect(await world.remove()).toBe(0);
    expect(await world.noted()).toBe(true);
    const { store } = world.parts;
    const stored = (await store.sync(world.tenantId, syncId))!;
    await store.replaceSync({
      value: { ...stored.value, phase: "deploy", waits },
      etag: stored.etag,
    });
    expect(await world.remove()).toBe(3);
    expect(await world.noted()).toBe(false);
  });

  it("are the purge's where the tenant is removed", async () => {
    await withOldSync();
    await world.expire();
    world.forget();
    expect(await world.remove()).toBe(0);
    expect(await world.noted()).toBe(false);
  });

  it("go in as many runs as it takes, each going on where the last one left off", async () => {
    await withOldSync();
    await world.expire();
    let [runs, removed] = [0, 0];
    for (; (await world.noted()) && runs < 20; runs += 1) {
      let looks = 0;
      removed += await world.remove(() => (looks += 1) < 3);
    }
    expect(removed).toBe(3);
    expect(runs).toBeGreaterThan(1);
    expect(await world.names()).toEqual(await reachable(world));
  });
});

/** What happens to a tenant, one after the other. */
const anyStep = record({
  texts: array(integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 }),
  what: integer({ min: 0, max: 3 }),
  days: integer({ min: 0, max: 40 }),
  deploys: boolean(),
});
type Step = typeof anyStep extends { generate: (...args: never[]) => { value: infer T } }
  ? T
  : never;

async function happens(step: Step): Promise<void> {
  const { tenantId, settle, parts, now } = world;
  world.pass(step.days * dayMs);
  const { value } = await world.tenant();
  const texts = step.texts.map((text, at) => `${"abc".charAt(at)}${text}`);
  if (step.what === 0) {
    const desired = await world.tree(texts, value.desired);
    return settle({ desired }, undefined, desired);
  }
  const snapshot = await world.tree(texts, value.snapshot);
  const desired = value.desired ?? snapshot;
  const document = await parts.revisions.putDocument(tenantId, { texts, now: now() });
  const plan = { document, hash: "", counts: counts };
  const syncId = newestFirstId(now());
  const base = value.snapshot ?? snapshot;
  const by = { by: ada, at: now(), chosen: document, changes: 1 };
  const deployed = step.deploys ? { ...wrote, base, after: snapshot, approval: by } : {};
  const sync = syncAt(now(), { syncId, snapshot, desired, plan, ...deployed });
  await settle({ snapshot, desired, last: syncId }, sync, step.what === 1 ? desired : undefined);
  if (!step.deploys) return;
  const found = await parts.revisions.putDocument(tenantId, { kept: null, syncId });
  const item = { v: 1, changeId: "one", type: "roleScopeTag", key: "a", name: "a" } as const;
  const done = {
    action: "update",
    state: "done",
    tries: 1,
    round: 0,
    touchedAt: now(),
    found,
  } as const;
  await parts.store.addItems(tenantId, syncId, [{ ...item, ...done }]);
}
const counts = { creates: 0, updates: 1, deletes: 0, blocked: 0, held: 0, unmanaged: 0 };

describe("whatever happens to a tenant", () => {
  it("all that rows lead to reads whole, and nothing else is kept", {
    timeout: 60_000,
  }, async () => {
    await assert(
      asyncProperty(array(anyStep, { minLength: 25, maxLength: 30 }), async (steps) => {
        world = await newTenant();
        for (const [at, step] of steps.entries()) {
          await happens(step);
          if (at % 10 !== 9) continue;
          await world.expire();
          await world.remove();
        }
        await world.parts.store.noteUnused(world.tenantId);
        await world.remove();
        expect(await world.names()).toEqual(await reachable(world));
        const { items } = await world.parts.store.list(world.tenantId, 1000);
        expect(items.length).toBeGreaterThanOrEqual(Math.min(20, items.length));
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });
});
