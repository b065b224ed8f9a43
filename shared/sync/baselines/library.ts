/**
 * Baselines as people work with them: made from items or from a tenant, replaced by a next version, and tailored to
 * tenants. A version is never changed, and nothing here touches what is wanted of a tenant: publishing does.
 */
import type * as z from "zod";
import type { Clock } from "../../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import type { Blobs } from "../../storage/blobs.ts";
import type { ConfigurationType } from "../catalogue/configuration-type.ts";
import type { Configuration } from "../configuration.ts";
import { configurationPrefix, type KeptItem, type Repository } from "../revisions/revisions.ts";
import type { Who } from "../state/sync.ts";
import type { Stored } from "../state/sync-store.ts";
import {
  BaselineDocument,
  type BaselineItem,
  copied,
  maxBaselineItems,
  type Replacing,
  strangeNames,
  Tailoring,
  tailored,
  versionFaults,
} from "./baseline.ts";
import type { Baseline, BaselineStore, Version } from "./baseline-store.ts";
import type { PreviewView } from "./contract.ts";

/** What baselines are kept with. */
type BaselineParts = {
  readonly store: BaselineStore;
  readonly revisions: Repository;
  readonly blobs: Pick<Blobs, "deletePrefix">;
  readonly configuration: Configuration;
  readonly typeOf: (type: string) => ConfigurationType | undefined;
  readonly clock: Clock;
};

/** What a baseline is made of: items that somebody wrote, or those of a tenant. */
type Content =
  | { readonly items: readonly BaselineItem[] }
  | {
      readonly from: {
        readonly tenantId: string;
        readonly types?: readonly string[] | undefined;
        readonly items?: readonly Pick<BaselineItem, "type" | "key">[] | undefined;
      };
    };

/** A baseline as somebody asks for it. */
export type Draft = Pick<Baseline, "name" | "description"> & {
  readonly message: string;
  readonly parameters: readonly Replacing[];
  readonly content: Content;
};

const maxBytes = 4_000_000;

/** Where documents of a baseline lie: a tenant's are below a GUID. */
const placeOf = (baselineId: string): string => `baseline-${baselineId}`;

/** Says that a baseline is not there. */
const unknownBaseline = (baselineId: string) =>
  fail("unknown-baseline", `There is no baseline ${baselineId}. GET /api/v1/baselines lists them.`);

const changedMeanwhile = (name: string) =>
  fail(
    "precondition-failed",
    `${name} changed since you read it. Read it again, then decide again.`,
  );

const invalid = (faults: readonly Fault[]) =>
  fail("invalid-request", "Nothing was changed: the baseline is not in order.", {
    faults: faults.slice(0, 100),
  });

/** The baselines of an installation. */
export class BaselineLibrary {
  readonly #parts: BaselineParts;

  constructor(parts: BaselineParts) {
    this.#parts = parts;
  }

  /** Makes one; asked again with the same id, it answers what it made. */
  async add(baselineId: string, draft: Draft, by: Who): Promise<Result<Stored<Baseline>>> {
    const document = await this.#documentOf(draft);
    if (!document.ok) return document;
    const { store, clock } = this.#parts;
    const { name, description } = draft;
    const newest = await this.#version(baselineId, 1, draft, { document: document.value, by });
    const createdAt = clock.now();
    const value: Baseline = { v: 1, baselineId, name, description, newest, createdAt };
    const etag = await store.save({ value, etag: "" }, true);
    return etag === undefined ? this.find(baselineId) : succeed({ value, etag });
  }

  async find(baselineId: string, ifMatch?: string): Promise<Result<Stored<Baseline>>> {
    const found = await this.#parts.store.baseline(baselineId);
    if (found === undefined) return unknownBaseline(baselineId);
    const isOther = ifMatch !== undefined && ifMatch !== found.etag;
    return isOther ? changedMeanwhile(found.value.name) : succeed(found);
  }

  /** Replaces its name and its content; content that differs becomes the next version. */
  async replace(
    baselineId: string,
    draft: Draft,
    { ifMatch, by }: { readonly ifMatch: string | undefined; readonly by: Who },
  ): Promise<Result<Stored<Baseline> & { readonly before: Baseline }>> {
    const found = await this.find(baselineId, ifMatch);
    if (!found.ok) return found;
    const document = await this.#documentOf(draft);
    if (!document.ok) return document;
    const { value: before, etag: read } = found.value;
    const next = await this.#version(baselineId, before.newest.version + 1, draft, {
      document: document.value,
      by,
    });
    const isNew = next.document !== before.newest.document;
    const { name, description } = draft;
    const value = { ...before, name, description, newest: isNew ? next : before.newest };
    const etag = await this.#parts.store.save({ value, etag: read }, isNew);
    return etag === undefined ? changedMeanwhile(name) : succeed({ value, etag, before });
  }

  /** Removes it with its versions. Tenants keep what was published to them: it is theirs. */
  async remove(baselineId: string, ifMatch: string | undefined): Promise<Result<Baseline>> {
    const found = await this.find(baselineId, ifMatch);
    if (!found.ok) return found;
    const { value, etag } = found.value;
    if (!(await this.#parts.store.remove(baselineId, etag))) return changedMeanwhile(value.name);
    await this.clear(baselineId);
    return succeed(value);
  }

  /** Deletes what is kept of a baseline that was removed; whoever died over it has left it to the sweeper. */
  async clear(baselineId: string): Promise<void> {
    const { store, blobs } = this.#parts;
    await blobs.deletePrefix(configurationPrefix(placeOf(baselineId)), () => true);
    await store.clear(baselineId);
  }

  /** A version with its content; without a number the newest. */
  async version(
    baselineId: string,
    number?: number,
  ): Promise<Result<{ baseline: Baseline; version: Version; document: BaselineDocument }>> {
    const found = await this.find(baselineId);
    if (!found.ok) return found;
    const { value: baseline } = found.value;
    const { store, revisions } = this.#parts;
    const version =
      number === undefined ? baseline.newest : await store.version(baselineId, number);
    if (version === undefined)
      return fail("unknown-baseline", `${baseline.name} has no version ${number}.`);
    const place = placeOf(baselineId);
    const document = await revisions.document(place, version.document, BaselineDocument);
    return succeed({ baseline, version, document });
  }

  /** What a tenant has of its own; nothing is something too. */
  async tailoring(
    baselineId: string,
    tenantId: string,
  ): Promise<Result<{ readonly tailoring: Tailoring; readonly etag: string }>> {
    const found = await this.find(baselineId);
    if (!found.ok) return found;
    const own = await this.#parts.store.tailoring(baselineId, tenantId);
    return succeed({
      tailoring: own?.value.tailoring ?? Tailoring.parse({}),
      etag: own?.etag ?? nobodys,
    });
  }

  /** Puts a tenant on a baseline with values of its own. What names nothing of the newest version is refused. */
  async tailor(
    baselineId: string,
    tenantId: string,
    tailoring: Tailoring,
    { ifMatch, by }: { readonly ifMatch: string | undefined; readonly by: Who },
  ): Promise<Result<{ readonly etag: string; readonly before: Tailoring }>> {
    const found = await this.version(baselineId);
    if (!found.ok) return found;
    const strange = strangeNames(found.value.document, tailoring);
    if (strange.length > 0) return invalid(strange);
    if (JSON.stringify(tailoring).length > maxTailoringChars)
      return invalid([{ pointer: "", detail: `is longer than ${maxTailoringChars} characters` }]);
    const { store, clock } = this.#parts;
    const own = await store.tailoring(baselineId, tenantId);
    if (ifMatch !== undefined && ifMatch !== (own?.etag ?? nobodys))
      return changedMeanwhile("What this tenant has of the baseline");
    const value = { tailoring, by, at: clock.now() };
    const etag = await store.putTailoring(baselineId, tenantId, { value, etag: own?.etag ?? "" });
    if (etag === undefined) return changedMeanwhile("What this tenant has of the baseline");
    return succeed({ etag, before: own?.value.tailoring ?? Tailoring.parse({}) });
  }

  /** Takes a tenant off: what was published to it stays wanted. */
  async leave(
    baselineId: string,
    tenantId: string,
    ifMatch: string | undefined,
  ): Promise<Result<Tailoring>> {
    const own = await this.tailoring(baselineId, tenantId);
    if (!own.ok) return own;
    const { tailoring, etag } = own.value;
    const read = etag === nobodys ? undefined : etag;
    if (
      (ifMatch !== undefined && ifMatch !== etag) ||
      !(await this.#parts.store.leave(baselineId, tenantId, read))
    )
      return changedMeanwhile("What this tenant has of the baseline");
    return succeed(tailoring);
  }

  /** The items of a version as a tenant would have them wanted, or everything that stands in the way. */
  itemsFor(
    document: BaselineDocument,
    tailoring: Tailoring,
  ): { readonly kept: readonly KeptItem[]; readonly faults: readonly Fault[] } {
    const made = tailored(document, tailoring, this.#parts.typeOf);
    if (made.faults.length > 0) return { kept: [], faults: made.faults };
    return this.#parts.configuration.judge(
      made.items,
      (at) => `/items/${made.items[at]?.at ?? at}`,
    );
  }

  /** The same, beside what is wanted of the tenant now. */
  async preview(
    baselineId: string,
    tenantId: string,
    number?: number,
  ): Promise<Result<z.output<typeof PreviewView>>> {
    const found = await this.version(baselineId, number);
    if (!found.ok) return found;
    const own = await this.tailoring(baselineId, tenantId);
    if (!own.ok) return own;
    const { configuration } = this.#parts;
    const made = this.itemsFor(found.value.document, own.value.tailoring);
    const { version } = found.value.version;
    const { faults } = made;
    if (faults.length > 0) return succeed({ version, items: [], faults: faults.slice(0, 100) });
    const kept = await configuration.keyedHere(tenantId, made.kept);
    const wanted = await configuration.wantedHashes(
      tenantId,
      kept.map(({ item }) => item.type),
    );
    const items = kept.map(({ item: { type, key, name, body }, entry }) => {
      const hash = wanted.get(`${type}/${key}`);
      const known = hash === entry.hash ? ("same" as const) : ("differs" as const);
      return { type, key, name, body, state: hash === undefined ? ("new" as const) : known };
    });
    return succeed({ version, items, faults: [] });
  }

  async #version(
    baselineId: string,
    version: number,
    { message }: Draft,
    { document, by }: { readonly document: BaselineDocument; readonly by: Who },
  ): Promise<Version> {
    const { revisions, clock } = this.#parts;
    const kept = await revisions.putDocument(placeOf(baselineId), document);
    const items = document.items.length;
    return { version, document: kept, items, message, by, at: clock.now() };
  }

  async #documentOf({ parameters, content }: Draft): Promise<Result<BaselineDocument>> {
    const { configuration } = this.#parts;
    const copy = "from" in content ? await this.#itemsOf(content.from) : undefined;
    if (copy !== undefined && !copy.ok) return copy;
    const own = "items" in content ? content.items : [];
    // A key that an item had before it was renamed names it in its own tenant alone.
    const { kept, faults } = configuration.judge(
      copy === undefined ? own : copied(copy.value, parameters),
    );
    const items = kept.map(({ item: { type, key, body } }) => ({ type, key, body }));
    const document: BaselineDocument = {
      parameters: parameters.map(({ name, description, kind, default: usual }) => ({
        name,
        description,
        kind,
        ...(usual === undefined ? {} : { default: usual }),
      })),
      items,
    };
    const all = faults.length > 0 ? faults : versionFaults(document);
    if (items.length > maxBaselineItems || JSON.stringify(document).length > maxBytes)
      all.push({
        pointer: "",
        detail: `has more than ${maxBaselineItems} items, or ${maxBytes} bytes: make it two baselines`,
      });
    return all.length > 0 ? invalid(all) : succeed(document);
  }

  async #itemsOf(
    from: Extract<Content, { from: unknown }>["from"],
  ): Promise<Result<Pick<BaselineItem, "type" | "body">[]>> {
    const { types, items } = from;
    const wanted = new Map(items?.map(({ type, key }, at) => [`${type}/${key}`, at]));
    const isChosen = (name: string, type: string): boolean =>
      items === undefined ? types === undefined || types.includes(type) : wanted.has(name);
    const found: Pick<BaselineItem, "type" | "body">[] = [];
    for await (const { type, key, body } of this.#parts.configuration.plain(from.tenantId)) {
      const name = `${type}/${key}`;
      if (!isChosen(name, type)) continue;
      wanted.delete(name);
      found.push({ type, body });
    }
    const missing = [...wanted.values()].map((at) => ({
      pointer: `/from/items/${at}`,
      detail: "is not wanted of this tenant",
    }));
    if (found.length === 0 && missing.length === 0)
      missing.push({ pointer: "/from", detail: "chooses nothing that is wanted of this tenant" });
    return missing.length > 0 ? invalid(missing) : succeed(found);
  }
}

/** The etag of a tailoring that nobody has made. */
const nobodys = '"none"';
const maxTailoringChars = 50_000;
