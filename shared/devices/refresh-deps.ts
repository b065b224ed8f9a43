/** What a refresh works with. */
import type { GraphClient } from "../graph/client.ts";
import type { PaceStore } from "../graph/pace-store.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Queues } from "../storage/queues.ts";
import type { DirectoryStore } from "./directory-store.ts";
import type { DirectoryWriter } from "./directory-writer.ts";
import type { RunStore } from "./refresh-run-store.ts";
import type { RefreshStore } from "./refresh-store.ts";
import type { SiteStore } from "./site-store.ts";

/** A tenant as far as a refresh needs it: how fast its devices may be read. */
export type TenantReads = { readonly deviceReads?: number | "unlimited" | undefined };

/** Stores, Graph, and the numbers that bound one invocation. */
export type RefreshDeps = {
  readonly clock: Clock;
  readonly random: () => number;
  /** The tenant's settings; undefined when there is no such tenant (any more). */
  readonly tenant: (tenantId: string) => Promise<TenantReads | undefined>;
  readonly graph: Pick<GraphClient, "ask" | "follow">;
  readonly paces: Pick<PaceStore, "reserve" | "defer">;
  readonly queues: Pick<Queues, "send">;
  readonly refreshes: RefreshStore;
  readonly runs: RunStore;
  readonly sites: Pick<SiteStore, "sites" | "readPart">;
  readonly directory: DirectoryStore;
  readonly writer: DirectoryWriter;
  /** How long a claim holds without a sign of life. */
  readonly leaseMs: number;
  /** Pages that one slice reads from Graph at most. */
  readonly slicePages: number;
};
