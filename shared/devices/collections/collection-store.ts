/** Collection rows. A static list lies in the row itself: 10,000 ids are 320,000 characters. */
import { tableNames } from "../../storage/names.ts";
import { type Range, type Row, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { packId, unpackId } from "../directory/directory-row.ts";
import type { Collection, Membership } from "./collection.ts";
import { Rule } from "./rule.ts";

/** A collection with the etag that a change must present. */
export type StoredCollection = { readonly collection: Collection; readonly etag: string };

const idChars = 32;
/** Ids in one column: 32,000 characters, below the limit of 32 Ki. */
const idsPerColumn = 1000;

/** Rows in and out; partition = tenant. */
export class CollectionStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** One collection, or undefined. */
  async get(tenantId: string, collectionId: string): Promise<StoredCollection | undefined> {
    const row = await this.#tables.get(tableNames.collections, tenantId, collectionId);
    return row === undefined ? undefined : { collection: fromRow(row), etag: row.etag };
  }

  /** Adds a collection unless its id is taken. */
  insert(tenantId: string, collection: Collection): Promise<"inserted" | "exists"> {
    return this.#tables.insert(tableNames.collections, toRow(tenantId, collection));
  }

  /** Replaces the collection that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace(tenantId: string, collection: Collection, etag: string): Promise<string | undefined> {
    return this.#tables.replace(tableNames.collections, toRow(tenantId, collection), etag);
  }

  /** Removes the collection that had `etag`. */
  remove(tenantId: string, collectionId: string, etag: string): Promise<"removed" | "lost"> {
    return this.#tables.remove(tableNames.collections, tenantId, collectionId, etag);
  }

  /** A page of collections, newest first. */
  async list(tenantId: string, top: number, token?: string) {
    const range: Range = { partition: tenantId };
    const page = await this.#tables.page(tableNames.collections, range, top, token);
    const collections = page.rows.map(fromRow);
    return page.next === undefined ? { collections } : { collections, next: page.next };
  }
}

function toRow(tenantId: string, collection: Collection): Row {
  const { collectionId, name, description, createdAt, updatedAt } = collection;
  return {
    partitionKey: tenantId,
    rowKey: collectionId,
    name,
    ...(description === undefined ? {} : { description }),
    createdAt,
    updatedAt,
    kind: collection.kind,
    ...(collection.kind === "rule"
      ? { rule: JSON.stringify(collection.rule) }
      : idColumns(collection.deviceIds)),
  };
}

function idColumns(deviceIds: readonly string[]): Record<string, string> {
  const columns: Record<string, string> = {};
  for (let at = 0; at < deviceIds.length; at += idsPerColumn) {
    const part = deviceIds.slice(at, at + idsPerColumn);
    columns[`i${at / idsPerColumn}`] = part.map(packId).join("");
  }
  return columns;
}

function fromRow(row: StoredRow): Collection {
  const description = textOf(row, "description");
  return {
    collectionId: row.rowKey,
    name: textOf(row, "name"),
    ...(description === "" ? {} : { description }),
    createdAt: textOf(row, "createdAt"),
    updatedAt: textOf(row, "updatedAt"),
    ...membershipOf(row),
  };
}

function membershipOf(row: StoredRow): Membership {
  if (textOf(row, "kind") === "rule")
    return { kind: "rule", rule: Rule.parse(JSON.parse(textOf(row, "rule"))) };
  const deviceIds: string[] = [];
  for (let column = 0; textOf(row, `i${column}`) !== ""; column += 1) {
    const packed = textOf(row, `i${column}`);
    for (let at = 0; at < packed.length; at += idChars)
      deviceIds.push(unpackId(packed.slice(at, at + idChars)));
  }
  return { kind: "static", deviceIds };
}
