/**
 * One invocation's work on a sync: claim it, go on phase by phase, leave the rest to the next message. A small tenant
 * that has not changed is started, read, compared and done in one invocation; whatever waits for a person is only a
 * row, and costs nothing until that person comes or the time is over.
 */

import type { SignIns } from "../../identity/sign-ins.ts";
import { apart } from "../../kernel/concurrency.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import { reasonOf } from "../../kernel/outside-text.ts";
import { queueNames } from "../../storage/names.ts";
import { restMs } from "../../work/drain.ts";
import { neededOf, personalScopes } from "../catalogue/catalogue.ts";
import { exportAll } from "../reading/export.ts";
import { statusAfter } from "../state/lifecycle.ts";
import { isOver, type Skipped, type Sync, theService, type Who } from "../state/sync.ts";
import { openWork, type SyncIds, SyncLost, type SyncWork } from "../state/sync-work.ts";
import { askOn } from "./authentication.ts";
import { type ConsentParts, checkConsent, recheckAtRest } from "./consent.ts";
import { type DeployParts, deploy, personFor } from "./deploy.ts";
import { settleHeld } from "./held-writes.ts";
import { planSync } from "./plan-sync.ts";
import { type GoOn, type NewSync, type StartParts, startSync } from "./start-sync.ts";
import { endCancelled, hasWritten, stopWaiting, withWork } from "./verdicts.ts";

/** Everything that syncs work with. */
export type RunParts = DeployParts & ConsentParts;

/** What becomes of the message; `state` is for the log. */
export type RunOutcome =
  | { readonly kind: "ack"; readonly state: string }
  | { readonly kind: "again"; readonly state: string; readonly afterMs: number };

/** After so many workers were lost over one phase without progress, a person has to look. */
const maxLosses = 3;

/** Works on a sync. A duplicate finds it claimed, waiting or done, and changes nothing. */
export async function runSync(parts: RunParts, ids: SyncIds): Promise<RunOutcome> {
  const [work, isKnown] = await Promise.all([openWork(parts, ids), parts.knows(ids.tenantId)]);
  if (work === undefined || !isKnown) {
    await parts.store.close(ids.tenantId, ids.syncId);
    return { kind: "ack", state: "gone" };
  }
  const { sync } = work;
  const now = parts.clock.now();
  if (sync.phase === "done") return afterwards(parts, work);
  if (sync.leaseUntil > now && sync.waits === undefined)
    return { kind: "again", state: "claimed", afterMs: sync.leaseUntil - now };
  const pausedUntil = pauseOf(sync)?.until ?? 0;
  if (pausedUntil > now) return { kind: "ack", state: "paused" };
  if (await isResting(parts, sync)) return { kind: "again", state: "resting", afterMs: restMs };
  return unlessTaken(parts, work, async () => {
    if (sync.waits !== undefined) return wake(parts, work, sync.waits);
    if (pausedUntil > 0) await work.keep({ cancelled: theService, remark: pausedTooLong });
    return underClaim(parts, work);
  });
}

/** How long somebody lets it rest; of one that is to stop nobody does any more. */
const pauseOf = ({ paused, cancelled }: Sync): Sync["paused"] =>
  cancelled === undefined ? paused : undefined;

/** A paused sync keeps its tenant's place, so that none other plans over what it has half written; but not for ever. */
const pauseMs = 7 * 24 * 3600_000;
const pausedTooLong = "Nobody resumed it within seven days.";

/**
 * Lets a sync rest, or lets it go on. Its worker loses its next write by a pause, as by a cancellation: what it has begun of
 * an item it ends, and begins none. Asking twice is once.
 */
export const changePause = (
  parts: StartParts,
  ids: SyncIds,
  by: Who,
  event: "pause" | "resume",
): Promise<Result<Sync>> =>
  withWork(parts, ids, async (work) => {
    const { sync, tenant } = work;
    const isActive = tenant.active === ids.syncId && sync.cancelled === undefined;
    if (!isActive || statusAfter(tenant.status, event, tenant.resting) === undefined)
      return fail("conflict", `The sync ${ids.syncId} does not work: only what works rests.`);
    const at = parts.clock.now();
    if (event === "pause" && !sync.paused) await work.pause({ by, at, until: at + pauseMs });
    if (event === "resume" && sync.paused) await work.pause(null);
    if (event === "resume") await work.tell();
    // Also where it rests already: whoever let it may have died before the list said so.
    await parts.store.index(work.tenant);
    return succeed(work.sync);
  });

/**
 * Whether it would go on, and nothing may leave for the tenant: it may be cancelled then, by a person or since nobody has resumed
 * it, and what waits for a person waits on.
 */
const isResting = async (
  { rests, clock }: Pick<RunParts, "rests" | "clock">,
  { tenantId, waits, cancelled, paused }: Sync,
): Promise<boolean> =>
  waits === undefined &&
  cancelled === undefined &&
  (paused?.until ?? Number.POSITIVE_INFINITY) > clock.now() &&
  (await rests(tenantId)) !== undefined;

async function unlessTaken(
  parts: RunParts,
  work: SyncWork,
  go: () => Promise<RunOutcome>,
): Promise<RunOutcome> {
  try {
    return await go();
  } catch (error) {
    if (!(error instanceof SyncLost)) {
      await work.told();
      throw error;
    }
    // Whoever was faster tells what happened, and has a message too; ours looks once more what became of it.
    await letGo(parts, work).catch(unlessLost);
    return { kind: "again", state: "lost", afterMs: 1_000 };
  }
}

/** Who cancels, pauses or resumes leaves the claim as it is. Where nothing but that was in our way it is ours, and nobody waits for its end. */
async function letGo(parts: RunParts, { ids, sync: { leaseUntil } }: SyncWork): Promise<void> {
  const now = await openWork(parts, ids);
  if (now === undefined) return;
  const { cancelled, paused } = now.sync;
  const isAsked = cancelled !== undefined || paused !== undefined;
  if (!isAsked || now.sync.leaseUntil !== leaseUntil) return;
  await now.told();
  await now.release();
}

/** A request waits so long for the look before a sync, and for the first pass over it; the work goes on behind the answer. */
const boxMs = 1_000;

/** How a sync goes on inside whatever starts it, where it can begin at once; undefined: its own first step says why not. */
export async function beginsHere(
  parts: RunParts,
  asked: NewSync,
  pass: (parts: RunParts, work: SyncWork) => Promise<void>,
): Promise<GoOn | undefined> {
  // Which types are tried again is found out by its start.
  if (asked.mode === "retryFailed" || (await parts.rests(asked.tenantId)) !== undefined) return;
  // What breaks off here keeps nobody waiting, nor other tenants from their night.
  const checked = await parts.preflight(asked).catch(() => undefined);
  if (checked === undefined || checked.kind === "failed") return;
  const { missing: without } = checked;
  if (without.length > 0 && asked.trigger !== "schedule") return;
  return { claims: true, without, begin: (work) => pass(parts, work) };
}

/** Starts a sync inside a request that waits a moment for the first pass over it. */
export async function startHere(parts: RunParts, asked: NewSync): Promise<Result<Sync>> {
  const atOnce = await Promise.race([beginsHere(parts, asked, runHere), parts.wait(boxMs)]);
  const claimed: GoOn = { claims: true, begin: (work) => runHere(parts, work) };
  return startSync(parts, asked, undefined, atOnce ?? claimed);
}

/** The first pass over a night, inside the timer that starts it. No message is sent before: of whoever dies the sweeper takes notice. */
export async function passHere(parts: RunParts, work: SyncWork): Promise<void> {
  const { kind, afterMs = 0 }: { kind: string; afterMs?: number } = await unlessTaken(
    parts,
    work,
    () => goOnClaimed(parts, work),
    // What went wrong is in the row as its remark, and the message goes on with it.
  ).catch(() => ({ kind: "again" }));
  // What is in no row yet is nobody's to go on with.
  if (kind === "again" && work.isWritten)
    await parts.queues.send(queueNames.syncWork, work.ids, afterMs / 1_000);
}

/** The message comes after so long where the request's worker died, and the pass is through before. */
const safetySeconds = 10;

/**
 * Makes the first pass over a sync inside the request that has started it, since a small tenant is through before the queue
 * would be looked at. It is claimed from its start. The message is sent before and taken back at the end, so that dying
 * here costs nothing but time.
 */
async function runHere(parts: RunParts, work: SyncWork): Promise<void> {
  const { queues, wait } = parts;
  const { ids } = work;
  const receipt = await queues.send(queueNames.syncWork, ids, safetySeconds);
  const pass = async (): Promise<void> => {
    // Nobody has begun: the claim of its start is given back, and the message stays.
    if (await isResting(parts, work.sync))
      return work.keep({ leaseUntil: parts.clock.now(), losses: 0 });
    const here = { ...parts, passMs: (safetySeconds / 2) * 1_000 };
    const outcome = await unlessTaken(parts, work, () => goOnClaimed(here, work));
    if (outcome.kind === "again")
      await queues.send(queueNames.syncWork, ids, outcome.afterMs / 1_000);
    await queues.withdraw(queueNames.syncWork, receipt);
  };
  // What goes wrong is in the row, and the message goes on with it.
  await Promise.race([pass().catch(() => undefined), wait(boxMs)]);
}

/** What is left when a sync has ended: to tidy up, and what Intune holds until somebody approves it there. */
async function afterwards(parts: RunParts, work: SyncWork): Promise<RunOutcome> {
  const isHeld = (work.sync.deployed?.waiting ?? 0) > 0;
  // The sweeper comes again within a minute.
  if (isHeld && work.sync.leaseUntil > parts.clock.now()) return { kind: "ack", state: "claimed" };
  if (isHeld) await settleHeld(parts, work).catch(unlessLost);
  await work.tidy();
  await recheckAtRest(parts, work);
  return { kind: "ack", state: "done" };
}

function unlessLost(error: unknown): void {
  if (!(error instanceof SyncLost)) throw error;
}

/** What waits goes on only by somebody's doing; here its time can be over, or Intune's second administrator came. */
async function wake(
  parts: RunParts,
  work: SyncWork,
  waits: NonNullable<Sync["waits"]>,
): Promise<RunOutcome> {
  const now = parts.clock.now();
  if (work.sync.cancelled !== undefined) return cancel(work);
  if (now >= waits.until) return expire(parts, work, waits);
  if (waits.for === "consent") {
    // Somebody has consented a moment ago, and it was not there yet.
    const checked = await checkConsent(parts, work.ids, theService);
    if (checked.ok && checked.value.permissions.length === 0)
      return { kind: "ack", state: "consented" };
  }
  // What Intune holds of an earlier round does not wait for the approval of a later one; one worker sends it.
  if (isHeldBeside(work.sync) && work.sync.leaseUntil <= now) await settleHeld(parts, work);
  // Whoever let it wait may have died before the list said so.
  await parts.store.index(work.tenant);
  if (waits.for === "user") return { kind: "again", state: "waiting", afterMs: waits.until - now };
  return { kind: "ack", state: "waiting" };
}

/** The time of what waits is over: it ends, unless somebody came in it after all. */
async function expire(
  parts: RunParts,
  work: SyncWork,
  waits: NonNullable<Sync["waits"]>,
): Promise<RunOutcome> {
  if (waits.for === "user" && (await hasSignedIn(parts, work.sync))) {
    await work.move("signIn", { leaseUntil: parts.clock.now() });
    return { kind: "again", state: "signedIn", afterMs: 0 };
  }
  const remark = expiryRemarks[waits.for];
  if (waits.for === "user" && (await hasWritten(parts, work))) {
    await stopWaiting(parts, work, theService, remark);
    return { kind: "again", state: "expired", afterMs: 0 };
  }
  const outcome = waits.for === "approval" ? "expired" : "cancelled";
  await work.finish("expire", { outcome, remark });
  return { kind: "ack", state: "expired" };
}

/** Whether somebody came in time, and their worker died before the sync was told. */
async function hasSignedIn({ user }: Pick<RunParts, "user">, sync: Sync): Promise<boolean> {
  try {
    return (await user(sync.tenantId, neededOf(sync).scopes)).kind === "account";
  } catch {
    // Nobody can tell for now, and the time is over.
    return false;
  }
}

/** Whether Intune holds a write of a sync whose next round waits for approval. */
const isHeldBeside = ({ waits, deployed }: Sync): boolean =>
  waits?.for === "approval" && (deployed?.waiting ?? 0) > 0;

const expiryRemarks: Readonly<Record<NonNullable<Sync["waits"]>["for"], string>> = {
  user: "Cancelled: nobody signed in within three minutes.",
  approval: "Nobody approved the plan in time. Its changes stay in the repository.",
  consent: "Cancelled: no administrator consented in time.",
};

async function underClaim(parts: RunParts, work: SyncWork): Promise<RunOutcome> {
  if (work.sync.losses >= maxLosses) {
    await work.fail({
      code: "worker-lost",
      text: "The sync was given up: its workers were lost again and again.",
      cause: `${maxLosses} workers ended without a word in the phase ${work.sync.phase}.`,
      remedy: "Start it again. If it happens again, look into the log of the function app.",
      requestIds: [],
    });
    return { kind: "ack", state: "abandoned" };
  }
  const { losses, phase, startedAt } = work.sync;
  const claimed = { losses: losses + 1 };
  // To begin is a conditional write of its own, and nothing is done before it: what starts just now needs no claim for that.
  if (phase === "preflight" && parts.clock.now() - startedAt < parts.claimMs) work.note(claimed);
  else await work.keep(claimed);
  return goOnClaimed(parts, work);
}

async function goOnClaimed(parts: RunParts, work: SyncWork): Promise<RunOutcome> {
  try {
    return await goOn(parts, work);
  } catch (error) {
    if (error instanceof SyncLost) throw error;
    // What has ended is only not told. Else the next worker begins at once; what went wrong counts as a loss, so that it ends some time.
    if (work.sync.phase === "done") throw error;
    await work
      .keep({ leaseUntil: parts.clock.now(), remark: reasonOf(error) })
      .catch(() => undefined);
    throw error;
  }
}

async function goOn(parts: RunParts, work: SyncWork): Promise<RunOutcome> {
  for (;;) {
    const { phase, cancelled } = work.sync;
    if (phase === "done") return { kind: "ack", state: "done" };
    // Between phases; a deploy looks before each item.
    if (cancelled !== undefined && phase !== "deploy") return cancel(work);
    const paused = await steps[phase](parts, work);
    if (paused !== undefined) return paused;
    const { waits } = work.sync;
    if (waits === undefined) continue;
    return waits.for === "user"
      ? { kind: "again", state: "waiting", afterMs: waits.until - parts.clock.now() }
      : { kind: "ack", state: "waiting" };
  }
}

/** What each phase does; it answers where it leaves off without waiting for a person. */
const steps: Readonly<
  Record<
    Exclude<Sync["phase"], "done">,
    (parts: RunParts, work: SyncWork) => Promise<RunOutcome | undefined>
  >
> = {
  preflight: begin,
  export: exportNext,
  async plan(parts, work) {
    await planSync(parts, work);
    return undefined;
  },
  async deploy(parts, work) {
    const deployed = await deploy(parts, work);
    return deployed.kind === "later"
      ? { kind: "again", state: "deploy", afterMs: deployed.afterMs }
      : undefined;
  },
};

async function exportNext(parts: RunParts, work: SyncWork): Promise<RunOutcome | undefined> {
  const unread = await onlyByPeople(parts, work);
  if (unread === "waits") return undefined;
  if (unread.length > 0) work.note({ skipped: [...work.sync.skipped, ...unread] });
  const { types, skipped } = work.sync;
  const out = new Set(skipped.map(({ type }) => type));
  const isFirst = (await work.types()).size === 0;
  const read = await exportAll(
    parts,
    work,
    types.filter((key) => !out.has(key)),
  );
  if (read === "reading") {
    await work.keep({ leaseUntil: parts.clock.now(), losses: 0 });
    // What was through before that found the sync claimed, and its message comes back when the claim would have ended.
    const now = await parts.store.types(work.sync);
    if ([...now.values()].every(isOver)) await work.tell();
    return { kind: "ack", state: "export" };
  }
  // What one pass has read goes with the next write, which comes soon: whoever comes after a worker that dies before reads it again.
  if (isFirst && work.isFresh) work.note({ phase: "plan", losses: 0 });
  else await work.keep({ phase: "plan", losses: 0 });
  return undefined;
}

/** Looks whether everything is there that reading takes, and lets the sync wait for consent where it is not. */
async function begin(parts: RunParts, work: SyncWork): Promise<undefined> {
  const { sync } = work;
  const checked = await parts.preflight(sync);
  if (checked.kind === "failed") {
    await work.fail(checked.error);
    return;
  }
  const isUnattended = sync.trigger === "schedule";
  const known = new Set(sync.skipped.map(({ type }) => type));
  const missing = checked.missing.filter(({ type }) => !known.has(type));
  if (missing.length > 0 && !isUnattended) {
    const now = parts.clock.now();
    const { words } = checked;
    const until = now + consentMs;
    const waits = { for: "consent" as const, since: now, until, ...(words && { words }) };
    const lacksConsent = { ...work.tenant.lacksConsent, since: now, askedAt: now };
    await work.move("needConsent", { waits, losses: 0, leaseUntil: now }, { lacksConsent });
    return;
  }
  const skipped: Skipped[] = [...sync.skipped, ...missing];
  await work.move("begin", { phase: "export", skipped, losses: 0 });
}

/**
 * Types that Graph shows to people only, where nobody is signed in who may see them; "waits" when the sync waits for one
 * from now on. Asked before anything is read, so that nothing is read twice.
 */
async function onlyByPeople(parts: RunParts, work: SyncWork): Promise<Skipped[] | "waits"> {
  const { types, skipped, withoutUser } = work.sync;
  const out = new Set(skipped.map(({ type }) => type));
  const own = types
    .flatMap((key) => (out.has(key) ? [] : (parts.typeOf(key) ?? [])))
    .filter(({ readBy }) => readBy === "user");
  const begun = own.length === 0 ? undefined : await work.types();
  const open = own.filter(({ key }) => begun?.has(key) === false);
  if (open.length === 0) return [];
  const found =
    withoutUser === true
      ? { kind: "nobody" as const, why: "The sync goes on without one." }
      : await personFor(parts, work, personalScopes(open, "read"));
  if (found.kind === "waits") return "waits";
  if (found.kind === "account") return [];
  const detail = `Graph shows it to people only. ${found.why}`;
  return open.map(({ key: type }) => ({ type, reason: "delegatedRequired", detail }));
}

/** An administrator has three days to consent. */
const consentMs = 72 * 3600_000;

async function cancel(work: SyncWork): Promise<RunOutcome> {
  await endCancelled(work, theService);
  return { kind: "ack", state: "cancelled" };
}

const syncsPerPage = 100;

/** Every sync that has not been seen to its end, by its ids. */
async function* openSyncs({ store }: Pick<RunParts, "store">): AsyncGenerator<SyncIds> {
  let token: string | undefined;
  do {
    const page: { open: SyncIds[]; next?: string } = await store.listOpen(syncsPerPage, token);
    yield* page.open;
    token = page.next;
  } while (token !== undefined);
}

/** How many syncs have not ended, and how many of them somebody works on. */
export async function countSyncs(parts: Pick<RunParts, "store" | "clock">) {
  const left = { syncs: 0, working: 0 };
  for await (const { tenantId, syncId } of openSyncs(parts)) {
    const sync = (await parts.store.sync(tenantId, syncId))?.value;
    if (sync === undefined || sync.phase === "done") continue;
    left.syncs += 1;
    if (sync.waits === undefined && sync.leaseUntil > parts.clock.now()) left.working += 1;
  }
  return left;
}

/**
 * Looks after every sync on the list: one without a sign of life gets a message, since its own may be lost, and one
 * whose time is over gets one too. Answers how many.
 */
export async function sweepSyncs(
  parts: RunParts & { readonly signIn: SignIns | undefined },
): Promise<number> {
  const each = apart("some syncs were not looked after");
  let sent = 0;
  for await (const ids of openSyncs(parts))
    if (await each.run(`${ids.tenantId} ${ids.syncId}`, () => sweepOne(parts, ids), false))
      sent += 1;
  each.end();
  return sent;
}

/** Sends a message for one that nobody looks after, or asks about a code; whether it did. */
async function sweepOne(
  parts: RunParts & { readonly signIn: SignIns | undefined },
  ids: SyncIds,
): Promise<boolean> {
  const sync = (await parts.store.sync(ids.tenantId, ids.syncId))?.value;
  // What rests has its message, which comes back again and again: another one would, too.
  if (sync !== undefined && sync.phase !== "done" && (await isResting(parts, sync))) return false;
  if (sync !== undefined && !needsMessage(sync, parts.clock.now(), parts.claimMs))
    return askOn(parts, sync);
  await parts.queues.send("sync-work", ids);
  return true;
}

function needsMessage(sync: Sync, now: number, claimMs: number) {
  const { phase, waits, leaseUntil, touchedAt } = sync;
  if (phase === "done" || isHeldBeside(sync)) return true;
  const until = (waits ?? pauseOf(sync))?.until;
  if (until !== undefined) return now >= until;
  return Math.max(leaseUntil, touchedAt) + 2 * claimMs < now;
}
