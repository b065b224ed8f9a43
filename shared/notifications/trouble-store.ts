/**
 * What went wrong with a notification's messages: kept beside its row on the sweeper's list, so that whoever gives
 * up can say why. Written by failing handlers, and gone when the notification has ended.
 */
import type { Instant } from "../kernel/clock.ts";
import { tableNames } from "../storage/names.ts";
import { numberOf, textOf } from "../storage/rows.ts";
import type { Tables } from "../storage/tables.ts";
import { openPartition } from "./notification-store.ts";

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
    const text = error instanceof Error ? error.message : String(error);
    const cause = text.slice(0, maxCauseChars).toWellFormed();
    return this.#note(notificationId, { cause, causeAt: at });
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
