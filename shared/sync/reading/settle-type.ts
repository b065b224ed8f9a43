/**
 * What becomes of a type that was read to its end. Where it reads as the last time, nothing has to be made of it; else its
 * items are made canonical and kept, and those that were read in part stay as they were.
 */
import { plainText } from "../../kernel/outside-text.ts";
import { digest } from "../../kernel/values.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import {
  type Canonical,
  keyed,
  named,
  type Resolve,
  type Shaped,
  shaped,
} from "../items/canonical.ts";
import type { JsonObject } from "../items/json.ts";
import type { KeptItem, Repository, Tree } from "../revisions/revisions.ts";
import type { TypeProgress } from "../state/sync.ts";
import type { SyncIds } from "../state/sync-work.ts";
import type { Asked, NameFinder } from "./find-names.ts";
import { idOf, type ReadOutcome, type ReadSoFar } from "./read-type.ts";
import { namesDigest, rawDigest, referencesOf, type SeenTypes } from "./same-again.ts";

/** What it takes. */
export type SettleParts = {
  readonly seen: SeenTypes;
  readonly revisions: Repository;
  readonly names: NameFinder;
};

/** The tenant as it was last read, and names that were asked for. */
type Before = { readonly before: Tree; readonly asked?: Asked };

/** What has been made of a type while it was read: digests of its items, each with those that came with it, and their shapes. */
export type Made = {
  readonly digests: ReadonlyMap<JsonObject, string>;
  readonly shapes: ReadonlyMap<JsonObject, Shaped>;
};

/** That a type could not be read, with the reason. */
export const failed = (
  progress: TypeProgress,
  {
    reason,
    detail,
    requestId,
  }: Pick<Extract<ReadOutcome, { kind: "failed" }>, "reason" | "detail"> & {
    readonly requestId?: string;
  },
): TypeProgress => ({
  ...progress,
  state: "failed",
  reason,
  detail: plainText(detail, 400),
  ...(requestId === undefined ? {} : { requestId }),
});

/** What was read to its end, with what was made of it meanwhile. */
type ReadWhole = Made & { readonly reading: ReadSoFar };

/** What becomes of a type that was read; where it is the same again, nothing has to be made of it. */
export async function settle(
  parts: SettleParts,
  ids: SyncIds,
  type: ConfigurationType,
  progress: TypeProgress,
  read: ReadWhole,
  known: Before,
  tree: Tree,
): Promise<TypeProgress> {
  const { seen, names } = parts;
  const { items, incomplete } = read.reading;
  const content = digest(...items.map((each) => read.digests.get(each) ?? rawDigest(each)));
  const before = known.before[type.key];
  const last = seen.get(ids.tenantId, type.key, before);
  if (last?.content === content && Object.keys(incomplete).length === 0) {
    const found = await names.find(ids.tenantId, [last], tree, { asked: known.asked });
    if (found.kind === "failed") return failed(progress, found);
    if (namesDigest(last.references, found.resolve) === last.names) {
      const same = { manifest: last.manifest, items: items.length, changed: 0, incomplete: 0 };
      return { ...progress, ...same, state: "read" };
    }
  }
  return settleAnew(parts, ids, type, progress, { ...read, content }, known, tree);
}

/** Makes items of what was read, and keeps them; those that were read in part stay as they were. */
async function settleAnew(
  parts: SettleParts,
  { tenantId }: SyncIds,
  type: ConfigurationType,
  progress: TypeProgress,
  {
    reading: { items: raw, incomplete },
    shapes,
    content,
  }: ReadWhole & { readonly content: string },
  { before: { [type.key]: before }, asked }: Before,
  tree: Tree,
): Promise<TypeProgress> {
  const { revisions, names } = parts;
  const items = raw.map((each) => shapes.get(each) ?? shaped(type, each));
  const found = await names.find(tenantId, items, tree, { asked });
  if (found.kind === "failed") return failed(progress, found);
  const old = await revisions.list(tenantId, type.key, before);
  const known = new Map(old.flatMap(({ id, key }) => (id === undefined ? [] : [[id, key]])));
  const canonical = canonicalItems(items, found.resolve, incomplete, known);
  const partial = canonical.filter(({ entry }) => entry.flaw?.reason === "incompleteRead");
  // Only what is flawed needs the old bodies.
  const last = partial.length > 0 ? await revisions.content(tenantId, type.key, before) : undefined;
  const whole = canonical.map((each): KeptItem => {
    if (each.entry.flaw?.reason !== "incompleteRead") return each;
    const item = last?.items.find(({ id }) => id === each.item.id);
    const entry = item && last?.entries.get(item.key);
    const isFirst = before === undefined || entry?.flaw?.isFirst === true;
    const flaw = { ...each.entry.flaw, ...(isFirst ? { isFirst } : {}) };
    return item && entry
      ? { item, entry: { ...entry, flaw } }
      : { ...each, entry: { ...each.entry, flaw } };
  });
  const manifest = await revisions.putType(tenantId, type.key, whole, before);
  // What becomes of a flawed item depends on more than what is remembered.
  if (canonical.every(({ entry }) => entry.flaw === undefined)) {
    const references = referencesOf(items);
    const called = namesDigest(references, found.resolve);
    parts.seen.set(tenantId, type.key, { manifest, content, references, names: called });
  }
  const hashes = new Set(old.map(({ hash }) => hash));
  return {
    ...progress,
    state: "read",
    manifest,
    items: whole.length,
    changed: whole.filter(({ entry }) => !hashes.has(entry.hash)).length,
    incomplete: partial.length,
  };
}

/** Items as they are kept; `known`: keys by id, so that a new name is no new item. */
function canonicalItems(
  items: readonly Shaped[],
  resolve: Resolve,
  incomplete: Readonly<Record<string, string>>,
  known: ReadonlyMap<string, string>,
): Canonical[] {
  const made = items.map((each) => {
    const whole = named(each, resolve);
    const detail = incomplete[idOf(each.raw)];
    if (detail === undefined) return whole;
    return {
      ...whole,
      entry: { ...whole.entry, flaw: { reason: "incompleteRead" as const, detail } },
    };
  });
  return keyed(made, known);
}
