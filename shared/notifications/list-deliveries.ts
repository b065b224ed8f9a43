/** Reads the deliveries of a notification, page by page: one storage request for each page. */
import type { Reach } from "../devices/collections/list-devices.ts";

import {
  type CountedState,
  countedStates,
  type Item,
  maxSendable,
  shownState,
} from "../fanout/state/item.ts";
import type { RowQuery, StoredItemRow } from "../fanout/state/item-store.ts";
import { csvOf, type Page } from "../http/paging.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import type { DeliveryView } from "./contract.ts";
import type { NotificationParts } from "./kind.ts";
import { deliveryView, seesNotification } from "./read-notifications.ts";

// Where a page of deliveries begins, as text for the way through a client. Pure.

/**
 * Behind device `from`; with `token` where storage said that the query from there goes on. Row keys never
 * change, so that a place holds while states do.
 */
type Position = { readonly from?: string; readonly token?: string };

const between = "|";

/** A position as text. */
export const positionText = ({ from = "", token = "" }: Position): string =>
  token === "" ? from : from + between + token;

/** The position that a text names; none: the beginning. */
export function positionFrom(text = ""): Position {
  const at = text.indexOf(between);
  const [from, token] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  return { ...(from === "" ? {} : { from }), ...(token === "" ? {} : { token }) };
}

/** Which deliveries, and how many at most. */
type DeliveryQuery = {
  readonly state?: CountedState | undefined;
  /** Only those with this reason. */
  readonly code?: string | undefined;
  /** Only those to devices whose name has this in it, or whose id it is. */
  readonly search?: string | undefined;
  readonly top: number;
  /** The `next` of the page before. */
  readonly position?: string | undefined;
  /** What the caller reaches, where that is not everything. */
  readonly reach?: Reach | undefined;
};

type Ids = { readonly tenantId: string; readonly notificationId: string };

/** Most rows read for one page, and so most of what one request carries and one page unpacks. */
const maxRows = 50;

/**
 * A page of deliveries in the order of device ids, optionally of one state. It may hold fewer than `top`,
 * even none, although more follow: `next` alone says whether there are.
 */
export async function listDeliveries(
  parts: NotificationParts,
  ids: Ids,
  { state, code, search, top, position, reach }: DeliveryQuery,
): Promise<Result<Page<DeliveryView>>> {
  // Who is limited to collections must not learn from the rows, nor from the time they take.
  const seen = reach === undefined ? undefined : await seesNotification(parts, ids, reach);
  if (seen?.ok === false) return seen;
  const { token, ...start } = positionFrom(position);
  const isSearch = code !== undefined || search !== undefined;
  const query = { ...start, ...rowsFor(isSearch ? maxSearched : top, state) };
  const looked = search?.toLowerCase();
  const isWanted = ({ targetId, state: its, code: reason, name }: Item): boolean =>
    (start.from === undefined || targetId > start.from) &&
    (state === undefined || shownState(its) === state) &&
    (code === undefined || reason === code) &&
    (looked === undefined || targetId === looked || name.toLowerCase().includes(looked));
  const found: Item[] = [];
  let [actionId, next, scans]: [string, string | undefined, number] = ["", token, 0];
  // A page that is empty, or has a next one, for hidden devices only would tell of them.
  const enough = reach === undefined && !isSearch ? 0 : Math.min(top, maxFilled) + 1;
  do {
    const { rows, ...more } = await parts.engine.items.scan(ids.notificationId, query, next);
    const action = await actionOf(parts, ids, rows);
    if (!action.ok) return action;
    actionId = action.value;
    const wanted = rows.flatMap((row) => row.items).filter(isWanted);
    found.push(...(await withinReach(parts, ids, wanted, reach)));
    next = more.next;
    scans += 1;
  } while (next !== undefined && found.length < enough && scans < maxScans);
  const shown = found.slice(0, top);
  const items = shown.map((delivery) => deliveryView(delivery, actionId));
  const from = found.length > top ? shown.at(-1)?.targetId : undefined;
  if (from !== undefined) return succeed({ items, next: positionText({ from }) });
  return succeed(
    next === undefined ? { items } : { items, next: positionText({ ...start, token: next }) },
  );
}

/** Rows that a search reads at once are as many as any page's: few of the deliveries in them are shown. */
const maxSearched = Number.MAX_SAFE_INTEGER;
/** Most reads for one page, and most deliveries that are waited for, where some are hidden. */
const maxScans = 10;
const maxFilled = 1000;

/** Without who has left the caller's collections since. */
async function withinReach(
  { directory }: Pick<NotificationParts, "directory">,
  { tenantId }: Ids,
  deliveries: readonly Item[],
  reach: Reach | undefined,
): Promise<readonly Item[]> {
  if (reach === undefined) return deliveries;
  const ids = deliveries.map(({ targetId }) => targetId);
  const devices = await directory.getMany(tenantId, ids);
  return deliveries.filter(({ targetId }) => {
    const device = devices.get(targetId);
    return device !== undefined && reach.holds(device);
  });
}

/** Rows enough for a page: full ones from the middle of one on, or as many as have one fitting delivery. */
const rowsFor = (top: number, state: CountedState | undefined): Omit<RowQuery, "from"> =>
  state === undefined
    ? { top: Math.min(maxRows, Math.ceil(top / maxSendable) + 1) }
    : { top: Math.min(maxRows, top), where: `${state} gt 0` };

/**
 * What the rows carry. Rows say whose they are; without any, or with another notification's, only the notification
 * can say whether the tenant has such a list at all.
 */
async function actionOf(
  parts: NotificationParts,
  ids: Ids,
  rows: readonly StoredItemRow[],
): Promise<Result<string>> {
  const owner = rows[0]?.owner;
  if (owner !== undefined && rows.every((row) => row.owner.tenantId === ids.tenantId))
    return succeed(owner.subject);
  const seen = await seesNotification(parts, ids, undefined);
  return seen.ok ? succeed(seen.value.actionId) : seen;
}

/** A reason that deliveries ended or wait with, and of how many. */
type ReasonCount = {
  readonly state: CountedState;
  readonly code: string;
  readonly deliveries: number;
  /** What one of them says. */
  readonly detail?: string;
};

/** Rows with something else in them than what went well. */
const unlucky = countedStates.filter((state) => state !== "done" && state !== "sent");
const rowsPerCount = 200;
/** Most reads: 200,000 deliveries. */
const maxCounts = 10;

/** Reasons of a notification's deliveries, the most frequent first; `complete` says whether all rows were looked at. */
export async function countReasons(
  parts: NotificationParts,
  ids: Ids,
  reach: Reach | undefined,
): Promise<Result<{ readonly value: readonly ReasonCount[]; readonly complete: boolean }>> {
  const seen = await seesNotification(parts, ids, reach);
  if (!seen.ok) return seen;
  const where = unlucky.map((state) => `${state} gt 0`).join(" or ");
  const counts = new Map<string, ReasonCount>();
  let next: string | undefined;
  let reads = 0;
  do {
    const page = await parts.engine.items.scan(
      ids.notificationId,
      { where, top: rowsPerCount },
      next,
    );
    const items = page.rows.flatMap((row) => row.items);
    for (const item of await withinReach(parts, ids, items, reach)) {
      const { code, detail } = item;
      if (code === undefined) continue;
      const state = shownState(item.state);
      const key = `${state} ${code}`;
      const before = counts.get(key) ?? { state, code, deliveries: 0, ...(detail && { detail }) };
      counts.set(key, { ...before, deliveries: before.deliveries + 1 });
    }
    next = page.next;
    reads += 1;
  } while (next !== undefined && reads < maxCounts);
  const value = [...counts.values()].toSorted((one, other) => other.deliveries - one.deliveries);
  return succeed({ value, complete: next === undefined });
}

/** Every delivery, page by page, for documents that hold them all. */
export async function* allDeliveries(
  parts: NotificationParts,
  ids: Ids,
  { state, reach }: Pick<DeliveryQuery, "state" | "reach"> = {},
): AsyncGenerator<DeliveryView> {
  let position: string | undefined;
  do {
    const top = Number.MAX_SAFE_INTEGER;
    const page = await listDeliveries(parts, ids, { top, state, position, reach });
    if (!page.ok) return;
    yield* page.value.items;
    position = page.value.next;
  } while (position !== undefined);
}

// All deliveries of a notification as CSV, produced while it is sent.

const columns = [
  "deviceId",
  "deviceName",
  "state",
  "route",
  "at",
  "attempts",
  "code",
  "detail",
] as const;

/** All deliveries, or those in one state, as a CSV document. */
export const deliveriesCsv = (
  parts: NotificationParts,
  ids: Ids,
  {
    bom,
    ...wanted
  }: Pick<DeliveryQuery, "state" | "reach"> & { readonly bom?: string | undefined } = {},
): AsyncIterable<string> => csvOf(columns, allDeliveries(parts, ids, wanted), bom);
