/** The nightly sync: a time of day in the tenant's zone, and the tenants whose time has come. */
import type { Instant } from "../../kernel/clock.ts";
import { apart, inParallel } from "../../kernel/concurrency.ts";
import { idFor } from "../../kernel/values.ts";
import { localTimeAt, momentOf } from "../../schedules/times/zone.ts";
import { queueNames } from "../../storage/names.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import { type SyncSettings, type TenantSync, theService } from "../state/sync.ts";
import type { Stored } from "../state/sync-store.ts";
import { beginsHere, passHere, type RunParts } from "./run-sync.ts";
import { type NewSync, startQuietly, startSync } from "./start-sync.ts";

const dayMs = 24 * 3600_000;

/** The first moment after `now` at which it is that time of day there; undefined where nothing is wanted. */
export function nextNightly(
  { enabled, at, timeZone }: SyncSettings["nightly"],
  now: Instant,
): Instant | undefined {
  if (!enabled) return undefined;
  const [hours = 0, minutes = 0] = at.split(":").map(Number);
  const midnight = Math.floor(localTimeAt(timeZone, now) / dayMs) * dayMs;
  for (const day of [-1, 0, 1, 2]) {
    const moment = momentOf(timeZone, midnight + day * dayMs + (hours * 60 + minutes) * 60_000).at;
    if (moment > now) return moment;
  }
  return undefined;
}

const tenantsPerPage = 200;
/** So many are started side by side, and gone through: as many as a host takes messages at once (host.json). */
const atOnce = 16;
/** So long whoever starts nights also goes through them. What is due then still is left to messages, which every instance takes. */
const hereMs = 20_000;

/** Whoever has ended a night tells of it himself, unless he died: so long nobody does it for him. */
const tellSeconds = 30;

type NightlyParts = RunParts & { readonly enabledTypes: (settings: SyncSettings) => string[] };

/**
 * Starts the syncs whose time has come, while `mayGoOn`; answers how many. A tenant that is busy waits for the next, and one
 * whose night cannot be started keeps nobody from theirs.
 */
export async function startDue(parts: NightlyParts, mayGoOn: () => boolean): Promise<number> {
  const { store, clock } = parts;
  const until = clock.now() + hereMs;
  const isHere = () => clock.now() < until;
  const each = apart("some nights were not started");
  let started = 0;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<typeof store.due>> = await store.due(
      clock.now(),
      tenantsPerPage,
      token,
    );
    await inParallel(page.tenantIds, atOnce, async (tenantId) => {
      const start = () => startOne(parts, tenantId, isHere());
      if (mayGoOn() && (await each.run(tenantId, start, false))) started += 1;
    });
    token = page.next;
  } while (token !== undefined && mayGoOn());
  each.end();
  return started;
}

/**
 * Starts the tenant's night, and moves its next one on with it. A second timer beside this one starts the very same
 * sync, since its id follows from the night; of a tenant that is busy the night is moved on alone.
 */
async function startOne(parts: NightlyParts, tenantId: string, isHere: boolean): Promise<boolean> {
  const { store, clock } = parts;
  const now = clock.now();
  if (!(await parts.knows(tenantId))) {
    await store.unlist(tenantId);
    return false;
  }
  const seen = await store.tenant(tenantId, now);
  const { value: tenant } = seen;
  const { nextAt: dueAt } = tenant;
  if (dueAt === undefined || dueAt > now) {
    await mendList(parts, tenant);
    return false;
  }
  const asked = nightOf(parts, seen, dueAt);
  const goOn = isHere ? await beginsHere(parts, asked, passHere) : undefined;
  if (goOn !== undefined && (await startQuietly(parts, asked, goOn))) return true;
  // Whoever was faster may have settled otherwise what its nights are.
  const again = goOn && nightOf(parts, await store.tenant(tenantId, now), dueAt);
  if (again?.seen.value.settings.nightly.enabled === false) return false;
  const sync = await startSync(parts, again ?? asked, undefined, goOn);
  // It is moved on with the start. Where that was refused, or made by somebody else, it may not be yet.
  if (sync.ok && sync.value.startedAt >= now) return true;
  const isOurs = await updateRow(`the next night of ${tenantId}`, async () => {
    const { value, etag } = await store.tenant(tenantId, now);
    const { nextAt: before, ...rest } = value;
    const nextAt = before === dueAt ? nextNightly(value.settings.nightly, now) : before;
    const later = { ...rest, ...(nextAt === undefined ? {} : { nextAt }) };
    const isFirst = before === dueAt;
    if (isFirst && (await store.change({ value: later, etag })) === undefined) return lost;
    await store.index(later);
    return isFirst;
  });
  return sync.ok && isOurs;
}

/**
 * The tenant's night is moved on, and lists do not say so: whoever went through it died before they did, or before it was told.
 * Of a sync under way its worker tells.
 */
async function mendList({ store, queues }: NightlyParts, tenant: TenantSync): Promise<void> {
  const { tenantId, outbox, active, last: syncId } = tenant;
  const isUntold = outbox.length > 0 && active === undefined && syncId !== undefined;
  if (isUntold) await queues.send(queueNames.syncWork, { tenantId, syncId }, tellSeconds);
  else await store.index(tenant);
}

/** What a tenant's night asks for, by the settings of its row. */
const nightOf = (
  { enabledTypes }: Pick<NightlyParts, "enabledTypes">,
  seen: Stored<TenantSync>,
  dueAt: Instant,
) =>
  ({
    tenantId: seen.value.tenantId,
    syncId: idFor(dueAt, seen.value.tenantId, "night"),
    mode: seen.value.settings.nightly.mode,
    trigger: "schedule",
    types: enabledTypes(seen.value.settings),
    onMissingUser: "continueWithoutUser",
    by: theService,
    night: dueAt,
    seen,
  }) satisfies NewSync;
