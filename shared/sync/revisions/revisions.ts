/**
 * What is kept of a tenant's configuration: like a repository, by content. A pack holds bodies of items, a manifest
 * says of each item of a type what it is and where its body lies, and a tree names the manifest of each type. All
 * three are named by their SHA-256, so that what did not change is not written again, history costs nothing, and an
 * older tree is as good as today's. A revision is a row that says who made which tree the desired one, and why.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { digest } from "../../kernel/values.ts";
import type { Blobs } from "../../storage/blobs.ts";
import type { ReasonCode } from "../catalogue/configuration-type.ts";
import type { Item, ItemEntry, TypeContent } from "../items/item.ts";
import type { JsonObject } from "../items/json.ts";

/** The manifest of each type, by type. */
export type Tree = Readonly<Record<string, string>>;

const note = z.object({
  reason: z.custom<ReasonCode>((code) => typeof code === "string"),
  detail: z.string(),
});
const StoredEntry = z.object({
  key: z.string(),
  name: z.string(),
  id: z.string().exactOptional(),
  hash: z.string(),
  flaw: note.extend({ isFirst: z.literal(true).exactOptional() }).exactOptional(),
  fixed: note.extend({ except: z.array(z.string()).readonly().exactOptional() }).exactOptional(),
  /** Where the body lies: pack, first byte, bytes. */
  at: z.tuple([z.string(), z.number(), z.number()]),
});
type StoredEntry = z.output<typeof StoredEntry>;
const Manifest = z.array(StoredEntry);
const TreeSchema = z.record(z.string(), z.string());
const Body = z.custom<JsonObject>((body) => typeof body === "object" && body !== null);

/** An entry as it is listed, with the place of its body. */
export type ListedItem = ItemEntry & { readonly at: StoredEntry["at"] };

/** Packs that somebody holds for a while, by their names. */
type Packs = {
  readonly get: (pack: string) => Buffer | undefined;
  readonly set: (pack: string, content: Buffer) => unknown;
};

/** An item to keep, with what its manifest says of it. */
export type KeptItem = { readonly item: Item; readonly entry: ItemEntry };

/** Bodies of one pack: enough for a good number, and little enough to be read for one of them. */
const maxPackBytes = 1_000_000;
/** A type whose bodies lie in more packs than this is packed anew. */
const maxPacks = 32;
const concurrency = 4;
/**
 * So much of trees and manifests is remembered, in characters of their JSON, which take 1.7 bytes each in memory. A
 * tenant of 60 items has 17,000. Nights go through all tenants in turn: of more than fit, none would be there still.
 */
const knownChars = 16_000_000;

/** Packs, manifests and trees of all tenants. */
export class Repository {
  readonly #blobs: Blobs;
  /** Trees and manifests by their paths: a path's content never changes, so that what was read once is known. */
  readonly #known = new LRUCache<string, object>({ maxSize: knownChars });

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** The manifests of a tree; of none, none. */
  async tree(tenantId: string, hash: string | undefined): Promise<Tree> {
    return hash === undefined ? {} : this.#recall(tenantId, "trees", hash, TreeSchema);
  }

  /** Keeps a tree; one that is the same as one of `before` is not written. */
  async putTree(
    tenantId: string,
    tree: Tree,
    ...before: readonly (string | undefined)[]
  ): Promise<string> {
    const sorted = Object.fromEntries(
      Object.entries(tree).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
    return this.#putKnown(tenantId, "trees", sorted, before);
  }

  /** What a manifest lists, in the order of keys; of none, nothing. */
  async list(tenantId: string, type: string, manifest: string | undefined): Promise<ListedItem[]> {
    if (manifest === undefined) return [];
    const entries = await this.#recall(tenantId, "manifests", manifest, Manifest);
    return entries.map((entry) => ({ type, ...entry }));
  }

  /** One item with its body. `packs`: whole packs to look into first, for whoever reads one item after the other. */
  async item(tenantId: string, listed: ListedItem, packs?: Packs): Promise<Item> {
    const [pack, from, bytes] = listed.at;
    const path = pathOf(tenantId, "packs", pack);
    const whole = packs?.get(pack) ?? (packs && (await this.#blobs.get(path)));
    if (whole !== undefined) packs?.set(pack, whole);
    const content = packs
      ? whole?.subarray(from, from + bytes)
      : await this.#blobs.get(path, from, bytes);
    if (content === undefined) throw new Error(`the pack ${pack} of ${tenantId} is gone`);
    return withBody(listed, Body.parse(JSON.parse(content.toString("utf8"))));
  }

  /** A whole type: every item with its body. */
  async content(
    tenantId: string,
    type: string,
    manifest: string | undefined,
  ): Promise<TypeContent> {
    const listed = await this.list(tenantId, type, manifest);
    const packs = [...new Set(listed.map(({ at: [pack] }) => pack))];
    const read = await inParallel(packs, concurrency, async (pack) => {
      const bytes = await this.#blobs.get(pathOf(tenantId, "packs", pack));
      if (bytes === undefined) throw new Error(`the pack ${pack} of ${tenantId} is gone`);
      return [pack, bytes] as const;
    });
    const byPack = new Map(read);
    const items = listed.map((entry) => {
      const [pack, from, bytes] = entry.at;
      const text = byPack.get(pack)?.toString("utf8", from, from + bytes) ?? "null";
      return withBody(entry, Body.parse(JSON.parse(text)));
    });
    return {
      type,
      items,
      entries: new Map(listed.map((entry) => [entry.key, withoutPlace(entry)])),
    };
  }

  /** What a type lists, for whoever needs no body: because both sides are the same. */
  async entries(
    tenantId: string,
    type: string,
    manifest: string | undefined,
  ): Promise<TypeContent> {
    const listed = await this.list(tenantId, type, manifest);
    return {
      type,
      items: [],
      entries: new Map(listed.map((entry) => [entry.key, withoutPlace(entry)])),
    };
  }

  /** Keeps a type: bodies that the manifest `before` has already are not written again. Answers the manifest. */
  async putType(
    tenantId: string,
    type: string,
    kept: readonly KeptItem[],
    before?: string,
  ): Promise<string> {
    const known = new Map(
      (await this.list(tenantId, type, before)).map((old) => [old.hash, old.at]),
    );
    const scattered = new Set([...known.values()].map(([pack]) => pack)).size > maxPacks;
    const sorted = kept.toSorted((a, b) => (a.item.key < b.item.key ? -1 : 1));
    const fresh = sorted.filter(({ entry }) => scattered || !known.has(entry.hash));
    const places = scattered ? new Map<string, StoredEntry["at"]>() : known;
    const packs = [...packed(fresh)];
    for (const pack of packs) for (const [hash, at] of pack.places) places.set(hash, at);
    const manifest = sorted.map(({ entry }): StoredEntry => {
      const at = places.get(entry.hash);
      if (at === undefined) throw new Error(`${type} ${entry.key} was packed nowhere`);
      const { key, name, id, hash, flaw, fixed } = entry;
      return {
        key,
        name,
        hash,
        at,
        ...(id === undefined ? {} : { id }),
        ...(flaw === undefined ? {} : { flaw }),
        ...(fixed === undefined ? {} : { fixed }),
      };
    });
    // Nothing leads to a manifest before all of it is written and a row says so: its packs may come with it.
    const [hash] = await Promise.all([
      this.#putKnown(tenantId, "manifests", manifest, [before]),
      inParallel(packs, concurrency, ({ content }) => this.#put(tenantId, "packs", content, [])),
    ]);
    return hash;
  }

  /** Keeps any other document by its content; one that is the same as `before` is not written. Answers its name. */
  putDocument(tenantId: string, document: unknown, before?: string): Promise<string> {
    return this.#put(tenantId, "documents", JSON.stringify(document), [before]);
  }

  /** Such a document. */
  document<T>(
    tenantId: string,
    hash: string,
    schema: { readonly parse: (value: unknown) => T },
  ): Promise<T> {
    return this.#read(tenantId, "documents", hash, schema);
  }

  /** Names in `marks` a tree and all that it takes to read it whole. What has a name there already is not read again. */
  markTree(tenantId: string, hash: string | undefined, marks: Set<string>): Promise<void> {
    return this.#mark(tenantId, "trees", hash, marks, async (content) => {
      const manifests = Object.values(TreeSchema.parse(content));
      await inParallel(manifests, concurrency, (each) => this.markType(tenantId, each, marks));
    });
  }

  /** The same of one type by its manifest. */
  markType(tenantId: string, manifest: string | undefined, marks: Set<string>): Promise<void> {
    return this.#mark(tenantId, "manifests", manifest, marks, (content) => {
      for (const { at } of Manifest.parse(content)) marks.add(`packs/${at[0]}`);
    });
  }

  async #mark(
    tenantId: string,
    kind: string,
    hash: string | undefined,
    marks: Set<string>,
    follow: (content: unknown) => void | Promise<void>,
  ): Promise<void> {
    const name = `${kind}/${hash}`;
    if (hash === undefined || marks.has(name)) return;
    marks.add(name);
    const content = await this.#blobs.get(pathOf(tenantId, kind, hash));
    // What is lost leads nowhere, and is no reason to keep all the rest for ever.
    if (content !== undefined) await follow(JSON.parse(content.toString("utf8")));
  }

  /**
   * Removes what has no name in `marks` and was written before `before`, while `mayGoOn`. Whoever keeps content writes
   * it anew, unless it is part of what a row names, so that nothing refers to what is old and has no name.
   */
  sweep(
    tenantId: string,
    marks: ReadonlySet<string>,
    before: Instant,
    mayGoOn: () => boolean,
  ): ReturnType<Blobs["removeWhere"]> {
    const prefix = configurationPrefix(tenantId);
    const isOut = (path: string, modifiedAt: Instant): boolean => {
      const name = path.slice(prefix.length);
      return modifiedAt < before && sweptKinds.has(name.split("/")[0] ?? "") && !marks.has(name);
    };
    return this.#blobs.removeWhere(prefix, isOut, mayGoOn);
  }

  async #recall<T extends object>(
    tenantId: string,
    kind: string,
    hash: string,
    schema: { readonly parse: (value: unknown) => T },
  ): Promise<T> {
    const path = pathOf(tenantId, kind, hash);
    const known = this.#known.get(path) as T | undefined;
    if (known !== undefined) return known;
    let size = 1;
    const read = await this.#read(tenantId, kind, hash, schema, (chars) => {
      size = chars + 1;
    });
    this.#known.set(path, read, { size });
    return read;
  }

  async #read<T>(
    tenantId: string,
    kind: string,
    hash: string,
    schema: { readonly parse: (value: unknown) => T },
    sized: (chars: number) => void = () => undefined,
  ): Promise<T> {
    const content = await this.#blobs.get(pathOf(tenantId, kind, hash));
    if (content === undefined) throw new Error(`${kind} ${hash} of ${tenantId} are gone`);
    sized(content.byteLength);
    return schema.parse(JSON.parse(content.toString("utf8")));
  }

  /** Keeps what is read again at once by whoever goes on with it, and remembers it. */
  async #putKnown(
    tenantId: string,
    kind: string,
    value: object,
    before: readonly (string | undefined)[],
  ): Promise<string> {
    const content = JSON.stringify(value);
    const hash = await this.#put(tenantId, kind, content, before);
    this.#known.set(pathOf(tenantId, kind, hash), value, { size: content.length + 1 });
    return hash;
  }

  async #put(
    tenantId: string,
    kind: string,
    content: string,
    known: readonly (string | undefined)[],
  ): Promise<string> {
    const hash = digest(content);
    if (!known.includes(hash)) await this.#blobs.put(pathOf(tenantId, kind, hash), content);
    return hash;
  }
}

function withoutPlace(listed: ListedItem): ItemEntry {
  const { at, ...entry } = listed;
  return at === undefined ? listed : entry;
}

/** The items of a type with their entries. */
export const keptOf = ({ items, entries }: TypeContent): KeptItem[] =>
  items.flatMap((item) => {
    const entry = entries.get(item.key);
    return entry === undefined ? [] : [{ item, entry }];
  });

/** What has been read of a type that is not through belongs to a sync under way, and nothing else leads to it. */
const sweptKinds: ReadonlySet<string> = new Set([
  "trees",
  "manifests",
  "packs",
  "documents",
  "reading",
]);

/** Everything of a tenant lies below this. */
export const configurationPrefix = (tenantId: string): string => `configuration/${tenantId}/`;

const pathOf = (tenantId: string, kind: string, hash: string): string =>
  `${configurationPrefix(tenantId)}${kind}/${hash}`;

function withBody({ type, key, name, id }: ListedItem, body: JsonObject): Item {
  return { type, key, name, body, ...(id === undefined ? {} : { id }) };
}

type Pack = { readonly content: string; readonly places: Map<string, StoredEntry["at"]> };

/** Bodies one after the other, each once, in packs of their own content. */
function* packed(kept: readonly KeptItem[]): Generator<Pack> {
  let texts: string[] = [];
  let places: (readonly [hash: string, from: number, bytes: number])[] = [];
  let size = 0;
  const close = (): Pack => {
    const content = texts.join("");
    const name = digest(content);
    const pack = {
      content,
      places: new Map(
        places.map(([hash, from, bytes]) => [hash, [name, from, bytes] as StoredEntry["at"]]),
      ),
    };
    [texts, places, size] = [[], [], 0];
    return pack;
  };
  const seen = new Set<string>();
  for (const { item, entry } of kept) {
    if (seen.has(entry.hash)) continue;
    seen.add(entry.hash);
    const text = JSON.stringify(item.body);
    const bytes = Buffer.byteLength(text);
    if (size > 0 && size + bytes > maxPackBytes) yield close();
    texts.push(text);
    places.push([entry.hash, size, bytes]);
    size += bytes;
  }
  if (size > 0) yield close();
}
