/** Notification rows; the row key sorts newest first, so that a tenant's list needs no sorting. */

import type { Instant } from "../../kernel/clock.ts";
import { reasonOf } from "../../kernel/outside-text.ts";
import { tableNames } from "../../storage/names.ts";
import { numberOf, type StoredRow, textOf } from "../../storage/rows.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Tables } from "../../storage/tables.ts";
import type { Notification } from "./notification.ts";

/** A notification with the etag that a change must present. */
export type StoredNotification = { readonly notification: Notification; readonly etag: string };

/** Partition of the rows that name unfinished notifications, for the sweeper. */
const openPartition = "notification";

/** Rows in and out, and the lists of ids that are too large for a row. */
export class NotificationStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** One notification of a tenant, or undefined. */
  async get(tenantId: string, notificationId: string): Promise<StoredNotification | undefined> {
    const row = await this.#storage.tables.get(tableNames.notifications, tenantId, notificationId);
    return row === undefined ? undefined : { notification: fromRow(row), etag: row.etag };
  }

  /** Adds it, and the sweeper's row before it: a row without work is harmless, work without one not. */
  async insert(notification: Notification): Promise<"inserted" | "exists"> {
    const { tenantId, notificationId } = notification;
    await this.#storage.tables.put(tableNames.openWork, {
      partitionKey: openPartition,
      rowKey: notificationId,
      tenantId,
    });
    return this.#storage.tables.insert(tableNames.notifications, toRow(notification));
  }

  /** Replaces the version that had `etag`; undefined when it changed meanwhile. */
  replace(notification: Notification, etag: string): Promise<string | undefined> {
    return this.#storage.tables.replace(tableNames.notifications, toRow(notification), etag);
  }

  /** Takes a finished notification off the sweeper's list. */
  async close(notificationId: string): Promise<void> {
    await this.#storage.tables.remove(tableNames.openWork, openPartition, notificationId);
  }

  /** Unfinished notifications of all tenants. */
  async open(top: number, token?: string): Promise<{ open: OpenNotification[]; next?: string }> {
    const range = { partition: openPartition };
    const page = await this.#storage.tables.page(tableNames.openWork, range, top, token);
    const open = page.rows.map((row) => ({
      tenantId: textOf(row, "tenantId"),
      notificationId: row.rowKey,
    }));
    return page.next === undefined ? { open } : { open, next: page.next };
  }

  /** A page of a tenant's notifications, newest first. */
  async list(
    tenantId: string,
    top: number,
    token?: string,
  ): Promise<{ notifications: Notification[]; next?: string }> {
    const range = { partition: tenantId };
    const page = await this.#storage.tables.page(tableNames.notifications, range, top, token);
    const notifications = page.rows.map(fromRow);
    return page.next === undefined ? { notifications } : { notifications, next: page.next };
  }

  /** Ids of the newest notifications of a tenant, without their rows. */
  async ids(tenantId: string, top: number): Promise<string[]> {
    const range = { partition: tenantId, select: [] };
    const found: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.#storage.tables.page(tableNames.notifications, range, top, token);
      found.push(...page.rows.map(({ rowKey }) => rowKey));
      token = page.next;
    } while (token !== undefined && found.length < top);
    return found.slice(0, top);
  }

  /** Removes the kept target ids. */
  removeTargets(notificationId: string): Promise<void> {
    return this.#storage.blobs.remove(targetsPath(notificationId));
  }

  /** Keeps a list of target ids, sorted and without repetition. */
  async putTargets(notificationId: string, deviceIds: readonly string[]): Promise<void> {
    const sorted = [...new Set(deviceIds)].toSorted();
    await this.#storage.blobs.put(targetsPath(notificationId), JSON.stringify(sorted));
  }

  /** The kept target ids. */
  async targets(notificationId: string): Promise<readonly string[]> {
    const content = await this.#storage.blobs.get(targetsPath(notificationId));
    return content === undefined ? [] : JSON.parse(content.toString("utf8"));
  }
}

/** An unfinished notification by its ids. */
export type OpenNotification = { readonly tenantId: string; readonly notificationId: string };

const targetsPath = (notificationId: string): string => `targets/${notificationId}.json`;

function toRow({ notificationId, tenantId, ...rest }: Notification) {
  const { parameters, target, requestedBy, counts, state, failure, ...plain } = rest;
  return {
    partitionKey: tenantId,
    rowKey: notificationId,
    ...plain,
    state: state as string,
    parameters: JSON.stringify(parameters),
    target: JSON.stringify(target),
    ...(requestedBy === undefined ? {} : { requestedBy: JSON.stringify(requestedBy) }),
    ...(counts === undefined ? {} : { counts: JSON.stringify(counts) }),
    ...(failure === undefined ? {} : { failure: JSON.stringify(failure) }),
  };
}

function fromRow(row: StoredRow): Notification {
  const note = textOf(row, "note");
  const failure = textOf(row, "failure");
  const finishedAt = numberOf(row, "finishedAt");
  const counts = textOf(row, "counts");
  const requestedBy = textOf(row, "requestedBy");
  const { expected } = row.columns;
  return {
    notificationId: row.rowKey,
    tenantId: row.partitionKey,
    state: textOf(row, "state") as Notification["state"],
    actionId: textOf(row, "actionId"),
    parameters: JSON.parse(textOf(row, "parameters")),
    target: JSON.parse(textOf(row, "target")),
    allowApproximate: row.columns["allowApproximate"] === true,
    directoryVersion: textOf(row, "directoryVersion"),
    createdAt: numberOf(row, "createdAt"),
    expiresAt: numberOf(row, "expiresAt"),
    ...(note === "" ? {} : { note }),
    ...(requestedBy === "" ? {} : { requestedBy: JSON.parse(requestedBy) }),
    ...(typeof expected === "number" ? { expected } : {}),
    ...(row.columns["frozen"] === true ? { frozen: true } : {}),
    ...(row.columns["cutShort"] === true ? { cutShort: true } : {}),
    ...(failure === "" ? {} : { failure: JSON.parse(failure) }),
    ...(finishedAt === 0 ? {} : { finishedAt }),
    ...(counts === "" ? {} : { counts: JSON.parse(counts) }),
  };
}

// What went wrong with a notification's messages: kept beside its row on the sweeper's list, so that whoever gives
// up can say why. Written by failing handlers, and gone when the notification has ended.

/** What is known of it. */
export type Trouble = {
  /** The latest error; empty when no handler lived to tell one. */
  readonly cause: string;
  /** How many messages asking for planning were given up by the host, at which step of planning. */
  readonly plans: number;
  readonly atStep: number;
};

/** Enough for people to recognise an error. */
const maxCauseChars = 300;

/** Troubles in and out. */
export class TroubleStore {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** What went wrong so far. */
  async get(notificationId: string): Promise<Trouble> {
    const row = await this.#tables.get(tableNames.openWork, openPartition, notificationId);
    if (row === undefined) return { cause: "", plans: 0, atStep: 0 };
    const [plans, atStep] = [numberOf(row, "plans"), numberOf(row, "atStep")];
    return { cause: textOf(row, "cause"), plans, atStep };
  }

  /** Notes the error of a handler. */
  noteError(notificationId: string, error: unknown, at: Instant): Promise<void> {
    return this.#note(notificationId, { cause: reasonOf(error, maxCauseChars), causeAt: at });
  }

  /** Notes how often planning was given up. */
  notePlans(
    notificationId: string,
    { plans, atStep }: Pick<Trouble, "plans" | "atStep">,
  ): Promise<void> {
    return this.#note(notificationId, { plans, atStep });
  }

  async #note(
    notificationId: string,
    columns: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const row = { partitionKey: openPartition, rowKey: notificationId, ...columns };
    // One that has ended has no such row any more, and gets none.
    await this.#tables.transact(tableNames.openWork, [{ kind: "note", row }]);
  }
}

/** The cause in words, also where nobody lived to tell it. */
export const causeOf = ({ cause }: Trouble): string =>
  cause === "" ? "its worker died every time, without a word" : cause;
