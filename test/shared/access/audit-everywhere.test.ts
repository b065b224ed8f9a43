/** shared/access/audit/records.ts over all trails. */
import { expect, test } from "vitest";
import {
  type AuditEvent,
  type AuditFilter,
  AuditReader,
  platformTrail,
} from "../../../shared/access/audit/records.ts";
import { auditTrail } from "../../../shared/access/audit/trail.ts";
import { toIso } from "../../../shared/kernel/clock.ts";
import { succeed } from "../../../shared/kernel/failure.ts";
import { randomId } from "../../../shared/kernel/values.ts";
import { newTenant, noon, openOwnTables, stillClock, writing } from "./tables.ts";

const dayMs = 24 * 3600 * 1000;

/** An installation of so many tenants, each with an event of ana's now and one of bo's a month ago. */
async function installationOf(tenants: number) {
  const tables = await openOwnTables();
  const trail = auditTrail({ tables, ...writing });
  const write = (more: Partial<AuditEvent>, at: number) =>
    trail.append({
      eventId: randomId(),
      at: toIso(at),
      actor: { kind: "user", id: "ana" },
      operation: "tenants-change",
      outcome: "allowed",
      requestId: randomId(),
      ...more,
    });
  const tenantIds = Array.from({ length: tenants }, newTenant);
  for (const tenantId of tenantIds) {
    await write({ tenantId, actor: { kind: "user", id: "bo" } }, noon - 31 * dayMs);
    await write({ tenantId }, noon);
  }
  await write({ operation: "roles-add" }, noon);
  const reader = new AuditReader(tables, stillClock);
  const all = async (filter: AuditFilter, top = 1000) => {
    const found: AuditEvent[] = [];
    const pages: number[] = [];
    const read = (page: { position: string | undefined }) =>
      reader.everywhere(filter, { ...page, top });
    let position: string | undefined;
    do {
      const page = await read({ position });
      if (!page.ok) throw new Error(page.failure.detail);
      found.push(...page.value.items);
      pages.push(page.value.items.length);
      position = page.value.next;
    } while (position !== undefined);
    return { found, pages };
  };
  return { reader, tenantIds, all };
}

test("every event of every trail is found once, however small the pages and many the trails", async () => {
  const { all, tenantIds } = await installationOf(45);
  for (const top of [1, 7, 1000]) {
    const { found, pages } = await all({}, top);
    expect(found).toHaveLength(2 * 45 + 1);
    expect(new Set(found.map(({ eventId }) => eventId)).size).toBe(2 * 45 + 1);
    expect(Math.max(...pages)).toBeLessThanOrEqual(top);
    const order = found.map(({ tenantId }) => tenantId ?? platformTrail);
    expect([...new Set(order)]).toEqual([...tenantIds.toSorted(), platformTrail]);
    // Within a trail the newest comes first.
    expect(found[0]?.actor.id).toBe("ana");
    expect(found[1]?.actor.id).toBe("bo");
  }
});

test("what somebody did anywhere is found by filters, of a time as well", async () => {
  const { all } = await installationOf(3);
  expect((await all({ actor: "bo" })).found).toHaveLength(3);
  const lately = { actor: "bo", from: toIso(noon - dayMs) };
  expect((await all(lately)).found).toEqual([]);
  const august = { from: "2026-08-01T00:00:00.000Z", to: "2026-09-01T00:00:00.000Z" };
  expect((await all(august)).found).toHaveLength(4);
});

test("it is listed in pages whose tokens are its own, and as one CSV document", async () => {
  const { reader } = await installationOf(2);
  const query = { top: 2, pageToken: undefined };
  const first = await reader.answer("all", query, "application/json");
  if (!first.ok || first.value.kind !== "page") throw new Error("no page");
  expect(first.value.page).toMatchObject({ items: [{}, {}], next: expect.any(String) });
  expect(first.value.list).not.toBe("audit platform");
  const csv = await reader.answer("all", query, "text/csv");
  if (!csv.ok || csv.value.kind !== "csv") throw new Error("no CSV");
  let text = "";
  for await (const piece of csv.value.stream) text += piece;
  expect(text.trim().split("\r\n")).toHaveLength(1 + 5);
});

test("a position that is none is refused", async () => {
  const { reader } = await installationOf(1);
  const page = await reader.everywhere({}, { top: 5, position: "platform nonsense" });
  expect(page).toMatchObject({ ok: false, failure: { code: "bad-page-token" } });
});

test("nothing is found where nothing was ever written", async () => {
  const reader = new AuditReader(await openOwnTables(), stillClock);
  expect(await reader.everywhere({}, { top: 1000 })).toEqual(succeed({ items: [] }));
});
