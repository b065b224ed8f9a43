/** Shared calendars of excluded days, for every tenant's tasks and windows. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { type CalendarBook, calendarView } from "../../shared/schedules/calendars.ts";
import { CalendarBody, CalendarPath, CalendarView } from "../../shared/schedules/contract.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly calendars: CalendarBook };

const answers = { 200: { description: "The calendar", body: CalendarView, headers: ["ETag"] } };

export const listCalendarsFunction = onHttp(
  operation({
    name: "calendars-list",
    method: "GET",
    path: "api/v1/calendars",
    summary: "List shared calendars of excluded days",
    tag: "Tasks",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of calendars", body: pageOf(CalendarView) } },
  }),
  async ({ query, url }, { services: { calendars } }: Tools<Needs>) => {
    const position = positionOf("calendars", query.pageToken);
    if (!position.ok) return position;
    const page = await calendars.page(query.top, position.value);
    const items = page.items.map(calendarView);
    return succeed(ok(pageBody(url, "calendars", { ...page, items })));
  },
);

export const getCalendarFunction = onHttp(
  operation({
    name: "calendars-get",
    method: "GET",
    path: "api/v1/calendars/{calendarId}",
    summary: "Show a shared calendar",
    tag: "Tasks",
    params: CalendarPath,
    answers,
  }),
  async ({ params: { calendarId } }, { services: { calendars } }: Tools<Needs>) => {
    const found = await calendars.get(calendarId);
    return found.ok ? succeed(ok(calendarView(found.value.value), found.value.etag)) : found;
  },
);

export const replaceCalendarFunction = onHttp(
  operation({
    name: "calendars-replace",
    method: "PUT",
    path: "api/v1/calendars/{calendarId}",
    summary: "Make or replace a shared calendar; tasks that name it get their next time anew",
    tag: "Tasks",
    conditional: true,
    params: CalendarPath,
    body: CalendarBody,
    answers,
  }),
  async ({ params: { calendarId }, body, ifMatch }, tools: Tools<Needs>) => {
    const { calendars } = tools.services;
    const replaced = await calendars.replace({ calendarId, ...body }, ifMatch);
    if (!replaced.ok) return replaced;
    const { value, etag, before } = replaced.value;
    const after = calendarView(value);
    const noted = before === undefined ? { after } : { before: calendarView(before), after };
    signedInOf(tools).note({ object: `calendar/${calendarId}`, ...noted });
    return succeed(ok(after, etag));
  },
);

export const removeCalendarFunction = onHttp(
  operation({
    name: "calendars-remove",
    method: "DELETE",
    path: "api/v1/calendars/{calendarId}",
    summary: "Remove a shared calendar that nobody names",
    tag: "Tasks",
    conditional: true,
    params: CalendarPath,
    answers: { 204: { description: "Removed" } },
  }),
  async ({ params: { calendarId }, ifMatch }, tools: Tools<Needs>) => {
    const removed = await tools.services.calendars.remove(calendarId, ifMatch);
    if (!removed.ok) return removed;
    const noted = { before: calendarView(removed.value), after: null };
    signedInOf(tools).note({ object: `calendar/${calendarId}`, ...noted });
    return succeed(noContent());
  },
);
