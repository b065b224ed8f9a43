/**
 * Rows of webhooks, all in one partition, since they grow with administrators and are read together; and of deliveries,
 * in a partition for each webhook, newest first. A delivery that is not through has a second row beside it, written in
 * the same transaction: the sweeper's list.
 */
import type * as z from "zod";
import { invertedTime } from "../kernel/values.ts";
import { tableNames } from "../storage/names.ts";
import {
  allRows,
  type Change,
  deleteRange,
  firstRows,
  type StoredRow,
  type Tables,
  textOf,
} from "../storage/tables.ts";
import { Webhook, WebhookDelivery } from "./webhook.ts";

/** Something with the etag that a change must present. */
export type Stored<T> = { readonly value: T; readonly etag: string };

const partition = "webhooks";
const { webhooks, webhookDeliveries } = tableNames;
const openKey = (deliveryId: string): string => `open|${deliveryId}`;
const everywhere = { partitionsFrom: "", partitionsBelow: "~" };
const deliveriesBegin = "d|";

/** Rows in and out. */
export class WebhookStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async get(webhookId: string): Promise<Stored<Webhook> | undefined> {
    const row = await this.#tables.get(webhooks, partition, webhookId);
    return row && { value: read(row, Webhook), etag: row.etag };
  }

  /** All of them, newest first. */
  async all(): Promise<Webhook[]> {
    const found: Webhook[] = [];
    for await (const row of allRows(this.#tables, webhooks, { partition })) {
      // One that this version cannot read must not keep the others, and whoever announces, from going on.
      const webhook = Webhook.safeParse(JSON.parse(textOf(row, "value")));
      if (webhook.success) found.push(webhook.data);
    }
    return found;
  }

  insert(webhook: Webhook): Promise<"inserted" | "exists"> {
    return this.#tables.insert(webhooks, rowOf(webhook));
  }

  /** Replaces the one that had `etag`; the new etag, or undefined when it changed meanwhile. */
  replace({ value, etag }: Stored<Webhook>): Promise<string | undefined> {
    return this.#tables.replace(webhooks, rowOf(value), etag);
  }

  /** Removes the one that had `etag`, with as many of its deliveries as time allows: the rest goes by its age. */
  async remove(webhookId: string, etag: string, mayGoOn: () => boolean) {
    const removed = await this.#tables.remove(webhooks, partition, webhookId, etag);
    if (removed === "removed")
      await deleteRange(this.#tables, webhookDeliveries, { partition: webhookId }, mayGoOn);
    return removed;
  }

  async delivery(webhookId: string, deliveryId: string) {
    const key = deliveriesBegin + deliveryId;
    const row = await this.#tables.get(webhookDeliveries, webhookId, key);
    return row && { value: read(row, WebhookDelivery), etag: row.etag };
  }

  /** Adds a delivery with its place on the sweeper's list, unless it is there; answers whether it is new. */
  async add(delivery: WebhookDelivery): Promise<boolean> {
    const added = await this.#tables.transact(webhookDeliveries, [
      { kind: "insert", row: deliveryRow(delivery) },
      { kind: "put", row: openRow(delivery) },
    ]);
    return added.kind === "done";
  }

  /** Writes a delivery and its place on the list; the new etag, or undefined when somebody was faster. */
  async change({ value, etag }: Stored<WebhookDelivery>): Promise<string | undefined> {
    // What waits is on the list, and what is not on it does not wait: a removal that finds nothing came too late.
    const listed: Change =
      value.state === "waiting"
        ? { kind: "put", row: openRow(value) }
        : { kind: "remove", rowKey: openKey(value.deliveryId) };
    const replaced: Change = { kind: "replace", row: deliveryRow(value), etag };
    const written = await this.#tables.transact(webhookDeliveries, [replaced, listed]);
    return written.kind === "lost" ? undefined : written.etags[0];
  }

  /** A page of a webhook's deliveries, newest first. */
  async deliveries(webhookId: string, top: number, token?: string) {
    const range = { partition: webhookId, from: deliveriesBegin, below: "d}" };
    const page = await this.#tables.page(webhookDeliveries, range, top, token);
    const items = page.rows.map((row) => read(row, WebhookDelivery));
    return page.next === undefined ? { items } : { items, next: page.next };
  }

  /** Deliveries of a webhook on the list that were due before a moment. */
  async due(webhookId: string, before: number, top: number): Promise<string[]> {
    const where = `nextAt le ${before.toFixed(1)}`;
    const range = { partition: webhookId, from: openKey(""), where, select: ["nextAt"] };
    const rows = await firstRows(this.#tables, webhookDeliveries, range, top);
    return rows.map(({ rowKey }) => rowKey.slice(openKey("").length));
  }

  /** Deletes deliveries of what happened before a moment, while `mayGoOn`: their keys are in the order of time. */
  async expire(before: number, mayGoOn: () => boolean): Promise<boolean> {
    let webhookId = await this.#tables.partitionAfter(webhookDeliveries, "");
    while (webhookId !== undefined) {
      for (const begin of [deliveriesBegin, openKey("")]) {
        const old = {
          partition: webhookId,
          from: begin + invertedTime(before),
          below: `${begin}}`,
        };
        if (!(await deleteRange(this.#tables, webhookDeliveries, old, mayGoOn))) return false;
      }
      webhookId = await this.#tables.partitionAfter(webhookDeliveries, webhookId);
    }
    return true;
  }

  /** Deletes what is kept of a removed tenant. */
  purge(tenantId: string, mayGoOn: () => boolean): Promise<boolean> {
    const ofTenant = { ...everywhere, where: `tenantId eq '${tenantId}'` };
    return deleteRange(this.#tables, webhookDeliveries, ofTenant, mayGoOn);
  }
}

const rowOf = (webhook: Webhook) => ({
  partitionKey: partition,
  rowKey: webhook.webhookId,
  value: JSON.stringify(webhook),
});

const columns = ({ webhookId, at, tenantId = "" }: WebhookDelivery) => ({
  partitionKey: webhookId,
  at,
  tenantId,
});

const deliveryRow = (delivery: WebhookDelivery) => ({
  ...columns(delivery),
  rowKey: deliveriesBegin + delivery.deliveryId,
  value: JSON.stringify(delivery),
});

const openRow = (delivery: WebhookDelivery) => ({
  ...columns(delivery),
  rowKey: openKey(delivery.deliveryId),
  nextAt: delivery.nextAt,
});

const read = <T>(row: StoredRow, schema: z.ZodType<T>): T =>
  schema.parse(JSON.parse(textOf(row, "value")));
