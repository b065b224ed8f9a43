/**
 * A sync that waits for an administrator's consent: what is missing, and what becomes of the sync when they have
 * consented or declined. What came back with a browser says only that it is worth looking; what is granted is read
 * from the tenant. One that waits for somebody to sign in goes on by a sign-in alone: whether the consent is enough, the
 * next one shows.
 */
import type { ConsentEnd } from "../../identity/consent.ts";
import { toIso } from "../../kernel/clock.ts";
import { apart } from "../../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { digest, newestFirstId } from "../../kernel/values.ts";
import { queueNames } from "../../storage/names.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import { neededOf } from "../catalogue/catalogue.ts";
import { type Skipped, type Sync, theService, type Who } from "../state/sync.ts";
import { openWork, type SyncIds, type SyncWork } from "../state/sync-work.ts";
import type { MissingPermission, Preflight } from "./preflight.ts";
import { type StartParts, startSync } from "./start-sync.ts";
import { goOnWith, notWaiting, tooLateFor, unknownSync, waitsFor, withWork } from "./verdicts.ts";

/** What looking for consent takes. */
export type ConsentParts = StartParts & {
  readonly preflight: Preflight;
  /** What the app may do for anybody who signs in to a tenant; undefined where that cannot be read. */
  readonly grantedToPeople: (tenantId: string) => Promise<readonly string[] | undefined>;
};

/** What a sync lacks. */
export type Lacking = {
  readonly sync: Sync;
  readonly permissions: readonly MissingPermission[];
  readonly missing: readonly Skipped[];
  /** Why nothing is granted: the app is not in the tenant, or disabled there. */
  readonly words?: string;
};

/** Whether somebody was refused who wanted to sign in for a sync, because nobody has consented to what it needs. */
const keepsPeopleOut = ({ waits }: Sync): boolean =>
  waits?.for === "user" && waits.lacksConsent === true;

/**
 * What signing in for a sync takes that the tenant has not granted to everybody. A sign-in asks for each scope by its name,
 * so that no other one will do; where nobody can tell what is granted, all are named.
 */
async function lackingToSignIn(
  { grantedToPeople }: ConsentParts,
  sync: Sync,
): Promise<MissingPermission[]> {
  const granted = new Set(
    (await grantedToPeople(sync.tenantId))?.map((name) => name.toLowerCase()),
  );
  return neededOf(sync).permissions.flatMap(({ name, types }) =>
    granted.has(name.toLowerCase()) ? [] : [{ name, anyOf: [name], types }],
  );
}

/** Looks what a sync lacks now; of one since which its tenant rests, what the night lacks that went without. */
export async function lackingFor(parts: ConsentParts, ids: SyncIds): Promise<Result<Lacking>> {
  const asked = (await parts.store.sync(ids.tenantId, ids.syncId))?.value;
  if (asked === undefined) return unknownSync(ids);
  if (keepsPeopleOut(asked)) {
    const permissions = await lackingToSignIn(parts, asked);
    return succeed({ sync: asked, permissions, missing: [] });
  }
  const sync = asked.phase === "done" ? await nightOf(parts, asked) : asked;
  const checked = await parts.preflight(sync);
  if (checked.kind === "failed") {
    const { text, cause, remedy } = checked.error;
    return fail("conflict", `${text} ${cause} ${remedy}`);
  }
  const { kind: _, ...lacking } = checked;
  return succeed({ sync, ...lacking });
}

/** Looks again, and lets the sync go on when nothing is missing; one that has ended without consent begins anew. */
export async function checkConsent(
  parts: ConsentParts,
  ids: SyncIds,
  by: Who,
): Promise<Result<Lacking>> {
  const found = await lackingFor(parts, ids);
  if (!found.ok || found.value.permissions.length > 0) return found;
  const { sync } = found.value;
  // Whoever signs in lets it go on.
  if (keepsPeopleOut(sync)) return found;
  const wentOn =
    sync.phase === "done"
      ? await beginAnew(parts, sync, by)
      : await goOnWith(parts, ids, "consent", by);
  return wentOn.ok ? succeed({ ...found.value, sync: wentOn.value }) : wentOn;
}

/** Whether a tenant rests without consent, and this sync is its last one, or the night since which it does. */
const restsAfter = ({
  tenant: { status, active, last, lacksConsent },
  sync,
}: Pick<SyncWork, "tenant"> & { readonly sync: Pick<Sync, "syncId"> }): boolean =>
  status === "pendingAdminConsent" &&
  active === undefined &&
  [last, lacksConsent?.syncId].includes(sync.syncId);

/** The night since which a tenant rests, where this is its last sync: what was started since has come to nothing. */
async function nightOf({ store, clock }: ConsentParts, sync: Sync): Promise<Sync> {
  const { value: tenant } = await store.tenant(sync.tenantId, clock.now());
  const { syncId = sync.syncId } = tenant.lacksConsent ?? {};
  if (syncId === sync.syncId || !restsAfter({ tenant, sync })) return sync;
  return (await store.sync(sync.tenantId, syncId))?.value ?? sync;
}

/** The last sync of a tenant that rests without consent. */
async function beginAnew(parts: ConsentParts, sync: Sync, by: Who): Promise<Result<Sync>> {
  const now = parts.clock.now();
  const { value: tenant } = await parts.store.tenant(sync.tenantId, now);
  if (!restsAfter({ tenant, sync }))
    return fail("conflict", `The sync ${sync.syncId} has ended: ${sync.outcome ?? "over"}.`);
  const { tenantId, mode, types, onMissingUser } = sync;
  const asked = { tenantId, mode, types, onMissingUser, syncId: newestFirstId(now), by };
  return startSync(parts, { ...asked, trigger: "consent" });
}

/** Which app an administrator consents to for a sync: the one that works by itself, or the one that people sign in with. */
export async function appToConsentTo(
  parts: ConsentParts,
  ids: SyncIds,
): Promise<Result<"itself" | "people">> {
  const work = await openWork(parts, ids);
  if (work === undefined) return unknownSync(ids);
  if (waitsFor(work, "user") && keepsPeopleOut(work.sync))
    return tooLateFor(work, parts.clock.now()) ?? succeed("people");
  const { status } = work.tenant;
  return status === "pendingAdminConsent"
    ? succeed("itself")
    : fail("conflict", `The tenant does not wait for consent: its status is ${status}.`);
}

/** Goes on without the types whose permissions are missing. */
export async function goOnWithoutTypes(
  parts: ConsentParts,
  ids: SyncIds,
  by: Who,
): Promise<Result<Sync>> {
  const found = await lackingFor(parts, ids);
  if (!found.ok) return found;
  const skipped = [...found.value.missing];
  return goOnWith(parts, ids, "continueWithoutTypes", by, { skipped });
}

/** An administrator's browser came back. */
export async function settleConsent(
  parts: ConsentParts,
  ids: SyncIds,
  end: ConsentEnd,
  from: { readonly ip?: string | undefined; readonly requestId: string },
): Promise<Result<Lacking | Sync>> {
  await tellTrail(parts, ids, end, from);
  const sync = (await parts.store.sync(ids.tenantId, ids.syncId))?.value;
  if (sync?.waits?.for === "user") return tellWhoSignsIn(parts, ids, end);
  if (end.kind === "consented") return checkUntilThere(parts, ids);
  return withWork(parts, ids, async (work) => {
    const rests = restsAfter(work);
    if (!rests && !waitsFor(work, "consent")) return notWaiting(work, "pendingAdminConsent");
    if (end.kind === "declined" && rests) await declineAtRest(parts, work, declinedError(end));
    else if (end.kind === "declined") await work.fail(declinedError(end), "declineConsent");
    else if (work.sync.waits !== undefined) {
      const waits = { ...work.sync.waits, words: end.words };
      await work.keep({ waits, leaseUntil: parts.clock.now() });
    }
    return succeed(work.sync);
  });
}

/** Tells whoever is to sign in what became of the consent that it takes. Nothing gives them more time. */
const tellWhoSignsIn = (
  parts: ConsentParts,
  ids: SyncIds,
  end: ConsentEnd,
): Promise<Result<Sync>> =>
  withWork(parts, ids, async (work) => {
    const now = parts.clock.now();
    const { waits } = work.sync;
    if (waits === undefined || !waitsFor(work, "user"))
      return notWaiting(work, "pendingAuthentication");
    const late = tooLateFor(work, now);
    if (late !== undefined) return late;
    const { lacksConsent: _, ...rest } = waits;
    const still = end.kind === "consented" ? rest : waits;
    await work.keep({ waits: { ...still, words: wordsFor(end) }, leaseUntil: now });
    return succeed(work.sync);
  });

function wordsFor(end: ConsentEnd): string {
  if (end.kind === "consented") return "An administrator has consented: one may sign in now.";
  const { kind, code, words } = end;
  const why = words.includes(code) ? words : `${code}: ${words}`;
  return kind === "declined"
    ? `An administrator of the tenant declined to consent (${why}).`
    : `No consent was given (${why}).`;
}

const declinedError = ({ code, words }: Exclude<ConsentEnd, { kind: "consented" }>) => ({
  code: "consent-declined",
  text: "An administrator of the tenant declined to consent.",
  cause: `${code}: ${words}`,
  remedy:
    "Settle with them what the app may do. Then start again, or without the types that need it.",
  requestIds: [],
});

/** A night has done all else and ended: its outcome stays, and the tenant's row says what was declined. */
async function declineAtRest(
  { store, clock }: ConsentParts,
  work: SyncWork,
  given: ReturnType<typeof declinedError>,
): Promise<void> {
  const { tenantId, syncId } = work.ids;
  const now = clock.now();
  const error = { ...given, at: toIso(now), correlationId: syncId };
  // Listed first: what has ended is on no list by which somebody would tell of this.
  await store.open(tenantId, syncId);
  await work.move("declineConsent", { error, leaseUntil: now }, { error });
}

/** Seconds after a consent at which it is looked for once more: it takes a while to reach the app's tokens. */
const recheckSeconds = [5, 15, 35, 75, 135];
/** Longer than that, since messages come late. */
const lookingMs = 300_000;

/** Looks at once, and where something is missing yet, or nobody can tell, a few times more; the timer looks after that. */
async function checkUntilThere(parts: ConsentParts, ids: SyncIds): Promise<Result<Lacking>> {
  const checked = await checkConsent(parts, ids, theService);
  const isLacking = !checked.ok || checked.value.permissions.length > 0;
  if (isLacking) await noteReturn(parts, ids);
  for (const seconds of isLacking ? recheckSeconds : [])
    await parts.queues.send(queueNames.syncWork, { ...ids }, seconds);
  return checked;
}

/** Of a tenant that rests its row says that it is worth looking, and the timer's pauses begin anew. */
async function noteReturn(
  { store, clock }: ConsentParts,
  { tenantId, syncId }: SyncIds,
): Promise<void> {
  await updateRow(`the consent of ${tenantId}`, async () => {
    const now = clock.now();
    const { value, etag } = await store.tenant(tenantId, now);
    if (!restsAfter({ tenant: value, sync: { syncId } })) return undefined;
    const lacksConsent = { ...value.lacksConsent, since: now, askedAt: now, cameAt: now };
    const written = await store.change({ value: { ...value, lacksConsent }, etag });
    return written === undefined ? lost : undefined;
  });
}

/** Looks once more whether the consent that came back is there, where a tenant rests since this sync. */
export async function recheckAtRest(parts: ConsentParts, work: SyncWork): Promise<void> {
  const { cameAt = Number.NEGATIVE_INFINITY } = work.tenant.lacksConsent ?? {};
  if (restsAfter(work) && parts.clock.now() - cameAt < lookingMs)
    await checkConsent(parts, work.ids, theService);
}

async function tellTrail(
  { trail, clock }: ConsentParts,
  { tenantId, syncId }: SyncIds,
  end: ConsentEnd,
  { ip, requestId }: Parameters<typeof settleConsent>[3],
): Promise<void> {
  await trail.append({
    eventId: digest(requestId, end.kind).slice(0, 32),
    at: toIso(clock.now()),
    actor: { kind: "anonymous", id: "" },
    ...(ip === undefined ? {} : { ip }),
    operation: "sync-consent",
    tenantId,
    object: `sync/${syncId}`,
    outcome: end.kind === "consented" ? "allowed" : "refused",
    after: { end: end.kind, ...(end.kind === "consented" ? {} : { code: end.code }) },
    requestId,
  });
}

const tenantsPerPage = 100;

const dayMs = 24 * 3600_000;
/** Timers are no more exact than that. */
const slackMs = 120_000;

/**
 * Looks again for tenants that wait for consent, while `mayGoOn`; answers how many went on. Each time as long after the last one as
 * that was after the first, and at least once a day: who rests there for months is not asked every quarter of an hour.
 */
export async function recheckConsents(
  parts: ConsentParts,
  mayGoOn: () => boolean,
): Promise<number> {
  const { store } = parts;
  const each = apart("the consent of some tenants was not looked for");
  let wentOn = 0;
  let after: string | undefined;
  do {
    const tenantIds = await store.withStatus("pendingAdminConsent", tenantsPerPage, after);
    for (const tenantId of tenantIds)
      if (mayGoOn() && (await each.run(tenantId, () => hasGoneOn(parts, tenantId), false)))
        wentOn += 1;
    after = tenantIds.length < tenantsPerPage ? undefined : tenantIds.at(-1);
  } while (after !== undefined && mayGoOn());
  each.end();
  return wentOn;
}

async function hasGoneOn(parts: ConsentParts, tenantId: string): Promise<boolean> {
  const now = parts.clock.now();
  const { value: tenant, etag } = await parts.store.tenant(tenantId, now);
  const syncId = tenant.active ?? tenant.last;
  if (tenant.status !== "pendingAdminConsent" || syncId === undefined) return false;
  const lacking = tenant.lacksConsent ?? { since: now, askedAt: now };
  const { since, askedAt } = lacking;
  if (now - askedAt < Math.min(askedAt - since, dayMs) - slackMs) return false;
  const checked = await checkConsent(parts, { tenantId, syncId }, theService);
  if (checked.ok && checked.value.permissions.length === 0) return true;
  // Where somebody was faster, there is something newer to look at.
  const lacksConsent = { ...lacking, askedAt: now };
  await parts.store.change({ value: { ...tenant, lacksConsent }, etag });
  return false;
}
