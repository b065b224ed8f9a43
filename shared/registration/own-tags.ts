/** Group tags of a tenant's own, as its partner keeps them: a blob, read with every list that is judged. */
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { Blobs } from "../storage/blobs.ts";
import { GroupTags } from "./contract.ts";

type StoredTags = { readonly tags: readonly string[]; readonly etag?: string };

/** Own tags in and out. */
export class OwnTags {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** A tenant's tags; none while nobody has written any. */
  async get(tenantId: string): Promise<StoredTags> {
    const found = await this.#blobs.getWithEtag(pathOf(tenantId));
    if (found === undefined) return { tags: [] };
    const { tags } = GroupTags.parse(JSON.parse(found.content.toString()));
    return { tags, etag: found.etag };
  }

  /** Replaces all of them; with `ifMatch` only those that the caller read. Answers what was there before. */
  async replace(
    tenantId: string,
    tags: readonly string[],
    ifMatch: string | undefined,
  ): Promise<Result<{ readonly before: readonly string[] }>> {
    const { tags: before, etag } = await this.get(tenantId);
    const changed = fail("precondition-failed", "The tags changed since you read them.");
    if (ifMatch !== undefined && ifMatch !== etag) return changed;
    const content = JSON.stringify({ tags });
    const isWritten = await this.#blobs.putIf(pathOf(tenantId), content, {
      etag,
      leaseId: undefined,
    });
    return isWritten ? succeed({ before }) : changed;
  }

  /** Forgets a tenant's. */
  remove(tenantId: string): Promise<void> {
    return this.#blobs.remove(pathOf(tenantId));
  }
}

const pathOf = (tenantId: string): string => `group-tags/${tenantId}.json`;
