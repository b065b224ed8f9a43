/**
 * A sync that waits for a person: what they are asked for, the code that is shown to them, and what becomes of the
 * sync when they have signed in, refused, or been refused. The three minutes begin with the status: a new code, or an
 * account that we do not take, extends nothing.
 */
import * as z from "zod";
import type { BrowserSignIn } from "../../identity/browser-sign-in.ts";
import type { DeviceCode } from "../../identity/device-code.ts";
import type { SignIns } from "../../identity/sign-ins.ts";
import type { SignInEnd, SignInRequest } from "../../identity/user-sign-in.ts";
import { toIso } from "../../kernel/clock.ts";
import { type Result, succeed } from "../../kernel/failure.ts";
import { digest } from "../../kernel/values.ts";
import { queueNames } from "../../storage/names.ts";
import { neededOf } from "../catalogue/catalogue.ts";
import { type Sync, theService, type Who } from "../state/sync.ts";
import { openWork, type SyncIds, type SyncWork } from "../state/sync-work.ts";
import type { StartParts } from "./start-sync.ts";
import {
  cancelSync,
  goOnWith,
  hasWritten,
  notWaiting,
  tooLateFor,
  unknownSync,
  waitsFor,
  withWork,
} from "./verdicts.ts";

/** What signing in for a sync takes. */
export type SignInForSync = StartParts & { readonly signIn: SignIns };

/** What waits for a person, for whoever shows it. */
export type AwaitedPerson = {
  readonly needed: ReturnType<typeof neededOf>;
  readonly until: number;
  /** Absent where nobody has begun one, or the service gives none: then `words` say why. */
  readonly code?: DeviceCode;
  /** What became of the last attempt. */
  readonly words?: string;
  /** It came to nothing because nobody has consented to what it asked for. */
  readonly lacksConsent?: true;
  /** Policies of the tenant that block codes, as it was last read. */
  readonly blockers: readonly Blocker[];
};

/** A policy that blocks codes, and how many groups it lets through. */
type Blocker = { readonly name: string; readonly excludedGroups: number };

const Flows = z.object({
  state: z.literal("enabled"),
  conditions: z.object({
    // One text with commas between.
    authenticationFlows: z.object({ transferMethods: z.string() }),
    users: z.object({ excludeGroups: z.array(z.unknown()).default([]) }).prefault({}),
  }),
  grantControls: z.object({ builtInControls: z.array(z.string()) }),
});

/** Who signs in is not known yet, so that every policy counts, and its exceptions are counted. */
async function blockersOf({ revisions }: SignInForSync, work: SyncWork): Promise<Blocker[]> {
  const { tenantId } = work.ids;
  const type = "conditionalAccessPolicy";
  const tree = {
    ...(await revisions.tree(tenantId, work.tenant.snapshot)),
    ...(await revisions.tree(tenantId, work.sync.snapshot)),
  };
  const { items } = await revisions.content(tenantId, type, tree[type]);
  return items.flatMap(({ name, body }) => {
    const policy = Flows.safeParse(body).data;
    const methods = policy?.conditions.authenticationFlows.transferMethods.split(/\s*,\s*/) ?? [];
    const isBlock = policy?.grantControls.builtInControls.includes("block") === true;
    return policy !== undefined && isBlock && methods.includes("deviceCodeFlow")
      ? [{ name, excludedGroups: policy.conditions.users.excludeGroups.length }]
      : [];
  });
}

/** Who signs in takes the place of who did before: what was agreed to then is asked for with what is needed now. */
async function requestOf(
  { signIn }: SignInForSync,
  sync: Sync,
  until: number,
  by: Who,
): Promise<SignInRequest> {
  const { scopes: needed, roles } = neededOf(sync);
  const { tenantId, syncId: reference } = sync;
  const scopes = [...new Set([...needed, ...(await signIn.agreed(tenantId))])];
  const askedBy = `${by.kind}/${by.id}`;
  return { tenantId, scopes, roles, deadline: until, askedBy, reference };
}

/** What a sync waits for, with the code that was begun for it, if one was. Looking begins nothing. */
export async function showWaiting(
  parts: SignInForSync,
  ids: SyncIds,
): Promise<Result<AwaitedPerson>> {
  const work = await openWork(parts, ids);
  if (work === undefined) return unknownSync(ids);
  const { waits } = work.sync;
  if (waits === undefined || !waitsFor(work, "user"))
    return notWaiting(work, "pendingAuthentication");
  const code = await codeOf(parts, ids, waits.signInId);
  const shown = awaited(work.sync, waits, await blockersOf(parts, work));
  return succeed({ ...shown, ...(code && { code }) });
}

/** Begins a code, in place of the last one where there is one. */
export async function beginCode(
  parts: SignInForSync,
  ids: SyncIds,
  by: Who,
): Promise<Result<AwaitedPerson>> {
  return withWork<AwaitedPerson>(parts, ids, async (work) => {
    const { waits } = work.sync;
    if (waits === undefined || !waitsFor(work, "user"))
      return notWaiting(work, "pendingAuthentication");
    const late = tooLateFor(work, parts.clock.now());
    if (late !== undefined) return late;
    const blockers = await blockersOf(parts, work);
    const begun = await parts.signIn.beginDeviceCode(
      await requestOf(parts, work.sync, waits.until, by),
    );
    if (begun.kind === "ended") {
      const kept = await keepEnd(parts, work, waits, begun);
      return succeed(awaited(work.sync, kept, blockers));
    }
    const kept = await keepCode(parts, work, waits, begun.code);
    return succeed({ ...awaited(work.sync, kept, blockers), code: begun.code });
  });
}

type Waits = NonNullable<Sync["waits"]>;

const awaited = (
  sync: Sync,
  { until, words, lacksConsent }: Waits,
  blockers: readonly Blocker[],
): AwaitedPerson => ({
  needed: neededOf(sync),
  until,
  blockers,
  ...(words === undefined ? {} : { words }),
  ...(lacksConsent === true ? { lacksConsent } : {}),
});

const codeOf = async (
  { signIn }: SignInForSync,
  { tenantId }: SyncIds,
  signInId: string | undefined,
): Promise<DeviceCode | undefined> =>
  signInId === undefined ? undefined : signIn.deviceCodeOf(tenantId, signInId);

/** From now on this code is the one that is shown, and asked about; what the last sign-in lacked, it may have. */
async function keepCode(
  { signIn, clock, queues }: SignInForSync,
  work: SyncWork,
  waits: Waits,
  { signInId }: DeviceCode,
): Promise<Waits> {
  const { tenantId } = work.ids;
  const { lacksConsent: _, ...rest } = waits;
  const kept = { ...rest, signInId };
  try {
    await work.keep({ waits: kept, leaseUntil: clock.now() });
  } catch (error) {
    // Somebody else has shown a code meanwhile: that one stands.
    await signIn.withdrawSignIn(tenantId, signInId);
    throw error;
  }
  if (waits.signInId !== undefined) await signIn.withdrawSignIn(tenantId, waits.signInId);
  await queues.send(queueNames.syncSignIn, { ...work.ids, signInId }, firstAskSeconds);
  return kept;
}

/** Nobody types a code faster. */
const firstAskSeconds = 2;

/** The address of a sign-in in a browser; a code that is shown goes on beside it. */
export async function beginBrowser(
  parts: SignInForSync,
  ids: SyncIds,
  by: Who,
  redirectUri: string,
): Promise<Result<BrowserSignIn>> {
  return withWork(parts, ids, async (work) => {
    const { waits } = work.sync;
    if (waits === undefined || !waitsFor(work, "user"))
      return notWaiting(work, "pendingAuthentication");
    const late = tooLateFor(work, parts.clock.now());
    if (late !== undefined) return late;
    const request = await requestOf(parts, work.sync, waits.until, by);
    return succeed(await parts.signIn.beginBrowserSignIn(request, redirectUri));
  });
}

/** One question whether the code was typed; answers when to ask again, or undefined when there is nothing to ask. */
export async function askOnce(
  parts: SignInForSync,
  ids: SyncIds,
  signInId: string,
): Promise<number | undefined> {
  const sync = (await parts.store.sync(ids.tenantId, ids.syncId))?.value;
  const { waits } = sync ?? {};
  if (waits?.for !== "user" || waits.signInId !== signInId) {
    // Another code took its place, somebody signed in otherwise, or the sync is over.
    await parts.signIn.withdrawSignIn(ids.tenantId, signInId);
    return undefined;
  }
  const asked = await parts.signIn.pollDeviceCode(ids.tenantId, signInId);
  if (asked.kind === "pending") return asked.afterSeconds;
  // While it was asked about, another code took its place: of that one nothing has come yet.
  if (asked.kind === "ended" && asked.why === "withdrawn") return undefined;
  await settleSignIn(parts, ids, asked, { means: "device", signInId });
  return undefined;
}

/** Asks on about a code of which nobody has asked for a while: its message was lost. Answers whether it was. */
export async function askOn(
  { signIn, queues }: Pick<SignInForSync, "queues"> & { readonly signIn: SignIns | undefined },
  { tenantId, syncId, waits }: Sync,
): Promise<boolean> {
  const { signInId } = waits ?? {};
  if (signInId === undefined || (await signIn?.isOverdue(tenantId, signInId)) !== true)
    return false;
  await queues.send(queueNames.syncSignIn, { tenantId, syncId, signInId });
  return true;
}

/**
 * What a sign-in's end does to the sync that it was for. The trail is told first: an account is kept by now, whatever
 * the sync waits for, and whoever comes after a death finds a sync that went on, and would not tell.
 */
export async function settleSignIn(
  parts: SignInForSync,
  ids: SyncIds,
  end: SignInEnd,
  from: {
    readonly means: "device" | "browser";
    readonly signInId: string;
    readonly ip?: string | undefined;
  },
): Promise<Result<Sync>> {
  await tellTrail(parts, ids, end, from);
  return settle(parts, ids, end, from.signInId);
}

function settle(
  parts: SignInForSync,
  ids: SyncIds,
  end: SignInEnd,
  signInId: string,
): Promise<Result<Sync>> {
  if (end.kind === "signedIn") {
    const { objectId: id, upn: name } = end.account;
    const said = end.warnings.length > 0 ? { remark: end.warnings.join("\n") } : {};
    return goOnWith(parts, ids, "signIn", { kind: "user", id, name }, said);
  }
  return withWork(parts, ids, async (work) => {
    const { waits } = work.sync;
    if (waits === undefined || !waitsFor(work, "user"))
      return notWaiting(work, "pendingAuthentication");
    if (end.kind === "ended" && isFinal(end)) {
      await work.fail(blockedError(end), "blockSignIn");
      return succeed(work.sync);
    }
    if (end.kind === "ended" && end.why === "declined") return decline(parts, work, end.words);
    await keepEnd(parts, work, waits, end, signInId);
    return succeed(work.sync);
  });
}

/** Neither another account nor another attempt would change it. */
const isFinal = ({ why, refusal }: Extract<SignInEnd, { kind: "ended" }>): boolean =>
  why === "blocked" || refusal?.kind === "app";

const blockedError = ({ code, words }: Extract<SignInEnd, { kind: "ended" }>) => ({
  code: "sign-in-blocked",
  text: "The tenant, or the app's registration, does not let people sign in for the sync.",
  cause: `${code}: ${words}`,
  remedy:
    "Where the tenant blocks device codes, start again and sign in with a browser. Otherwise change the policy that blocks it, or allow public client flows in the app's registration.",
  requestIds: [],
});

/** Whoever declines stops the sync; what it has written before is reported as such. */
async function decline(parts: SignInForSync, work: SyncWork, words: string): Promise<Result<Sync>> {
  if (await hasWritten(parts, work)) return cancelSync(parts, work.ids, theService);
  const remark = `Cancelled: the sign-in was declined (${words}).`;
  await work.finish("cancel", { outcome: "cancelled", remark });
  return succeed(work.sync);
}

/** Keeps why it came to nothing; the time goes on, and whoever wants to try again begins a new code. */
async function keepEnd(
  { clock }: SignInForSync,
  work: SyncWork,
  waits: Waits,
  end: Exclude<SignInEnd, { kind: "signedIn" }>,
  ended?: string,
): Promise<Waits> {
  const { signInId, lacksConsent: _, ...rest } = waits;
  const still = signInId === undefined || signInId === ended ? {} : { signInId };
  const lacks =
    end.kind === "ended" && end.refusal?.kind === "consent" ? { lacksConsent: true } : {};
  const kept = { ...rest, ...still, ...lacks, words: end.words };
  await work.keep({ waits: kept, leaseUntil: clock.now() });
  return kept;
}

/** Nobody's request stands behind it: without this the trail would not say who signed in, or who tried to. */
async function tellTrail(
  { trail, clock }: SignInForSync,
  { tenantId, syncId }: SyncIds,
  end: SignInEnd,
  { means, signInId, ip }: Parameters<typeof settleSignIn>[3],
): Promise<void> {
  const signedIn = end.kind === "signedIn" ? end.account : undefined;
  const actor =
    signedIn === undefined
      ? { kind: "anonymous" as const, id: "" }
      : {
          kind: "user" as const,
          id: signedIn.objectId,
          homeTenantId: tenantId,
          name: signedIn.upn,
        };
  await trail.append({
    eventId: digest(signInId, end.kind).slice(0, 32),
    at: toIso(clock.now()),
    actor,
    ...(ip === undefined ? {} : { ip }),
    operation: "sync-sign-in",
    tenantId,
    object: `sync/${syncId}`,
    outcome: signedIn === undefined ? "refused" : "allowed",
    after: {
      means,
      end: end.kind === "signedIn" ? end.kind : end.why,
      ...(end.kind === "ended" ? { code: end.code } : {}),
    },
    requestId: signInId,
  });
}
