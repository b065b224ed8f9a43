/**
 * A tenant's configuration as people work with it: what is wanted beside what was last read, one item with its history,
 * an edit, and everything as plain JSON out and in. Nothing here touches the tenant: an edit makes a revision, and the
 * next sync plans it.
 */
import type * as z from "zod";
import { type Clock, toIso } from "../kernel/clock.ts";
import { type Failure, type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { lost, updateRow } from "../storage/tables.ts";
import type { ConfigurationType } from "./catalogue/configuration-type.ts";
import type { ItemDetail, ItemView, TypeView } from "./contract.ts";
import { canonical } from "./items/canonical.ts";
import { schemaFaults } from "./items/edit.ts";
import type { JsonObject } from "./items/json.ts";
import { compareHere } from "./plan/compare.ts";
import { isAsCreated } from "./plan/plan.ts";
import { rulesAfterReset } from "./plan/reset.ts";
import {
  type KeptItem,
  keptOf,
  type ListedItem,
  type Repository,
  type Tree,
} from "./revisions/revisions.ts";
import { type RulesDocument, readRules, withEdit } from "./state/rules.ts";
import type { ItemName, Who } from "./state/sync.ts";
import type { SyncStore } from "./state/sync-store.ts";
import { itemRulesView } from "./views.ts";

type Parts = {
  readonly store: SyncStore;
  readonly revisions: Repository;
  readonly clock: Clock;
  readonly types: readonly ConfigurationType[];
};

/** An item by type and key with its wanted content, as it travels in and out. */
export type PlainItem = {
  readonly type: string;
  readonly key: string;
  readonly name: string;
  readonly body: JsonObject;
};

const maxHistory = 50;

/** The repository of a tenant's configuration. */
export class Configuration {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Every type there is, with how many items it has. */
  async types(tenantId: string, isEnabled: (type: ConfigurationType) => boolean) {
    const { tenant, desired, actual } = await this.#trees(tenantId);
    const counted = async (tree: Tree, key: string): Promise<number> =>
      (await this.#parts.revisions.list(tenant.tenantId, key, tree[key])).length;
    const views: z.output<typeof TypeView>[] = [];
    for (const type of this.#parts.types)
      views.push({
        type: type.key,
        names: type.names,
        isWritten: type.isWritten,
        enabled: isEnabled(type),
        writtenBy: type.writtenBy,
        changeable: Object.fromEntries(
          Object.entries(type.changeable).flatMap(([what, allowed]) =>
            allowed === true ? [] : [[what, `${allowed.reason}: ${allowed.detail}`]],
          ),
        ),
        items: await counted(desired, type.key),
        inTenant: await counted(actual, type.key),
      });
    return views;
  }

  /** Items of a type, in the order of their keys. */
  async items(tenantId: string, type: string): Promise<Result<z.output<typeof ItemView>[]>> {
    if (this.#typeOf(type) === undefined) return unknownType(type);
    const { tenant, desired, actual } = await this.#trees(tenantId);
    const { revisions } = this.#parts;
    const wanted = byKey(await revisions.list(tenantId, type, desired[type]));
    const found = byKey(await revisions.list(tenantId, type, actual[type]));
    const rules = await readRules(revisions, tenant);
    const keys = [...new Set([...wanted.keys(), ...found.keys()])].toSorted();
    return succeed(
      keys.map((key) => viewOf({ type, key }, wanted.get(key), found.get(key), rules)),
    );
  }

  /** One item with what is wanted, what the tenant has, and who changed what is wanted. */
  async item(
    tenantId: string,
    type: string,
    key: string,
  ): Promise<Result<{ readonly view: z.output<typeof ItemDetail>; readonly etag: string }>> {
    const known = this.#typeOf(type);
    if (known === undefined) return unknownType(type);
    const { revisions } = this.#parts;
    const { tenant, desired, actual } = await this.#trees(tenantId);
    const wanted = byKey(await revisions.list(tenantId, type, desired[type])).get(key);
    const found = byKey(await revisions.list(tenantId, type, actual[type])).get(key);
    if (wanted === undefined && found === undefined) return unknownItem(type, key);
    const rules = await readRules(revisions, tenant);
    const [own, theirs] = [await this.#body(tenantId, wanted), await this.#body(tenantId, found)];
    const view = {
      ...viewOf({ type, key }, wanted, found, rules),
      ...(own && { desired: own }),
      ...(theirs && { actual: theirs }),
      differences: compareHere(known, theirs, own),
      ...itemRulesView(rules, { type, key }, this.#parts.clock.now()),
      history: await this.#history(tenantId, known, key),
    };
    return succeed({ view, etag: etagOf(wanted) });
  }

  async #body(tenantId: string, listed: ListedItem | undefined): Promise<JsonObject | undefined> {
    return listed && (await this.#parts.revisions.item(tenantId, listed)).body;
  }

  /** Revisions in which the item is another one than in the one before, each with what became other. */
  async #history(tenantId: string, type: ConfigurationType, key: string) {
    const { store, revisions } = this.#parts;
    const made = (await store.revisions(tenantId, maxHistory + 1)).toReversed();
    const history: z.output<typeof ItemDetail>["history"] = [];
    let last: { readonly hash?: string | undefined; readonly body?: JsonObject | undefined } = {};
    for (const [nth, { revisionId, at, by, message, tree }] of made.entries()) {
      const manifest = (await revisions.tree(tenantId, tree))[type.key];
      const items = await revisions.list(tenantId, type.key, manifest);
      const listed = items.find((item) => item.key === key);
      const hash = listed?.hash;
      if (hash === last.hash) continue;
      const body = await this.#body(tenantId, listed);
      // Where there are more revisions, nobody knows from the first of these who made the item what it was by then.
      if (nth > 0 || made.length <= maxHistory)
        history.push({
          revision: revisionId,
          at: toIso(at),
          by,
          message,
          ...(hash === undefined ? {} : { hash }),
          properties: compareHere(type, last.body, body),
        });
      last = { hash, body };
    }
    return history.toReversed();
  }

  /** Changes what is wanted of an item, or adds it. `ifMatch`: only the version that the caller read. */
  async edit(
    tenantId: string,
    name: { readonly type: string; readonly key: string },
    edit: { readonly body: JsonObject; readonly message: string },
    { ifMatch, by }: { readonly ifMatch: string | undefined; readonly by: Who },
  ): Promise<Result<{ readonly etag: string }>> {
    const type = this.#typeOf(name.type);
    if (type === undefined) return unknownType(name.type);
    const called = await this.#called(tenantId, [name]);
    const entry = this.#checked(type, name.key, edit.body, { pointer: "/body", called });
    if (!entry.ok) return entry;
    const { revisions } = this.#parts;
    const said = { by, message: edit.message, names: [name] };
    return this.#revise(tenantId, said, async (desired) => {
      const content = await revisions.content(tenantId, type.key, desired[type.key]);
      const before = content.entries.get(name.key);
      if (ifMatch !== undefined && ifMatch !== etagOf(before)) return changedMeanwhile(name.key);
      const { item, entry: fresh } = entry.value;
      const id = before?.id === undefined ? {} : { id: before.id };
      const others = keptOf(content).filter((each) => each.item.key !== name.key);
      const kept = [...others, { item: { ...item, ...id }, entry: { ...fresh, ...id } }];
      const manifest = await revisions.putType(tenantId, type.key, kept, desired[type.key]);
      return succeed({ tree: { ...desired, [type.key]: manifest }, etag: etagOf(fresh) });
    });
  }

  /**
   * Wants an item no longer, with all that was decided about it; `ifMatch`: only the version that the caller read.
   * Whoever says so lets a later plan delete it, where deletions of its type are switched on.
   */
  async unwant(
    tenantId: string,
    name: ItemName,
    message: string,
    { ifMatch, by }: { readonly ifMatch: string | undefined; readonly by: Who },
  ): Promise<Result<unknown>> {
    const { type, key } = name;
    if (this.#typeOf(type) === undefined) return unknownType(type);
    const { revisions } = this.#parts;
    return this.#revise(tenantId, { by, message, names: [name] }, async (desired) => {
      const content = await revisions.content(tenantId, type, desired[type]);
      const before = content.entries.get(key);
      if (before === undefined)
        return fail("unknown-configuration", `There is no ${type} ${key} that is wanted.`);
      if (ifMatch !== undefined && ifMatch !== etagOf(before)) return changedMeanwhile(key);
      const others = keptOf(content).filter((each) => each.item.key !== key);
      const manifest = await revisions.putType(tenantId, type, others, desired[type]);
      return succeed({
        tree: { ...desired, [type]: manifest },
        etag: "",
        decide: (rules) => {
          const deletable = [...new Set([...rules.deletable, `${type}/${key}`])].toSorted();
          return { ...withoutItem(rules, name), deletable };
        },
      });
    });
  }

  /** What is wanted, item by item. */
  async *plain(tenantId: string): AsyncGenerator<PlainItem> {
    const { desired } = await this.#trees(tenantId);
    for (const [type, manifest] of Object.entries(desired)) {
      const content = await this.#parts.revisions.content(tenantId, type, manifest);
      for (const { key, name, body } of content.items) yield { type, key, name, body };
    }
  }

  /** The hash of each wanted item of some types, by `type/key`. */
  async wantedHashes(tenantId: string, types: readonly string[]): Promise<Map<string, string>> {
    const { desired } = await this.#trees(tenantId);
    const hashes = new Map<string, string>();
    for (const type of new Set(types))
      for (const { key, hash } of await this.#parts.revisions.list(tenantId, type, desired[type]))
        hashes.set(`${type}/${key}`, hash);
    return hashes;
  }

  /** Takes items in: all or none, and every fault is named. */
  async take(
    tenantId: string,
    items: readonly PlainItem[],
    said: { readonly message: string; readonly by: Who },
    placeOf?: (at: number) => string,
  ): Promise<Result<{ readonly etag: string }>> {
    const { kept, faults } = this.judge(items, placeOf, await this.#called(tenantId, items));
    if (faults.length > 0)
      return fail("invalid-request", "Nothing was taken in: some items are not in order.", {
        faults: faults.slice(0, 100),
      });
    return this.want(tenantId, await this.keyedHere(tenantId, kept), said);
  }

  /**
   * Items that come from elsewhere, under the keys that they have here: what kept its key when it was renamed is no other
   * item. It is the one that is wanted by that name, or else the one that has it in the tenant and that nobody wants.
   */
  async keyedHere(tenantId: string, items: readonly KeptItem[]): Promise<KeptItem[]> {
    const { desired, actual } = await this.#trees(tenantId);
    const keys = new Map<string, ReadonlyMap<string, string>>();
    for (const [type, own] of Map.groupBy(items, ({ item }) => item.type)) {
      const given = new Set(own.map(({ item }) => item.key));
      keys.set(type, await this.#renamed(tenantId, type, given, [desired[type], actual[type]]));
    }
    return items.map((each) => {
      const key = keys.get(each.item.type)?.get(each.item.key);
      if (key === undefined) return each;
      return { item: { ...each.item, key }, entry: { ...each.entry, key } };
    });
  }

  /** Of given keys that nothing has here, the key of the only item that is called so. */
  async #renamed(
    tenantId: string,
    typeName: string,
    given: ReadonlySet<string>,
    manifests: readonly [desired: string | undefined, actual: string | undefined],
  ): Promise<ReadonlyMap<string, string>> {
    const { revisions } = this.#parts;
    const type = this.#typeOf(typeName);
    const [wanted, there] = await Promise.all(
      manifests.map(async (each) => byKey(await revisions.list(tenantId, typeName, each))),
    );
    const strange = [...given].filter((key) => !wanted?.has(key) && !there?.has(key));
    if (type === undefined || strange.length === 0) return new Map();
    const [own, theirs] = await Promise.all(
      manifests.map(async (each) => (await revisions.content(tenantId, typeName, each)).items),
    );
    const items = [...(own ?? []), ...(theirs ?? []).filter(({ key }) => !wanted?.has(key))];
    const byName = Map.groupBy(
      items.filter(({ key }) => !given.has(key)),
      ({ body }) => canonical(type, body, () => undefined).item.key,
    );
    const only = strange.map((name) => [name, byName.get(name) ?? []] as const);
    return new Map(
      only.flatMap(([name, [one, ...more]]) =>
        one === undefined || more.length > 0 ? [] : [[name, one.key] as const],
      ),
    );
  }

  /**
   * Items as they would be kept, and everything that is wrong with them. What somebody says of itself is its key has to
   * be, or one that is `called` so; an item without one has the key of its content.
   */
  judge(
    items: readonly (Pick<PlainItem, "type" | "body"> & { readonly key?: string })[],
    placeOf: (at: number) => string = (at) => `/items/${at}`,
    called: Called = new Set(),
  ): { readonly kept: KeptItem[]; readonly faults: Fault[] } {
    const faults: Fault[] = [];
    const seen = new Set<string>();
    const see = (pointer: string, name: string): void => {
      if (seen.has(name)) faults.push({ pointer, detail: `names ${name} a second time` });
      seen.add(name);
    };
    const kept = items.flatMap(({ type: typeName, key, body }, at) => {
      const pointer = placeOf(at);
      if (key !== undefined) see(pointer, `${typeName}/${key}`);
      const type = this.#typeOf(typeName);
      if (type === undefined) {
        faults.push({ pointer: `${pointer}/type`, detail: "is no type of configuration" });
        return [];
      }
      const checked = this.#checked(type, key, body, { pointer: `${pointer}/body`, called });
      if (!checked.ok) {
        faults.push(...(checked.failure.faults ?? []));
        return [];
      }
      if (key === undefined) see(pointer, `${typeName}/${checked.value.item.key}`);
      return [checked.value];
    });
    return { kept, faults };
  }

  /** Makes judged items wanted, beside what is; `changed` is false where they were already. */
  want(
    tenantId: string,
    items: readonly KeptItem[],
    revision: { readonly message: string; readonly by: Who; readonly syncId?: string },
  ): Promise<Result<{ readonly etag: string; readonly changed: boolean }>> {
    const { revisions } = this.#parts;
    const names = items.map(({ item: { type, key } }) => ({ type, key }));
    return this.#revise(tenantId, { ...revision, names }, async (desired) => {
      const tree: Record<string, string> = { ...desired };
      for (const [type, own] of Map.groupBy(items, ({ item }) => item.type)) {
        const content = await revisions.content(tenantId, type, desired[type]);
        const fresh = new Map(keptOf(content).map((each) => [each.item.key, each]));
        for (const { item, entry } of own) {
          const known = content.entries.get(item.key);
          const id = known?.id === undefined ? {} : { id: known.id };
          fresh.set(item.key, { item: { ...item, ...id }, entry: { ...entry, ...id } });
        }
        tree[type] = await revisions.putType(tenantId, type, [...fresh.values()], desired[type]);
      }
      return succeed({ tree, etag: "" });
    });
  }

  /** What items are called that have kept the key of an older name, or have one beside others that are called alike. */
  async #called(tenantId: string, names: readonly ItemName[]): Promise<Called> {
    const { desired, actual } = await this.#trees(tenantId);
    const called = new Set<string>();
    for (const [typeName, own] of Map.groupBy(names, ({ type }) => type)) {
      const type = this.#typeOf(typeName);
      if (type === undefined) continue;
      const keys = new Set(own.map(({ key }) => key));
      for (const manifest of new Set([desired[typeName], actual[typeName]])) {
        const { items } = await this.#parts.revisions.content(tenantId, typeName, manifest);
        for (const item of items.filter(({ key }) => keys.has(key)))
          called.add(calledAs(item, canonical(type, item.body, () => undefined).item.key));
      }
    }
    return called;
  }

  #checked(
    type: ConfigurationType,
    key: string | undefined,
    body: JsonObject,
    { pointer, called }: { readonly pointer: string; readonly called: Called },
  ) {
    const faults = schemaFaults(type, body).map((fault) => ({
      ...fault,
      pointer: pointer + fault.pointer,
    }));
    const made = faults.length === 0 ? canonical(type, body, () => undefined) : undefined;
    const own = made?.item.key ?? "";
    const isIt =
      key === undefined || own === key || called.has(calledAs({ type: type.key, key }, own));
    if (made !== undefined && !isIt)
      faults.push({ pointer, detail: `names itself ${own}, and is to be ${key}` });
    if (made === undefined || faults.length > 0)
      return fail("invalid-request", `This is no ${type.names.en} as it can be.`, { faults });
    const { item, entry } = made;
    return succeed(key === undefined ? made : { item: { ...item, key }, entry: { ...entry, key } });
  }

  async #revise(
    tenantId: string,
    {
      names,
      ...said
    }: {
      readonly message: string;
      readonly by: Who;
      readonly syncId?: string;
      readonly names: readonly ItemName[];
    },
    change: (desired: Tree) => Promise<Result<Revised>>,
  ): Promise<Result<{ readonly etag: string; readonly changed: boolean }>> {
    const { store, revisions, clock } = this.#parts;
    return updateRow(`what is wanted of ${tenantId}`, async () => {
      const tenant = await store.tenant(tenantId, clock.now());
      const now = clock.now();
      const changed = await change(await revisions.tree(tenantId, tenant.value.desired));
      if (!changed.ok) return changed;
      const { tree, etag, decide = (rules) => rules } = changed.value;
      const desired = await revisions.putTree(tenantId, tree, tenant.value.desired);
      if (desired === tenant.value.desired) return succeed({ etag, changed: false });
      const revision = { v: 1 as const, at: now, ...said, tree: desired };
      const decided = decide(await readRules(revisions, tenant.value));
      const rules = withEdit(decided, said.by, names, now);
      const document = await revisions.putDocument(tenantId, rules, tenant.value.rules);
      const value = { ...tenant.value, desired, rules: document };
      const written = await store.change({ value, etag: tenant.etag }, { revision });
      return written === undefined ? lost : succeed({ etag, changed: true });
    });
  }

  async #trees(tenantId: string) {
    const { store, revisions, clock } = this.#parts;
    const tenant = (await store.tenant(tenantId, clock.now())).value;
    const [desired, actual] = await Promise.all([
      revisions.tree(tenantId, tenant.desired),
      revisions.tree(tenantId, tenant.snapshot),
    ]);
    return { tenant, desired, actual };
  }

  #typeOf(key: string): ConfigurationType | undefined {
    return this.#parts.types.find((type) => type.key === key);
  }
}

/** Items by type and key, each with what its content makes of that key. */
type Called = Pick<ReadonlySet<string>, "has">;
const calledAs = ({ type, key }: ItemName, own: string): string => JSON.stringify([type, key, own]);

/** The rules without what people have decided about an item: whoever wants it again begins anew. */
function withoutItem(rules: RulesDocument, name: ItemName): RulesDocument {
  const own = `${name.type}/${name.key}`;
  const { [own]: _, ...modes } = rules.modes;
  const { [own]: __, ...decided } = rules.decided;
  return { ...rulesAfterReset(rules, [name]), modes, decided };
}

/** What is wanted after a change, and what becomes of what was decided. */
type Revised = {
  readonly tree: Tree;
  readonly etag: string;
  readonly decide?: (rules: RulesDocument) => RulesDocument;
};

const byKey = (listed: readonly ListedItem[]): Map<string, ListedItem> =>
  new Map(listed.map((item) => [item.key, item]));

/** An item that nobody has ever wanted has an etag too: to be added only while it is not there. */
const etagOf = (entry: { readonly hash: string } | undefined): string =>
  `"${entry?.hash ?? "none"}"`;

function viewOf(
  { type, key }: ItemName,
  wanted: ListedItem | undefined,
  found: ListedItem | undefined,
  { filled }: Pick<RulesDocument, "filled">,
): z.output<typeof ItemView> {
  const flaw = found?.flaw;
  const fixed = found?.fixed;
  return {
    type,
    key,
    name: wanted?.name ?? found?.name ?? key,
    inDesired: wanted !== undefined,
    inTenant: found !== undefined,
    differs: wanted?.hash !== found?.hash && !isAsCreated(filled[`${type}/${key}`], wanted, found),
    ...(flaw === undefined ? {} : { flaw: `${flaw.reason}: ${flaw.detail}` }),
    ...(fixed === undefined ? {} : { fixed: `${fixed.reason}: ${fixed.detail}` }),
  };
}

/** Says that there is no such type. */
export const unknownType = (type: string): { ok: false; failure: Failure } =>
  fail(
    "unknown-configuration",
    `There is no type of configuration ${type}. GET .../configuration lists them.`,
  );

/** Says that there is no such item. */
export const unknownItem = (type: string, key: string): { ok: false; failure: Failure } =>
  fail("unknown-configuration", `There is no ${type} ${key}, neither wanted nor in the tenant.`);

const changedMeanwhile = (key: string): { ok: false; failure: Failure } =>
  fail(
    "precondition-failed",
    `${key} changed since you read it. Read it again, then decide again.`,
  );
