/** Lists a notification's deliveries, by state, as JSON pages or as one CSV document. */
import * as z from "zod";
import type { CollectionStore } from "../../shared/devices/collections/collection-store.ts";
import type { DirectoryStore } from "../../shared/devices/directory/directory.ts";
import { countedStates } from "../../shared/fanout/state/item.ts";
import { reasonNames } from "../../shared/fanout/state/names.ts";
import { operation } from "../../shared/http/operation.ts";
import { CsvQuery, PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok, streamed } from "../../shared/http/reply.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import { Line } from "../../shared/kernel/outside-text.ts";
import { DeviceId, TenantId } from "../../shared/kernel/values.ts";
import { DeliveryView, NotificationPath } from "../../shared/notifications/contract.ts";
import type { NotificationParts } from "../../shared/notifications/kind.ts";
import {
  countReasons,
  deliveriesCsv,
  listDeliveries,
} from "../../shared/notifications/list-deliveries.ts";
import { deviceHistory, seesNotification } from "../../shared/notifications/read-notifications.ts";
import { onHttp, reachOfCaller, type Tools } from "../define.ts";

type Needs = {
  readonly collections: CollectionStore;
  readonly directory: DirectoryStore;
  readonly notify: NotificationParts;
};

export const listDeliveriesFunction = onHttp(
  operation({
    name: "notifications-deliveries",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries",
    summary: "List a notification's deliveries; with Accept: text/csv all of them in one document",
    tag: "Notifications",
    params: NotificationPath,
    query: z.strictObject({
      ...PageQuery,
      ...CsvQuery,
      state: z.enum(countedStates).optional(),
      code: Line.min(1).max(100).optional().describe("Only those with this reason"),
      search: Line.min(1)
        .max(100)
        .optional()
        .describe("Only to devices with this in their name, or with this id"),
    }),
    answers: {
      200: {
        description: "A page of deliveries",
        body: pageOf(DeliveryView),
        also: ["text/csv"],
      },
    },
  }),
  async ({ params, query, url, accept }, tools: Tools<Needs>) => {
    const { services } = tools;
    const { state, code, search } = query;
    const reach = await reachOfCaller(tools, params.tenantId);
    if (accept.includes("text/csv")) {
      // Once it has begun, an answer can only end; whether there is one is asked before.
      const visible = await seesNotification(services.notify, params, reach);
      if (!visible.ok) return visible;
      return succeed(
        streamed(
          "text/csv; charset=utf-8",
          deliveriesCsv(services.notify, params, { ...query, reach }),
        ),
      );
    }
    const list = `deliveries ${params.notificationId} ${JSON.stringify([state, code, search])}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const wanted = { state, code, search, top: query.top, position: position.value, reach };
    const page = await listDeliveries(services.notify, params, wanted);
    return page.ok ? succeed(ok(pageBody(url, list, page.value))) : page;
  },
  { keepsLimits: true },
);

const ReasonsView = z
  .object({
    value: z.array(
      z.object({
        state: z.enum(countedStates),
        code: z.string(),
        names: z.object({ en: z.string(), fr: z.string() }).optional(),
        deliveries: z.int(),
        detail: z.string().optional().describe("What one of them says"),
      }),
    ),
    complete: z.boolean().describe("false: there are more deliveries than are looked at"),
  })
  .meta({ id: "DeliveryReasons" });

export const countReasonsFunction = onHttp(
  operation({
    name: "notifications-reasons",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/notifications/{notificationId}/reasons",
    summary: "Count a notification's deliveries by the reason that they give, most frequent first",
    tag: "Notifications",
    params: NotificationPath,
    answers: { 200: { description: "The reasons", body: ReasonsView } },
  }),
  async ({ params }, tools: Tools<Needs>) => {
    const reach = await reachOfCaller(tools, params.tenantId);
    const counted = await countReasons(tools.services.notify, params, reach);
    if (!counted.ok) return counted;
    const value = counted.value.value.map((each) => {
      const names = reasonNames[each.code];
      return { ...each, ...(names === undefined ? {} : { names }) };
    });
    return succeed(ok({ ...counted.value, value }));
  },
  { keepsLimits: true },
);

// Shows what was sent to a device, newest first.

const HistoryEntry = DeliveryView.extend({
  notificationId: z.string(),
  action: z.string(),
}).meta({ id: "HistoryEntry" });

/** Notifications looked into for one page; each costs one read. */
const maxTop = 50;

export const deviceHistoryFunction = onHttp(
  operation({
    name: "devices-history",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/devices/{deviceId}/history",
    summary: "Show what was sent to a device, newest first",
    tag: "Devices",
    params: z.strictObject({ tenantId: TenantId, deviceId: DeviceId }),
    query: z.strictObject({
      ...PageQuery,
      top: z.coerce
        .number()
        .int()
        .min(1)
        .max(maxTop)
        .default(20)
        .describe("Notifications looked into for this page"),
    }),
    answers: { 200: { description: "A page of deliveries", body: pageOf(HistoryEntry) } },
  }),
  async ({ params: { tenantId, deviceId }, query, url }, tools: Tools<Needs>) => {
    const { services } = tools;
    const reach = await reachOfCaller(tools, tenantId);
    if (reach !== undefined) {
      const device = await services.directory.get(tenantId, deviceId);
      if (device === undefined || !reach.holds(device)) return unknownDevice(deviceId);
    }
    const list = `history ${tenantId} ${deviceId}`;
    const position = positionOf(list, query.pageToken);
    if (!position.ok) return position;
    const page = await deviceHistory(services.notify, tenantId, deviceId, {
      top: query.top,
      ...(position.value === undefined ? {} : { token: position.value }),
    });
    const known = page.items.length > 0 || (await services.directory.get(tenantId, deviceId));
    if (!known) return unknownDevice(deviceId);
    return succeed(ok(pageBody(url, list, page)));
  },
  { keepsLimits: true },
);

const unknownDevice = (deviceId: string) =>
  fail("unknown-device", `The tenant has no device ${deviceId}.`);
