/** Blobs: whatever is too large for a row, named by paths. */
import type { ContainerClient } from "@azure/storage-blob";
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
    try {
      const client = this.#container.getBlockBlobClient(path);
      return await this.#intercept("blob.get", () => client.downloadToBuffer(offset, count));
    } catch (error) {
      const kind = errorKindOf(error);
      if (kind === "absent" || kind === "no-container") return undefined;
      throw error;
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

  /** Removes a blob; one that is gone already is fine. */
  async remove(path: string): Promise<void> {
    const client = this.#container.getBlockBlobClient(path);
    try {
      await this.#intercept("blob.remove", () => client.deleteIfExists());
    } catch (error) {
      if (errorKindOf(error) !== "no-container") throw error;
    }
  }
}
