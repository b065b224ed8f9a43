/**
 * The nightly sync: a time of day in the tenant's zone, and the tenants whose time has come. A local time that does
 * not exist is the moment its gap ends; of one that exists twice it is the first.
 */
import type { Instant } from "../../kernel/clock.ts";
import { newestFirstId } from "../../kernel/values.ts";
import { type SyncSettings, theService } from "../state/sync.ts";
import { type StartParts, startSync } from "./start-sync.ts";

const dayMs = 24 * 3600_000;

/** How far a zone is ahead of UTC at a moment, in ms. */
function aheadMs(timeZone: string, at: Instant): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const of = Object.fromEntries(
    format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = of;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** Whether this machine knows a time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** The first moment after `now` at which it is that time of day there; undefined where nothing is wanted. */
export function nextNightly(
  { enabled, at, timeZone }: SyncSettings["nightly"],
  now: Instant,
): Instant | undefined {
  if (!enabled) return undefined;
  const [hours = 0, minutes = 0] = at.split(":").map(Number);
  const local = now + aheadMs(timeZone, now);
  const midnight = Math.floor(local / dayMs) * dayMs;
  for (let day = -1; day <= 2; day += 1) {
    const wanted = midnight + day * dayMs + (hours * 60 + minutes) * 60_000;
    // The offsets before and after a change of the clocks, the one that comes first in time first.
    const ahead = [aheadMs(timeZone, wanted - dayMs), aheadMs(timeZone, wanted + dayMs)];
    const moments = ahead.map((ms) => wanted - ms).toSorted((a, b) => a - b);
    const exact = moments.find((moment) => moment + aheadMs(timeZone, moment) === wanted);
    const moment = exact ?? gapEnd(timeZone, moments as [Instant, Instant]);
    if (moment > now) return moment;
  }
  return undefined;
}

/** When the clock jumps between two moments: what it jumps over never shows on it. */
function gapEnd(timeZone: string, [before, after]: readonly [Instant, Instant]): Instant {
  const old = aheadMs(timeZone, before);
  let [low, high] = [before, after];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (aheadMs(timeZone, middle) === old) low = middle;
    else high = middle;
  }
  return high;
}

const tenantsPerPage = 200;

type NightlyParts = StartParts & {
  readonly enabledTypes: (settings: SyncSettings) => string[];
  readonly knows: (tenantId: string) => Promise<boolean>;
};

/** Starts the syncs whose time has come, while `mayGoOn`; answers how many. A tenant that is busy waits for the next. */
export async function startDue(parts: NightlyParts, mayGoOn: () => boolean): Promise<number> {
  const { store, clock } = parts;
  let started = 0;
  let token: string | undefined;
  do {
    const page: Awaited<ReturnType<typeof store.due>> = await store.due(
      clock.now(),
      tenantsPerPage,
      token,
    );
    for (const tenantId of page.tenantIds) {
      if (!mayGoOn()) return started;
      if (await startOne(parts, tenantId)) started += 1;
    }
    token = page.next;
  } while (token !== undefined);
  return started;
}

/** Moves the tenant's next night on first: whoever does that starts it, and a second timer finds nothing due. */
async function startOne(parts: NightlyParts, tenantId: string): Promise<boolean> {
  const { store, clock } = parts;
  const now = clock.now();
  if (!(await parts.knows(tenantId))) {
    await store.unlist(tenantId);
    return false;
  }
  const { value: tenant, etag } = await store.tenant(tenantId, now);
  const { nightly } = tenant.settings;
  const { nextAt: dueAt, ...rest } = tenant;
  const nextAt = nextNightly(nightly, now);
  const later = { ...rest, ...(nextAt === undefined ? {} : { nextAt }) };
  const isDue = dueAt !== undefined && dueAt <= now;
  const isOurs = isDue && (await store.change({ value: later, etag })) !== undefined;
  await store.index(isOurs ? later : tenant);
  if (!isOurs) return false;
  const sync = await startSync(parts, {
    tenantId,
    syncId: newestFirstId(now),
    mode: nightly.mode,
    trigger: "schedule",
    types: parts.enabledTypes(tenant.settings),
    onMissingUser: "continueWithoutUser",
    by: theService,
  });
  return sync.ok;
}
