/** Blobs: whatever is too large for a row, named by paths. */
import type { ContainerClient } from "@azure/storage-blob";
import type { Instant } from "../kernel/clock.ts";
import { errorKindOf, type Interceptor } from "./calls.ts";

/** The app's one container. */
export class Blobs {
  readonly #container: ContainerClient;
  readonly #intercept: Interceptor;

  constructor(container: ContainerClient, intercept: Interceptor) {
    this.#container = container;
    this.#intercept = intercept;
  }

  /** Writes a whole blob, over whatever was there. */
  async put(path: string, content: Buffer | string): Promise<void> {
    const data = Buffer.from(content);
    const client = this.#container.getBlockBlobClient(path);
    const attempt = () => this.#intercept("blob.put", () => client.upload(data, data.byteLength));
    try {
      await attempt();
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
      await this.#container.createIfNotExists();
      await attempt();
    }
  }

  /** The content of a blob, or `count` bytes of it from `offset`; undefined when there is none. */
  async get(path: string, offset = 0, count?: number): Promise<Buffer | undefined> {
    if (count === 0) return Buffer.alloc(0);
    return (await this.#download(path, offset, count))?.content;
  }

  /** The whole content with the etag that a conditional write must present. */
  async getWithEtag(
    path: string,
  ): Promise<{ readonly content: Buffer; readonly etag: string } | undefined> {
    return this.#download(path);
  }

  /** In one request: the SDK's own way asks for the size first. */
  async #download(path: string, offset?: number, count?: number) {
    try {
      const client = this.#container.getBlockBlobClient(path);
      return await this.#intercept("blob.get", async () => {
        const answer = await client.download(offset, count);
        const chunks: Buffer[] = [];
        for await (const chunk of answer.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
        return { content: Buffer.concat(chunks), etag: answer.etag ?? "" };
      });
    } catch (error) {
      const kind = errorKindOf(error);
      if (kind === "absent" || kind === "no-container") return undefined;
      throw error;
    }
  }

  /**
   * Writes a blob over the one that had `etag`, or that must not be there yet; false when somebody was faster, or
   * holds its lease.
   */
  async putIf(
    path: string,
    content: Buffer | string,
    { etag, leaseId }: { readonly etag: string | undefined; readonly leaseId: string | undefined },
  ): Promise<boolean> {
    const data = Buffer.from(content);
    const client = this.#container.getBlockBlobClient(path);
    const conditions = {
      ...(etag === undefined ? { ifNoneMatch: "*" } : { ifMatch: etag }),
      ...(leaseId === undefined ? {} : { leaseId }),
    };
    try {
      await this.#intercept("blob.putIf", () =>
        client.upload(data, data.byteLength, { conditions }),
      );
    } catch (error) {
      const kind = errorKindOf(error);
      if (kind === "lost" || kind === "exists" || kind === "absent") return false;
      if (kind !== "no-container") throw error;
      await this.#container.createIfNotExists();
      // Whoever else found no container may be faster now.
      return this.putIf(path, content, { etag, leaseId });
    }
    return true;
  }

  /** Takes a blob's lease for 15 to 60 seconds: until then nobody else writes or removes it. */
  async lease(
    path: string,
    seconds: number,
  ): Promise<{ readonly kind: "leased"; readonly leaseId: string } | { kind: "held" | "absent" }> {
    const client = this.#container.getBlobClient(path).getBlobLeaseClient();
    try {
      await this.#intercept("blob.lease", () => client.acquireLease(seconds));
      return { kind: "leased", leaseId: client.leaseId };
    } catch (error) {
      const kind = errorKindOf(error);
      if (kind === "exists") return { kind: "held" };
      if (kind === "absent" || kind === "no-container") return { kind: "absent" };
      throw error;
    }
  }

  /** Gives a lease back; one that ran out, or whose blob is gone, is fine. */
  async release(path: string, leaseId: string): Promise<void> {
    const client = this.#container.getBlobClient(path).getBlobLeaseClient(leaseId);
    try {
      await this.#intercept("blob.release", () => client.releaseLease());
    } catch (error) {
      if (errorKindOf(error) === "outage") throw error;
    }
  }

  /** Paths of all blobs, in their order. */
  async *paths(): AsyncGenerator<string> {
    try {
      for await (const { name } of this.#container.listBlobsFlat()) yield name;
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
    }
  }

  /** Removes every blob whose path begins with `prefix` while `mayGoOn`; true when none is left. */
  async deletePrefix(prefix: string, mayGoOn: () => boolean): Promise<boolean> {
    try {
      for await (const { name } of this.#container.listBlobsFlat({ prefix })) {
        if (!mayGoOn()) return false;
        await this.remove(name);
      }
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
    }
    return true;
  }

  /**
   * Removes those below `prefix` that `isOut` says, while `mayGoOn`; answers how many, and whether it came to the end.
   * One that somebody has written anew since it was listed stays.
   */
  async removeWhere(
    prefix: string,
    isOut: (path: string, modifiedAt: Instant) => boolean,
    mayGoOn: () => boolean,
  ): Promise<{ readonly removed: number; readonly isWhole: boolean }> {
    let removed = 0;
    try {
      for await (const { name, properties } of this.#container.listBlobsFlat({ prefix })) {
        const { lastModified } = properties;
        if (!isOut(name, lastModified.getTime())) continue;
        if (!mayGoOn()) return { removed, isWhole: false };
        if (await this.#removeUnmodified(name, lastModified)) removed += 1;
      }
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
    }
    return { removed, isWhole: true };
  }

  async #removeUnmodified(path: string, ifUnmodifiedSince: Date): Promise<boolean> {
    const client = this.#container.getBlockBlobClient(path);
    const conditions = { ifUnmodifiedSince };
    try {
      await this.#intercept("blob.remove", () => client.delete({ conditions }));
      return true;
    } catch (error) {
      const kind = errorKindOf(error);
      if (kind === "lost" || kind === "absent") return false;
      throw error;
    }
  }

  /** Removes a blob, also one whose lease the caller holds; one that is gone already is fine. */
  async remove(path: string, leaseId?: string): Promise<void> {
    const client = this.#container.getBlockBlobClient(path);
    const conditions = leaseId === undefined ? {} : { leaseId };
    try {
      await this.#intercept("blob.remove", () => client.deleteIfExists({ conditions }));
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
    }
  }
}
