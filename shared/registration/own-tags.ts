/**
 * Group tags besides Microsoft's: lists of the partner's own, which hold for each of its customers, and those of one tenant.
 * Each is a blob, read with every list that is judged.
 */
import type * as z from "zod";
import { invalidRequest } from "../http/body.ts";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import type { Blobs } from "../storage/blobs.ts";
import { GroupTags, PartnerTags } from "./contract.ts";
import { faultOfTag } from "./list/group-tags.ts";

type Stored<T> = { readonly value: T; readonly etag?: string };

/** Own tags in and out. */
export class OwnTags {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** What a tenant's lists are judged by: its own tags before the partner's. */
  async of(tenantId: string): Promise<readonly string[]> {
    const [own, partner] = await Promise.all([this.ofTenant(tenantId), this.ofPartner()]);
    return [...own.value.tags, ...partner.value.lists.flatMap(({ tags }) => tags)];
  }

  /** A tenant's tags; none while nobody has written any. */
  ofTenant(tenantId: string): Promise<Stored<z.output<typeof GroupTags>>> {
    return this.#read(tenantId, GroupTags, { tags: [] });
  }

  /** The partner's lists; none while nobody has written any. */
  ofPartner(): Promise<Stored<PartnerTags>> {
    return this.#read(partner, PartnerTags, { lists: [] });
  }

  /** Replaces a tenant's tags; with `ifMatch` only those that the caller read. Answers what was there before. */
  replace(tenantId: string, tags: readonly string[], ifMatch: string | undefined) {
    return this.#replace(tenantId, this.ofTenant(tenantId), { tags }, ifMatch);
  }

  /** The same of the partner's lists. */
  replaceOfPartner(lists: PartnerTags, ifMatch: string | undefined) {
    return this.#replace(partner, this.ofPartner(), lists, ifMatch);
  }

  /** Forgets a tenant's. */
  remove(tenantId: string): Promise<void> {
    return this.#blobs.remove(pathOf(tenantId));
  }

  async #read<T>(name: string, schema: z.ZodType<T>, none: T): Promise<Stored<T>> {
    const found = await this.#blobs.getWithEtag(pathOf(name));
    if (found === undefined) return { value: none };
    return { value: schema.parse(JSON.parse(found.content.toString())), etag: found.etag };
  }

  async #replace<T>(
    name: string,
    reading: Promise<Stored<T>>,
    next: object,
    ifMatch: string | undefined,
  ): Promise<Result<{ readonly before: T }>> {
    const { value: before, etag } = await reading;
    const changed = fail("precondition-failed", "The tags changed since you read them.");
    if (ifMatch !== undefined && ifMatch !== etag) return changed;
    const content = JSON.stringify(next);
    const lease = { etag, leaseId: undefined };
    return (await this.#blobs.putIf(pathOf(name), content, lease)) ? succeed({ before }) : changed;
  }
}

/** Why a tag that is named beside a list, at `pointer`, is none that a row may have, by the tags that a tenant's lists are judged by. Pure. */
export function refusedTag(
  tag: string | undefined,
  own: readonly string[],
  pointer: string,
): Result<never> | undefined {
  const fault = tag === undefined ? undefined : faultOfTag(tag, own);
  if (fault?.code.startsWith("E_") !== true) return undefined;
  return invalidRequest([{ pointer, detail: `${fault.code}: ${fault.reason}` }]);
}

/** No tenant's id. */
const partner = "partner";
const pathOf = (name: string): string => `group-tags/${name}.json`;
