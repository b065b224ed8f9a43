/** The nightly sync: a time of day in the tenant's zone, and the tenants whose time has come. */
import type { Instant } from "../../kernel/clock.ts";
import { inParallel } from "../../kernel/concurrency.ts";
import { newestFirstId } from "../../kernel/values.ts";
import { localTimeAt, momentOf } from "../../schedules/times/zone.ts";
import { type SyncSettings, theService } from "../state/sync.ts";
import { type StartParts, startSync } from "./start-sync.ts";

const dayMs = 24 * 3600_000;

/** The first moment after `now` at which it is that time of day there; undefined where nothing is wanted. */
export function nextNightly(
  { enabled, at, timeZone }: SyncSettings["nightly"],
  now: Instant,
): Instant | undefined {
  if (!enabled) return undefined;
  const [hours = 0, minutes = 0] = at.split(":").map(Number);
  const midnight = Math.floor(localTimeAt(timeZone, now) / dayMs) * dayMs;
  const nights = [-1, 0, 1, 2].map(
    (day) => midnight + day * dayMs + (hours * 60 + minutes) * 60_000,
  );
  return nights.map((wanted) => momentOf(timeZone, wanted).at).find((moment) => moment > now);
}

const tenantsPerPage = 200;
/** So many are started side by side: each is a few rows that nobody else writes. */
const atOnce = 8;

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
    await inParallel(page.tenantIds, atOnce, async (tenantId) => {
      if (mayGoOn() && (await startOne(parts, tenantId))) started += 1;
    });
    token = page.next;
  } while (token !== undefined && mayGoOn());
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
