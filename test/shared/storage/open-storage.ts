/** Storage on the shared Azurite, opened the way the app opens it, with names of a test's own. */
import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../../../shared/kernel/clock.ts";
import { type Interceptor, passThrough } from "../../../shared/storage/calls.ts";
import type { TableName } from "../../../shared/storage/names.ts";
import { openStorage, type Storage } from "../../../shared/storage/storage.ts";
import { storageConnectionString } from "../../support/azurite.ts";

/** The app's storage; `tap` sees every call. */
export const testStorage = (
  clock: Clock = systemClock,
  tap: Interceptor = passThrough,
): Promise<Storage> =>
  openStorage({ kind: "connectionString", value: storageConnectionString() }, clock, tap);

/** A table that does not exist yet. */
export const newTable = (): TableName => `T${randomUUID().replaceAll("-", "")}` as TableName;
