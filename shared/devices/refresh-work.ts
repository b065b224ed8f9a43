/** A claim at work: the refresh as its row stands, and the only way to change it. */

import { held, type Refresh } from "./refresh.ts";
import type { RefreshDeps } from "./refresh-deps.ts";

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
