import { randomUUID } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { created, type Reply } from "../../../shared/http/reply.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { fail, type Result, succeed } from "../../../shared/kernel/failure.ts";
import { openStorage } from "../../../shared/storage/storage.ts";
import { IdempotentAnswers } from "../../../shared/work/idempotency.ts";
import { storageConnectionString } from "../../support/azurite.ts";

let store: IdempotentAnswers;
beforeAll(async () => {
  const connection = { kind: "connectionString", value: storageConnectionString() } as const;
  const { tables, clock } = await openStorage(connection, systemClock);
  store = new IdempotentAnswers(tables, clock);
});

type KeyedRequest = Parameters<IdempotentAnswers["once"]>[0];
const keyed = (change: Partial<KeyedRequest> = {}): KeyedRequest => ({
  scope: "tests",
  key: randomUUID(),
  body: "{}",
  seed: randomUUID(),
  ...change,
});
/** Work that answers with its seed, and counts how often it was done. */
function counting(outcome: (seed: string) => Result<Reply> = made) {
  const seeds: string[] = [];
  const work = (seed: string): Promise<Result<Reply>> => {
    seeds.push(seed);
    return Promise.resolve(outcome(seed));
  };
  return { work, seeds };
}
const made = (seed: string): Result<Reply> => succeed(created(`/things/${seed}`, { seed }));
const refused = (): Result<Reply> => fail("unknown-tenant", "no such tenant");

test("a repeated request gets the first answer, marked as such, and no work", async () => {
  const request = keyed();
  const { work, seeds } = counting();
  const first = await store.once(request, work);
  const second = await store.once({ ...request, seed: "another" }, work);
  expect(seeds).toEqual([request.seed]);
  expect(first).toEqual(made(request.seed));
  expect(second).toMatchObject({
    ok: true,
    value: {
      status: 201,
      body: { seed: request.seed },
      headers: { location: `/things/${request.seed}`, "idempotency-replayed": "true" },
    },
  });
});

test("without a key every request is work", async () => {
  const request = keyed({ key: null });
  const { work, seeds } = counting();
  await store.once(request, work);
  await store.once(request, work);
  expect(seeds).toHaveLength(2);
});

test("the same key with another body is refused, and does nothing", async () => {
  const request = keyed();
  const { work, seeds } = counting();
  await store.once(request, work);
  const other = await store.once({ ...request, body: "[]" }, work);
  expect(other).toMatchObject({ failure: { code: "idempotency-key-reused" } });
  expect(seeds).toHaveLength(1);
});

test("the same key in another scope is another key", async () => {
  const request = keyed();
  const { work, seeds } = counting();
  await store.once(request, work);
  await store.once({ ...request, scope: "elsewhere" }, work);
  expect(seeds).toHaveLength(2);
});

test("after a refusal the key is free, also for another body", async () => {
  const request = keyed();
  expect(await store.once(request, counting(refused).work)).toMatchObject({
    failure: { code: "unknown-tenant" },
  });
  const { work } = counting();
  expect(await store.once({ ...request, body: "[]" }, work)).toMatchObject({ ok: true });
});

test("a worker that died is followed by one that creates the same thing", async () => {
  const request = keyed();
  const dying = store.once(request, () => Promise.reject(new Error("killed")));
  await expect(dying).rejects.toThrow("killed");
  const { work, seeds } = counting();
  const second = await store.once({ ...request, seed: "another" }, work);
  expect(seeds).toEqual([request.seed]);
  expect(second).toEqual(made(request.seed));
});

test("requests at the same time create the same thing, and get the same answer", async () => {
  const request = keyed();
  const { work, seeds } = counting();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      store.once({ ...request, seed: randomUUID() }, async (seed) => work(seed)),
    ),
  );
  expect(new Set(seeds).size).toBe(1);
  const bodies = answers.map((answer) => answer.ok && JSON.stringify(answer.value.body));
  expect(new Set(bodies)).toEqual(new Set([JSON.stringify({ seed: seeds[0] })]));
});

test("a twin that is refused because the other was faster gets the other's answer", async () => {
  const request = keyed();
  const { promise: bothBegan, resolve: began } = Promise.withResolvers<void>();
  const { promise: firstDone, resolve: done } = Promise.withResolvers<void>();
  const first = store
    .once(request, async (seed) => {
      await bothBegan;
      return made(seed);
    })
    .finally(done);
  const second = store.once(request, async () => {
    began();
    await firstDone;
    return fail("already-exists", "the first was faster");
  });
  expect(await first).toMatchObject({ ok: true });
  expect(await second).toMatchObject({ ok: true, value: { body: { seed: request.seed } } });
  // And the answer stays for whoever asks a third time.
  const { work, seeds } = counting();
  expect(await store.once(request, work)).toMatchObject({ ok: true });
  expect(seeds).toEqual([]);
});

test("an answer longer than a property is kept whole", async () => {
  const request = keyed();
  const text = "漢😀".repeat(20_000);
  const work = () => Promise.resolve(succeed(created("/long", { text })));
  await store.once(request, work);
  expect(await store.once(request, work)).toMatchObject({
    value: { body: { text }, headers: { "idempotency-replayed": "true" } },
  });
});

test.each(["", "x".repeat(257)])("a key of the wrong length is refused", async (key) => {
  const { work, seeds } = counting();
  expect(await store.once(keyed({ key }), work)).toMatchObject({
    failure: { code: "invalid-request", faults: [{ pointer: "/headers/Idempotency-Key" }] },
  });
  expect(seeds).toEqual([]);
});
