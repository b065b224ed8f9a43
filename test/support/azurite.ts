/** The Azurite that this test run shares. Tests stay apart by names: tables, queues, tenants of their own. */
import { inject } from "vitest";

/** Connection string of the shared, in-memory Azurite. */
export const storageConnectionString = (): string => inject("storageConnectionString");
