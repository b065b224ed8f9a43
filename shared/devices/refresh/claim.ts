/** What a refresh works with. */
import type { GraphClient } from "../../graph/client.ts";
import type { ThrottleSetting, ThrottleStore } from "../../graph/throttle.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Queues } from "../../storage/queues.ts";
import type { DirectoryStore } from "../directory/directory-store.ts";
import type { DirectoryWriter } from "../directory/directory-writer.ts";
import type { SiteStore } from "../sites/site-store.ts";
import { held, type Refresh } from "./refresh.ts";
import type { RefreshStore } from "./refresh-store.ts";
import type { RunStore } from "./run-store.ts";

/** A tenant as far as a refresh needs it: how fast its devices may be read. */
export type TenantReads = { readonly deviceReads?: ThrottleSetting | undefined };

/** Stores, Graph, and the numbers that bound one invocation. */
export type RefreshDeps = {
  readonly clock: Clock;
  readonly random: () => number;
  /** The tenant's settings; undefined when there is no such tenant (any more). */
  readonly tenant: (tenantId: string) => Promise<TenantReads | undefined>;
  readonly graph: Pick<GraphClient, "ask" | "follow">;
  readonly throttle: Pick<ThrottleStore, "reserve" | "defer">;
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

// A claim at work: the refresh as its row stands, and the only way to change it.

/** Another worker has the refresh now. */
export class ClaimLost extends Error {}

/** A refresh under our claim. */
export class RefreshWork {
  readonly #deps: Pick<RefreshDeps, "refreshes" | "clock" | "leaseMs">;
  #refresh: Refresh;
  #etag: string;

  constructor(
    deps: Pick<RefreshDeps, "refreshes" | "clock" | "leaseMs">,
    refresh: Refresh,
    etag: string,
  ) {
    this.#deps = deps;
    this.#refresh = refresh;
    this.#etag = etag;
  }

  /** The refresh as its row stands. */
  get refresh(): Refresh {
    return this.#refresh;
  }

  /** Writes the next state and renews the claim. */
  keep(next: Refresh): Promise<void> {
    return this.write(held(next, this.#deps.clock.now(), this.#deps.leaseMs));
  }

  /** Writes the next state as it is. */
  async write(next: Refresh): Promise<void> {
    const etag = await this.#deps.refreshes.replace(next, this.#etag);
    if (etag === undefined) throw new ClaimLost(next.refreshId);
    this.#refresh = next;
    this.#etag = etag;
  }
}
