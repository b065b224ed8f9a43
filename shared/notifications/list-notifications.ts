/** Lists notifications, of a tenant or of all that a caller may see: newest first, and those that somebody looks for. */
import * as z from "zod";
import { findAction } from "../devices/actions/catalogue.ts";
import type { Reach } from "../devices/collections/list-devices.ts";
import { isOpen, shownJobStates } from "../fanout/state/job.ts";
import type { Page } from "../http/paging.ts";
import { fromIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { Guid } from "../kernel/values.ts";
import type { NotificationView } from "./contract.ts";
import type { NotificationParts } from "./kind.ts";
import { isWithin, type Notification } from "./notification.ts";
import { pageBudget, viewFor } from "./read-notifications.ts";

/** What a list is filtered by; all of it must hold. */
export const Sought = {
  state: z.enum(shownJobStates).optional().describe("Only those in this state"),
  final: z
    .enum(["true", "false"])
    .optional()
    .describe("false: only those that have not ended; true: only those that have"),
  action: z
    .string()
    .max(100)
    .refine((id) => findAction(id) !== undefined, "is no action: GET /api/v1/actions lists them")
    .optional()
    .describe("Only those of this action"),
  by: Guid.optional().describe("Only those that this person or app asked for, by object id"),
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("Only those that were asked for at this moment or later"),
};
type Sought = { readonly [P in keyof typeof Sought]?: z.output<(typeof Sought)[P]> };

/** Whether a notification is sought, as far as its row says; its state may follow from counts. */
function isSought(notification: Notification, { final, action, by, since }: Sought): boolean {
  const { actionId, requestedBy, createdAt } = notification;
  return (
    (final === undefined || (final === "false") === isOpen(notification)) &&
    (action === undefined || actionId === action) &&
    (by === undefined || requestedBy?.principal.id === by) &&
    (since === undefined || createdAt >= (fromIso(since) ?? 0))
  );
}

type Query = {
  readonly top: number;
  readonly token?: string | undefined;
  readonly reach?: Reach | undefined;
  readonly sought?: Sought;
};

const concurrency = 8;
/** Most reads of rows for one page: where few are sought among many, it may be short and still have a next one. */
const maxReads = 10;

/** A page of a tenant's notifications, newest first. */
export async function listNotifications(
  parts: NotificationParts,
  tenantId: string,
  query: Query,
): Promise<Page<NotificationView>> {
  const { top, token, reach, sought = {} } = query;
  const show = shower(parts, reach, sought);
  const items: NotificationView[] = [];
  let [next, hidden] = [token, 0];
  for (let reads = 0; reads < maxReads; reads += 1) {
    const page = await parts.jobs.list(tenantId, top - items.length, next);
    hidden += page.jobs.filter((each) => !isWithin(each, reach)).length;
    items.push(...(await show(page.jobs)));
    next = isPast(page.jobs, sought) ? undefined : page.next;
    if (next === undefined || items.length >= top) break;
  }
  return { items, ...(next && { next }), ...(reach === undefined ? {} : { hidden }) };
}

/** Whether all that follows is older than what is sought. */
const isPast = (jobs: readonly Notification[], { since }: Sought): boolean =>
  since !== undefined && (jobs.at(-1)?.createdAt ?? Infinity) < (fromIso(since) ?? 0);

/** Shows which of some rows are sought, within one budget for all of them. */
function shower(parts: NotificationParts, reach: Reach | undefined, sought: Sought) {
  const budget = pageBudget();
  return async (jobs: readonly Notification[]): Promise<NotificationView[]> => {
    const wanted = jobs.filter((each) => isWithin(each, reach) && isSought(each, sought));
    // One after the other where a budget is shared: the newest come first.
    const views = await inParallel(wanted, reach === undefined ? concurrency : 1, (each) =>
      viewFor(parts, each, reach, budget),
    );
    return views.filter(({ state }) => sought.state === undefined || state === sought.state);
  };
}

// Of many tenants.

/** Which tenants a caller sees notifications of, and how much of each. */
export type TenantsInReach = {
  /** A page of them, in the order of their ids. */
  readonly list: (token: string | undefined) => Promise<Page<{ readonly tenantId: string }>>;
  /** Whether it is one of them. */
  readonly has: (tenantId: string) => boolean;
  readonly reachOf: (tenantId: string) => Promise<Reach | undefined>;
};

/** Where a page begins: in which page of tenants, at which, and where among its notifications. */
const Position = z.tuple([z.string(), z.string(), z.string()]);

/** Most tenants that one page looks into. */
const maxTenants = 30;

/**
 * A page of notifications of all tenants in reach. What has not ended comes newest first, by the list of open work; the
 * rest tenant by tenant, newest first in each. A page may be short and still have a next one.
 */
export function listInTenants(
  parts: NotificationParts,
  tenants: TenantsInReach,
  query: Omit<Query, "reach">,
): Promise<Page<NotificationView>> {
  return query.sought?.final === "false"
    ? listOpen(parts, tenants, query)
    : listEach(parts, tenants, query);
}

async function listOpen(
  parts: NotificationParts,
  { has, reachOf }: TenantsInReach,
  { top, token, sought = {} }: Omit<Query, "reach">,
): Promise<Page<NotificationView>> {
  const { open, ...next } = await parts.jobs.open(top, token);
  const ours = open.filter(({ tenantId }) => has(tenantId));
  const found = await inParallel(ours, concurrency, async ({ tenantId, jobId }) => {
    const stored = await parts.jobs.get(tenantId, jobId);
    return stored === undefined ? [] : shower(parts, await reachOf(tenantId), sought)([stored.job]);
  });
  return { items: found.flat(), ...next };
}

/** One place after another where notifications stand: tenants in their order, and in each as far as it goes. */
async function* places(
  tenants: TenantsInReach,
  token: string | undefined,
): AsyncGenerator<{ readonly tenantId: string; readonly inside: string; readonly list: string }> {
  const begin = token === undefined ? ["", "", ""] : Position.parse(JSON.parse(token));
  let [list = "", at = "", inside = ""] = begin;
  for (;;) {
    const page = await tenants.list(list || undefined);
    for (const { tenantId } of page.items)
      if (tenantId >= at) yield { tenantId, list, inside: tenantId === at ? inside : "" };
    if (page.next === undefined) return;
    [list, at, inside] = [page.next, "", ""];
  }
}

async function listEach(
  parts: NotificationParts,
  tenants: TenantsInReach,
  { top, token, sought = {} }: Omit<Query, "reach">,
): Promise<Page<NotificationView>> {
  const items: NotificationView[] = [];
  let looked = 0;
  for await (const { tenantId, inside, list } of places(tenants, token)) {
    let from: string | undefined = inside || undefined;
    do {
      if (items.length >= top || looked >= maxTenants)
        return { items, next: JSON.stringify([list, tenantId, from ?? ""]) };
      looked += 1;
      const reach = await tenants.reachOf(tenantId);
      const left = { top: top - items.length, token: from, reach, sought };
      const found = await listNotifications(parts, tenantId, left);
      items.push(...found.items);
      from = found.next;
    } while (from !== undefined);
  }
  return { items };
}
