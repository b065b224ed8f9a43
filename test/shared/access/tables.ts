/** Tables on the run's Azurite, and the writing of rows that no store would write. */
import { setTimeout as wait } from "node:timers/promises";
import { TableClient } from "@azure/data-tables";
import type { Clock } from "../../../shared/kernel/clock.ts";
import { randomId } from "../../../shared/kernel/values.ts";
import { type Interceptor, passThrough } from "../../../shared/storage/calls.ts";
import { openStorage } from "../../../shared/storage/storage.ts";
import { Tables } from "../../../shared/storage/tables.ts";
import { storageConnectionString } from "../../support/azurite.ts";

/** A moment in the tests' month. */
export const noon = Date.UTC(2026, 7, 10, 12);
export const stillClock: Clock = { now: () => noon };

/** Opens the tables; `tap` sees every call. */
export const openTables = async (tap: Interceptor = passThrough) =>
  (
    await openStorage(
      { kind: "connectionString", value: storageConnectionString() },
      stillClock,
      tap,
    )
  ).tables;

/** What a writer of the trail needs besides tables. */
export const writing = { random: Math.random, wait: (ms: number) => wait(ms) };

/** A tenant of a test's own. */
export const newTenant = (): string => randomId();

/** The same, under names that nobody else uses: for what lies in one partition for all. */
export async function openOwnTables(tap: Interceptor = passThrough): Promise<Tables> {
  const prefix = `T${randomId().replaceAll("-", "")}`;
  const value = storageConnectionString();
  const clientOf = (name: string) =>
    TableClient.fromConnectionString(value, prefix + name, { allowInsecureConnection: true });
  return new Tables(clientOf, tap);
}
