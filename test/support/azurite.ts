/**
 * The Azurite of the test files that run one after the other in one place of the pool. Tests stay apart by
 * names: tables, queues, tenants of their own. What belongs to nobody, such as approval rules or the app's
 * own queues, two files at once would share, so each place has an Azurite for itself.
 */
import { inject } from "vitest";

/** Connection string of an in-memory Azurite. */
export function storageConnectionString(): string {
  const all = inject("storageConnectionStrings");
  const place = Number(process.env["VITEST_POOL_ID"] ?? 1);
  const found = all[place - 1];
  if (found === undefined) throw new Error(`There is no Azurite for place ${place} of the pool.`);
  return found;
}
