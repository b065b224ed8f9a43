/**
 * Publishing: a version becomes what is wanted of tenants, each with its own values, and a sync of each plans the way
 * there, to be approved like any other. Rows say which version is on its way to whom; messages carry twenty tenants and
 * only name them. Whatever is done twice is done once: what is wanted is the same again, and the sync has an id that
 * follows from publication and tenant. An item that a version does not have any more stays wanted.
 */
import * as z from "zod";
import type { AuditTrail } from "../../access/audit/trail.ts";
import { toIso } from "../../kernel/clock.ts";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import { type Fault, fail, type Result, succeed } from "../../kernel/failure.ts";
import { reasonOf } from "../../kernel/outside-text.ts";
import { digest, OwnId, TenantId } from "../../kernel/values.ts";
import { queueNames } from "../../storage/names.ts";
import { numberOf } from "../../storage/tables.ts";
import { typeOfFamily } from "../catalogue/catalogue.ts";
import type { Configuration } from "../configuration.ts";
import type { JsonObject } from "../items/json.ts";
import { tokensIn } from "../plan/shape.ts";
import type { KeptItem } from "../revisions/revisions.ts";
import { type StartParts, startSync } from "../run/start-sync.ts";
import type { SyncSettings, TenantSync, Who } from "../state/sync.ts";
import { type BaselineDocument, missingValues, Tailoring } from "./baseline.ts";
import type { Baseline, BaselineStore, Publication } from "./baseline-store.ts";
import type { BaselineLibrary } from "./library.ts";

/** What publishing works with. */
export type PublishParts = {
  readonly baselines: BaselineLibrary;
  readonly rows: BaselineStore;
  readonly configuration: Configuration;
  readonly trail: AuditTrail;
  readonly sync: StartParts & {
    readonly enabledTypes: (settings: SyncSettings) => string[];
    readonly knows: (tenantId: string) => Promise<boolean>;
  };
};

const tenantsPerMessage = 20;
const concurrency = 4;

/** What the queue carries. */
export const PublishMessage = z.strictObject({
  baselineId: OwnId,
  publishId: OwnId,
  tenantIds: z.array(TenantId).min(1).max(tenantsPerMessage),
});
type PublishMessage = z.output<typeof PublishMessage>;

/** What is asked for: a version, by its number or the newest, for tenants, by their ids or all that are on the baseline. */
type Asked = {
  readonly baselineId: string;
  readonly publishId: string;
  readonly version?: number | undefined;
  readonly tenantIds?: readonly string[] | undefined;
  readonly by: Who;
};

/**
 * Puts a version on its way to those tenants that `mayReach` admits. Where one of them lacks a value it goes to none.
 * Answers who it goes to, and who is not there for the caller.
 */
export async function publish(
  { baselines, rows, sync }: PublishParts,
  { baselineId, publishId, tenantIds, by, ...asked }: Asked,
  mayReach: (tenantId: string) => Promise<boolean>,
): Promise<Result<{ number: number; queued: Publication[]; unknown: string[] }>> {
  const found = await baselines.version(baselineId, asked.version);
  if (!found.ok) return found;
  const { version, document } = found.value;
  const { version: number } = version;
  const tailorings = await rows.tailorings(baselineId);
  const before = new Map(
    (await rows.publications(baselineId)).map((each) => [each.tenantId, each]),
  );
  const named = [...new Set(tenantIds ?? [...tailorings.keys(), ...before.keys()])];
  const reached = new Set(
    (await inParallel(named, 16, async (id) => ((await mayReach(id)) ? [id] : []))).flat(),
  );
  const missing = [...reached].flatMap((tenantId): Fault[] => {
    const own = tailorings.get(tenantId) ?? Tailoring.parse({});
    const at = tenantIds?.indexOf(tenantId) ?? -1;
    return missingValues(document, own).map(({ pointer, detail }) => ({
      pointer: at < 0 ? "/tenantIds" : `/tenantIds/${at}`,
      detail: `${tenantId}: ${pointer} ${detail}`,
    }));
  });
  if (missing.length > 0)
    return fail("invalid-request", "Nothing was published: tenants lack values of parameters.", {
      faults: missing.slice(0, 100),
    });
  const at = sync.clock.now();
  const queued = [...reached].map((tenantId): Publication => {
    const last = before.get(tenantId);
    // Under way already: beginning anew would lose its sync.
    if (last?.state === "queued" && last.version === number) return last;
    const on = last?.on;
    const state = "queued";
    const head = { v: 1 as const, tenantId, publishId, version: number };
    return { ...head, state, by, at, touchedAt: at, ...(on === undefined ? {} : { on }) };
  });
  await rows.open(baselineId, at);
  await rows.queue(
    baselineId,
    queued.filter((each) => each.publishId === publishId),
  );
  await send(sync, baselineId, queued);
  return succeed({ number, queued, unknown: named.filter((id) => !reached.has(id)) });
}

async function send(
  { queues }: Pick<StartParts, "queues">,
  baselineId: string,
  publications: readonly Publication[],
): Promise<number> {
  const messages = [...Map.groupBy(publications, ({ publishId }) => publishId)].flatMap(
    ([publishId, own]) =>
      inChunks(own, tenantsPerMessage).map((part) => ({
        baselineId,
        publishId,
        tenantIds: part.map(({ tenantId }) => tenantId),
      })),
  );
  for (const message of messages) await queues.send(queueNames.baselinePublish, message);
  return messages.length;
}

/** Carries a publication out for the tenants of a message. What is no longer queued is left alone. */
export async function publishTo(parts: PublishParts, message: PublishMessage): Promise<void> {
  const { baselineId, publishId, tenantIds } = message;
  let version: ReturnType<BaselineLibrary["version"]> | undefined;
  let failure: unknown;
  await inParallel(tenantIds, concurrency, async (tenantId) => {
    const stored = await parts.rows.publication(baselineId, tenantId);
    if (stored?.value.publishId !== publishId || stored.value.state !== "queued") return;
    // A publication is of one version: it is read once for all.
    version ??= parts.baselines.version(baselineId, stored.value.version);
    const found = await version;
    const end = found.ok
      ? await publishOne(parts, { ...found.value, publication: stored.value }).catch((error) => {
          failure = error;
          return broken(stored.value, error);
        })
      : refused(found.failure.detail);
    const touchedAt = parts.sync.clock.now();
    const { detail: _, ...publication } = stored.value;
    // Whoever was faster has queued another version.
    await parts.rows.settle(baselineId, {
      ...stored,
      value: { ...publication, ...end, touchedAt },
    });
  });
  // Of one tenant; the others have theirs. The message comes again for it.
  if (failure !== undefined) throw failure;
}

/** What becomes of a publication that broke off: it is tried again, but not for ever. */
function broken({ losses = 0, detail }: Publication, error: unknown): End {
  if (losses < 2)
    return { state: "queued", losses: losses + 1, ...(detail === undefined ? {} : { detail }) };
  return refused(`It broke off again and again: ${reasonOf(error)}`);
}

type End = Partial<Publication> & Pick<Publication, "state">;

const refused = (detail: string, faults: readonly Fault[] = []): End => ({
  state: "refused",
  detail,
  ...(faults.length === 0 ? {} : { faults: faults.slice(0, 20) }),
});

async function publishOne(
  parts: PublishParts,
  about: {
    readonly baseline: Baseline;
    readonly document: BaselineDocument;
    readonly publication: Publication;
  },
): Promise<End> {
  const { sync, configuration, rows, baselines } = parts;
  const { baseline, document, publication } = about;
  const { tenantId, version, by } = publication;
  const syncId = syncIdOf(publication);
  const [isKnown, { value: tenant }, own, wasRevised] = await Promise.all([
    sync.knows(tenantId),
    sync.store.tenant(tenantId, sync.clock.now()),
    rows.tailoring(baseline.baselineId, tenantId),
    isRevised(sync, tenantId, syncId),
  ]);
  if (!isKnown) return refused("There is no such tenant.");
  if (tenant.desired === undefined)
    return refused("It was never synchronised. Run a first sync: it keeps what the tenant has.");
  const made = baselines.itemsFor(document, own?.value.tailoring ?? Tailoring.parse({}));
  const { faults } = made;
  if (faults.length > 0) return refused("Nothing of it was taken: it is not in order.", faults);
  const kept = await configuration.keyedHere(tenantId, made.kept);
  const message = `Baseline ${baseline.name}, version ${version}`;
  // Whoever died between what is wanted and its sync has left a revision with the sync's id; what people have wanted
  // since is theirs.
  if (!wasRevised) {
    const wanted = await configuration.want(tenantId, kept, { message, by, syncId });
    if (!wanted.ok) return refused(wanted.failure.detail, wanted.failure.faults);
    if (!wanted.value.changed) return { state: "unchanged", on: version };
  }
  // A tenant that was busy has its event already.
  if (publication.detail === undefined) await note(parts, about, syncId);
  const started = await start(parts, publication, { tenant, kept, syncId });
  return { ...started, on: version };
}

/** In the order of a tenant's syncs, and the same for the same publication. */
const syncIdOf = ({ publishId, tenantId }: Publication): string =>
  publishId.slice(0, 10) + digest(publishId, tenantId).slice(0, 12);

const isRevised = async ({ store }: StartParts, tenantId: string, syncId: string) =>
  (await store.revisions(tenantId, 50)).some((revision) => revision.syncId === syncId);

/** A busy tenant is waited for so long; after that its next sync plans what is wanted, whoever starts it. */
const busyMs = 3600_000;
/** Items that a sync is narrowed down to; beyond that it is narrowed to their types. */
const mostNamed = 100;

/** Starts the tenant's next plan, of what was published; where another plan waits, of all that one may have had too. */
async function start(
  { sync }: PublishParts,
  { at, by }: Publication,
  {
    tenant,
    kept,
    syncId,
  }: { readonly tenant: TenantSync; readonly kept: readonly KeptItem[]; readonly syncId: string },
): Promise<End> {
  const { tenantId, active, settings } = tenant;
  if ((await sync.store.sync(tenantId, syncId)) !== undefined)
    return { state: "published", syncId };
  const names = kept.map(({ item: { type, key } }) => ({ type, key }));
  const own = kept.flatMap(({ item }) => [item.type, ...typesNamedIn(item.body)]);
  const isNarrow = active === undefined && names.length <= mostNamed;
  const started = await startSync(sync, {
    tenantId,
    syncId,
    mode: "planAndDeploy",
    trigger: "baseline",
    types: [...new Set(active === undefined ? own : [...sync.enabledTypes(settings), ...own])],
    ...(isNarrow ? { items: names } : {}),
    by,
  });
  if (started.ok) return { state: "published", syncId };
  const { detail } = started.failure;
  return sync.clock.now() - at < busyMs
    ? { state: "queued", detail }
    : { state: "published", detail: `The next sync plans it. ${detail}` };
}

/** Types of what a body refers to: what is there of them has to be known too. Groups the directory itself tells. */
const typesNamedIn = (body: JsonObject): string[] =>
  [...tokensIn(body)].flatMap(({ $ref: family }) => {
    const type = typeOfFamily(family);
    return type === undefined || family === "group" || type.readBy === "user" ? [] : [type.key];
  });

/** What was done in a tenant stands in its own trail, under the name of whoever published. */
async function note(
  { trail, sync }: PublishParts,
  { baseline, publication }: { readonly baseline: Baseline; readonly publication: Publication },
  syncId: string,
): Promise<void> {
  const { tenantId, publishId, version, by } = publication;
  const kind = by.kind === "app" || by.kind === "user" ? by.kind : "bootstrap";
  await trail.append({
    eventId: digest(publishId, tenantId, "published").slice(0, 32),
    at: toIso(sync.clock.now()),
    actor: {
      kind,
      id: by.id,
      ...(by.homeTenantId === undefined ? {} : { homeTenantId: by.homeTenantId }),
      ...(by.name === undefined ? {} : { name: by.name }),
    },
    operation: "baselines-publish",
    tenantId,
    object: `baseline/${baseline.baselineId}`,
    outcome: "allowed",
    after: { version, syncId },
    requestId: publishId,
  });
}

/** A baseline stays on the list for so long after its last publication. */
const listedMs = 600_000;

/** Sends messages again for what is still queued; answers how many. */
export async function sweepPublications({ baselines, rows, sync }: PublishParts): Promise<number> {
  const { clock, claimMs } = sync;
  let sent = 0;
  for (const open of await rows.listOpen()) {
    const { rowKey: baselineId, etag } = open;
    if ((await rows.baseline(baselineId)) === undefined) {
      await baselines.clear(baselineId);
      continue;
    }
    const queued = (await rows.publications(baselineId)).filter(({ state }) => state === "queued");
    if (queued.length === 0 && numberOf(open, "at") + listedMs < clock.now())
      await rows.close(baselineId, etag);
    const late = queued.filter(({ touchedAt }) => touchedAt + 2 * claimMs < clock.now());
    sent += await send(sync, baselineId, late);
  }
  return sent;
}
