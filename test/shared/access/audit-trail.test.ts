/** shared/access/audit/trail.ts, written, read and verified on storage. */
import { afterAll, describe, expect, test } from "vitest";
import {
  type AuditEvent,
  AuditReader,
  headKey,
  keyOf,
  partitionOf,
  platformTrail,
} from "../../../shared/access/audit/records.ts";
import { auditTrail } from "../../../shared/access/audit/trail.ts";
import { verifyPartition } from "../../../shared/access/audit/verify.ts";
import { type Instant, toIso } from "../../../shared/kernel/clock.ts";
import { randomId } from "../../../shared/kernel/values.ts";
import type { Interceptor } from "../../../shared/storage/calls.ts";
import { tableNames } from "../../../shared/storage/names.ts";
import { newTenant, noon, openTables, stillClock, writing } from "./tables.ts";

const month = "2026-08";
const reading = async () => new AuditReader(await openTables(), stillClock);

const event = (
  tenantId: string,
  more: Partial<AuditEvent> = {},
  at: Instant = noon,
): AuditEvent => ({
  eventId: randomId(),
  at: toIso(at),
  actor: { kind: "user", id: "ana", name: "ana@contoso.example" },
  operation: "tenants-change",
  tenantId,
  object: `tenant/${tenantId}`,
  outcome: "allowed",
  requestId: "r1",
  ...more,
});

const writer = async (tap?: Interceptor) =>
  auditTrail({ tables: await openTables(tap), ...writing });

const verify = async (tenantId: string) =>
  verifyPartition(await openTables(), partitionOf(tenantId, month));

const read = async (tenantId: string, filter = {}, top = 1000) => {
  const page = await (await reading()).trail(tenantId, filter, { top });
  if (!page.ok) throw new Error(page.failure.detail);
  return page.value.items;
};

describe("the chain", () => {
  test("holds 20 events that one process appends at once, in few transactions", async () => {
    const tenantId = newTenant();
    let transactions = 0;
    const counting: Interceptor = (operation, call) => {
      if (operation.startsWith("table.transact")) transactions += 1;
      return call();
    };
    const trail = await writer(counting);
    const events = Array.from({ length: 20 }, (_, n) => event(tenantId, { requestId: `r${n}` }));
    await Promise.all(events.map((each) => trail.append(each)));
    expect(await verify(tenantId)).toMatchObject({ records: 20, head: { sequence: 20 } });
    expect(await verify(tenantId)).not.toHaveProperty("fault");
    const kept = await read(tenantId);
    expect(kept.map(({ eventId }) => eventId).toSorted()).toEqual(
      events.map(({ eventId }) => eventId).toSorted(),
    );
    expect(transactions).toBeLessThanOrEqual(3);
  });

  test("stays unbroken when 20 instances append at once", async () => {
    const tenantId = newTenant();
    const writers = await Promise.all(Array.from({ length: 20 }, () => writer()));
    const events = writers.map((trail) => ({ trail, one: event(tenantId) }));
    await Promise.all(events.map(({ trail, one }) => trail.append(one)));
    expect(await verify(tenantId)).toMatchObject({ records: 20, head: { sequence: 20 } });
    expect(await verify(tenantId)).not.toHaveProperty("fault");
    expect(new Set((await read(tenantId)).map(({ eventId }) => eventId)).size).toBe(20);
  });

  test("has an event once whose write succeeded and whose answer was lost", async () => {
    const tenantId = newTenant();
    let lose = true;
    const losing: Interceptor = async (operation, call) => {
      const answer = await call();
      if (!operation.startsWith("table.transact") || !lose) return answer;
      lose = false;
      // What the SDK's own retry is told: somebody, namely we, was faster.
      return { kind: "lost" } as typeof answer;
    };
    // The tap sits inside; its answer is the transaction's own.
    await (await writer(losing)).append(event(tenantId));
    expect(await read(tenantId)).toHaveLength(1);
  });

  test("fails the event, loudly, when storage is down, and takes the next one", async () => {
    const tenantId = newTenant();
    let down = true;
    const trail = await writer((_operation, call) =>
      down ? Promise.reject(new Error("no storage")) : call(),
    );
    await expect(trail.append(event(tenantId))).rejects.toThrow("no storage");
    down = false;
    await trail.append(event(tenantId));
    expect(await read(tenantId)).toHaveLength(1);
  });
});

const written = async () => {
  const tenantId = newTenant();
  const trail = await writer();
  for (const requestId of ["r1", "r2", "r3"]) await trail.append(event(tenantId, { requestId }));
  return { tenantId, partition: partitionOf(tenantId, month), tables: await openTables() };
};

describe("tampering", () => {
  test("with a record's text shows", async () => {
    const { tenantId, partition, tables } = await written();
    const row = await tables.get(tableNames.audit, partition, keyOf(2));
    const text = String(row?.columns["text"]).replace("allowed", "refused");
    const columns = { ...row?.columns, text } as Record<string, string>;
    await tables.put(tableNames.audit, { partitionKey: partition, rowKey: keyOf(2), ...columns });
    expect(await verify(tenantId)).toMatchObject({ fault: { sequence: 2, what: "changed" } });
  });

  test("by removing a record shows", async () => {
    const { tenantId, partition, tables } = await written();
    await tables.remove(tableNames.audit, partition, keyOf(2));
    expect(await verify(tenantId)).toMatchObject({
      fault: { sequence: 2, what: "missing" },
    });
  });

  test("by slipping a record in after the last one shows", async () => {
    const { tenantId, partition, tables } = await written();
    const row = { partitionKey: partition, rowKey: keyOf(4), text: "{}", previous: "", hash: "" };
    await tables.put(tableNames.audit, row);
    expect(await verify(tenantId)).toMatchObject({
      fault: { sequence: 4, what: "beyond-head" },
    });
  });

  test("by removing the head shows", async () => {
    const { tenantId, partition, tables } = await written();
    await tables.remove(tableNames.audit, partition, headKey);
    expect(await verify(tenantId)).toMatchObject({ fault: { what: "beyond-head" } });
  });
});

test("no secret and no script reaches the table", async () => {
  const tenantId = newTenant();
  await (await writer()).append(
    event(tenantId, { after: { clientSecret: "hush", parameters: { script: "rm -rf" } } }),
  );
  const tables = await openTables();
  const row = await tables.get(tableNames.audit, partitionOf(tenantId, month), keyOf(1));
  expect(JSON.stringify(row?.columns)).not.toMatch(/hush|rm -rf/);
});

test("an event that is larger than a property keeps who, what and where", async () => {
  const tenantId = newTenant();
  const many = Object.fromEntries(
    Array.from({ length: 400 }, (_, n) => [`n${n}`, "a b ".repeat(30)]),
  );
  await (await writer()).append(event(tenantId, { before: many, after: { small: true } }));
  expect(await read(tenantId)).toMatchObject([
    { operation: "tenants-change", actor: { id: "ana" } },
  ]);
});

describe("reading", () => {
  const tenantId = newTenant();
  const day = 24 * 3600 * 1000;
  const filled = (async () => {
    const trail = await writer();
    for (let n = 0; n < 6; n += 1)
      await trail.append(
        event(
          tenantId,
          {
            requestId: `r${n}`,
            actor: { kind: "user", id: n % 2 === 0 ? "ana" : "bo" },
            object: `collection/c${n}`,
            outcome: n === 5 ? "refused" : "allowed",
          },
          noon - (6 - n) * 9 * day,
        ),
      );
  })();
  afterAll(() => filled);

  test.each([
    [{}, ["r5", "r4", "r3", "r2", "r1", "r0"]],
    [{ actor: "bo" }, ["r5", "r3", "r1"]],
    [{ actor: "BO", outcome: "refused" as const }, ["r5"]],
    [{ object: "c2" }, ["r2"]],
    [{ object: "collection/c2" }, ["r2"]],
    [{ object: "collection/c" }, []],
    [{ operation: "tenants-add" }, []],
    [{ from: toIso(noon - 20 * day), to: toIso(noon - 9 * day) }, ["r4"]],
    [{ to: "2026-07-10T00:00:00.000Z" }, ["r2", "r1", "r0"]],
  ])("%j gives %j", async (filter, expected) => {
    await filled;
    expect((await read(tenantId, filter)).map(({ requestId }) => requestId)).toEqual(expected);
  });

  test("goes through pages and months without doubles or gaps", async () => {
    await filled;
    const reader = await reading();
    const seen: string[] = [];
    let position: string | undefined;
    do {
      const page = await reader.trail(tenantId, {}, { top: 2, position });
      if (!page.ok) throw new Error(page.failure.code);
      seen.push(...page.value.items.map(({ requestId }) => requestId));
      position = page.value.next;
    } while (position !== undefined);
    expect(seen).toEqual(["r5", "r4", "r3", "r2", "r1", "r0"]);
  });

  test.each(["nonsense", "2026-08 head", "9999-01 e000000000001", "2026-08 e1' or 1 eq 1"])(
    "a made-up position is refused: %s",
    async (position) => {
      const page = await (await reading()).trail(tenantId, {}, { top: 2, position });
      expect(page).toMatchObject({ ok: false, failure: { code: "bad-page-token" } });
    },
  );

  test("gives CSV whose cells no spreadsheet takes for formulas", async () => {
    const own = newTenant();
    await (await writer()).append(event(own, { object: "=cmd|' /C calc'!A0" }));
    const answer = await (await reading()).answer(own, { top: 100 }, "text/csv");
    if (!answer.ok || answer.value.kind !== "csv") throw new Error("no CSV");
    let text = "";
    for await (const piece of answer.value.stream) text += piece;
    const [header, line] = text.split("\r\n");
    expect(header).toMatch(/^at,actorKind,actorId/);
    expect(line).toContain("'=cmd|");
  });

  test("one tenant's trail shows nothing of another's, nor of the platform's", async () => {
    const [one, other] = [newTenant(), newTenant()];
    const trail = await writer();
    await trail.append(event(one));
    const { tenantId: _, ...ofNobody } = event(other);
    await trail.append(ofNobody);
    expect(await read(other)).toEqual([]);
    expect((await read(platformTrail)).map(({ eventId }) => eventId)).toContain(ofNobody.eventId);
  });
});
