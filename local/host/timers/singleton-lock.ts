/**
 * A lock on a blob lease: one holder among all hosts of the same storage account and host id.
 *
 * A lease outlives a host that was killed. The holder therefore leaves its process id, and a host on the
 * same machine that finds the process gone breaks the lease instead of waiting it out.
 */
import { hostname } from "node:os";
import type { BlobLeaseClient, BlockBlobClient, ContainerClient } from "@azure/storage-blob";
import { storageStatus } from "../app/storage-accounts.ts";
import { createWakeUp } from "../runs/wake-up.ts";

/** Seconds of the lease; a development host takes the shortest there is. */
const leaseSeconds = 15;
const retryMs = 2_000;

export class SingletonLock {
  readonly #container: ContainerClient;
  readonly #blob: BlockBlobClient;
  readonly #lease: BlobLeaseClient;
  readonly #onLost: () => void;
  readonly #pause = createWakeUp();
  #released = false;
  #held = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onLost Called when another host has the lock although we never gave it up. */
  constructor(container: ContainerClient, name: string, onLost: () => void) {
    this.#container = container;
    this.#blob = container.getBlockBlobClient(`locks/${name}`);
    this.#lease = this.#blob.getBlobLeaseClient();
    this.#onLost = onLost;
  }

  /** Waits until the lock is ours; false when `release` came first. */
  async acquire(): Promise<boolean> {
    while (!this.#released) {
      this.#held = await this.#tryAcquire().catch(() => false);
      if (this.#held) {
        this.#renewLater();
        return true;
      }
      await this.#pause.wait(retryMs);
    }
    return false;
  }

  async release(): Promise<void> {
    this.#released = true;
    this.#pause.wake();
    clearTimeout(this.#timer);
    if (this.#held) await this.#lease.releaseLease().catch(() => undefined);
    this.#held = false;
  }

  async #tryAcquire(): Promise<boolean> {
    try {
      await this.#lease.acquireLease(leaseSeconds);
      const conditions = { leaseId: this.#lease.leaseId };
      await this.#blob.setMetadata({ owner: `${hostname()}:${process.pid}` }, { conditions });
      return true;
    } catch (error) {
      if (storageStatus(error) === 404) {
        await this.#container.createIfNotExists();
        await this.#blob.upload("", 0);
        return this.#tryAcquire();
      }
      if (storageStatus(error) !== 409) throw error;
      const { metadata } = await this.#blob.getProperties();
      if (!isOrphaned(metadata?.["owner"])) return false;
      await this.#lease.breakLease(0);
      return this.#tryAcquire();
    }
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => void this.#renew(), leaseSeconds * 500);
  }

  async #renew(): Promise<void> {
    try {
      await this.#lease.renewLease();
    } catch (error) {
      const taken = [404, 409, 412].includes(storageStatus(error) ?? 0);
      if (taken && this.#held) {
        this.#held = false;
        return this.#onLost();
      }
    }
    if (this.#held) this.#renewLater();
  }
}

/** Whether the holder was a process of this machine that has ended. */
function isOrphaned(owner: string | undefined): boolean {
  const [host, pid] = owner?.split(":") ?? [];
  if (host !== hostname() || !pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
