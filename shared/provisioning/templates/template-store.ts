/**
 * Rows of templates and of their versions, all in one partition, so that a template and its new version are one
 * transaction; and what versions do, as blobs by their hash, which are written before a row names them.
 */
import type * as z from "zod";
import type { Blobs } from "../../storage/blobs.ts";
import { tableNames } from "../../storage/names.ts";
import { deleteRange, type StoredRow, type Tables, textOf } from "../../storage/tables.ts";
import { hashOf, Template, TemplateContent, TemplateVersion } from "./template.ts";

/** Something with the etag that a change must present; an empty one means: it is not there yet. */
export type Stored<T> = { readonly value: T; readonly etag: string };

const { templates } = tableNames;
const partition = "templates";
const headKey = (templateId: string): string => `head|${templateId}`;
const versionsOf = (templateId: string): string => `version|${templateId}|`;
/** Newest first, up to a number that nobody reaches. */
const versionKey = (templateId: string, version: number): string =>
  versionsOf(templateId) + (999_999_999 - version).toString().padStart(9, "0");
const below = (prefix: string) => ({ partition, from: prefix, below: `${prefix.slice(0, -1)}}` });
const blobsOf = (templateId: string): string => `templates/${templateId}/`;
const read = <T>(row: StoredRow, schema: z.ZodType<T>): T =>
  schema.parse(JSON.parse(textOf(row, "value")));
const rowOf = (rowKey: string, value: object) => ({
  partitionKey: partition,
  rowKey,
  value: JSON.stringify(value),
});

/** Templates in and out. */
export class TemplateStore {
  readonly #tables: Tables;
  readonly #blobs: Blobs;

  constructor({ tables, blobs }: { readonly tables: Tables; readonly blobs: Blobs }) {
    this.#tables = tables;
    this.#blobs = blobs;
  }

  async get(templateId: string): Promise<Stored<Template> | undefined> {
    const row = await this.#tables.get(templates, partition, headKey(templateId));
    return row && { value: read(row, Template), etag: row.etag };
  }

  /** A page of templates, newest first. */
  page(top: number, token?: string) {
    return this.#page(below(headKey("")), Template, top, token);
  }

  /** A page of a template's versions, newest first. */
  versions(templateId: string, top: number, token?: string) {
    return this.#page(below(versionsOf(templateId)), TemplateVersion, top, token);
  }

  async version(templateId: string, version: number): Promise<TemplateVersion | undefined> {
    const row = await this.#tables.get(templates, partition, versionKey(templateId, version));
    return row && read(row, TemplateVersion);
  }

  /** Keeps what a version does; answers its hash. */
  async putContent(templateId: string, content: TemplateContent): Promise<string> {
    const hash = hashOf(content);
    await this.#blobs.put(`${blobsOf(templateId)}${hash}.json`, JSON.stringify(content));
    return hash;
  }

  /** What a version does; undefined when the template was removed meanwhile. */
  async content(templateId: string, hash: string): Promise<TemplateContent | undefined> {
    const blob = await this.#blobs.get(`${blobsOf(templateId)}${hash}.json`);
    return blob && TemplateContent.parse(JSON.parse(blob.toString()));
  }

  /** Writes a template, with a version that is new; the etag, or undefined when somebody was faster. */
  async save({ value, etag }: Stored<Template>, isNew: boolean): Promise<string | undefined> {
    const { templateId, newest } = value;
    const row = rowOf(headKey(templateId), value);
    const version = rowOf(versionKey(templateId, newest.version), newest);
    const written = await this.#tables.transact(templates, [
      etag === "" ? { kind: "insert", row } : { kind: "replace", row, etag },
      ...(isNew ? [{ kind: "insert" as const, row: version }] : []),
    ]);
    return written.kind === "lost" ? undefined : written.etags[0];
  }

  /** Removes a template with all versions; false when somebody changed it meanwhile. */
  async remove(templateId: string, etag: string): Promise<boolean> {
    const head = headKey(templateId);
    if ((await this.#tables.remove(templates, partition, head, etag)) === "lost") return false;
    await deleteRange(this.#tables, templates, below(versionsOf(templateId)), () => true);
    await this.#blobs.deletePrefix(blobsOf(templateId), () => true);
    return true;
  }

  async #page<T>(
    range: ReturnType<typeof below>,
    schema: z.ZodType<T>,
    top: number,
    token?: string,
  ) {
    const { rows, next } = await this.#tables.page(templates, range, top, token);
    const items = rows.map((row) => read(row, schema));
    return next === undefined ? { items } : { items, next };
  }
}
