/** What delivering and confirming need from outside. */
import type { DirectoryStore } from "../devices/directory-store.ts";
import type { GraphClient } from "../graph/client.ts";
import type { PaceStore } from "../graph/pace-store.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Queues } from "../storage/queues.ts";
import type { Tenants } from "../tenants/tenant-cache.ts";
import type { BulkRefusals } from "./bulk-refusals.ts";
import type { DeliveryStore } from "./delivery-store.ts";
import type { NotificationStore } from "./notification-store.ts";

export type DeliverDeps = {
  readonly notifications: NotificationStore;
  readonly deliveries: DeliveryStore;
  readonly directory: DirectoryStore;
  readonly graph: GraphClient;
  readonly paces: PaceStore;
  readonly tenants: Tenants;
  readonly queues: Queues;
  readonly bulkRefusals: BulkRefusals;
  readonly clock: Clock;
  /** 0 to 1; spreads retries. */
  readonly random: () => number;
  /** How long a claim holds; longer than any answer of Graph's is waited for. */
  readonly claimMs: number;
  /** How long an answer of Graph's is waited for. */
  readonly graphTimeoutMs: number;
  /** Time from sending to the first look at the answers. */
  readonly confirmAfterMs: number;
};
