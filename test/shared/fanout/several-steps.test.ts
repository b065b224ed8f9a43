/**
 * What the engine gives items of several steps that come to different ends at different times: one message for each
 * chunk, nobody kept waiting by a neighbour, and a history that tells how each attempt ended.
 */
import { beforeAll, describe, expect, inject, it } from "vitest";
import { readHistory } from "../../../shared/fanout/state/history.ts";
import { sumOf } from "../../../shared/fanout/state/job.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { openStorage } from "../../../shared/storage/storage.ts";
import { storageConnectionString } from "../../support/azurite.ts";
import { startEngineRig } from "../../support/engine-rig.ts";
import { deaths } from "../../support/fault-tap.ts";
import {
  doubledIn,
  type ErrandJob,
  errand,
  faults,
  holdMs,
  newJob,
  readItemsBy,
} from "./errand-kind.ts";

let rig: Awaited<ReturnType<typeof startEngineRig<ErrandJob>>>;
const connection = { kind: "connectionString", value: storageConnectionString() } as const;
let tables: Awaited<ReturnType<typeof openStorage>>["tables"];
beforeAll(async () => {
  rig = await startEngineRig(faults, errand);
  ({ tables } = await openStorage(connection, systemClock));
  readItemsBy(async ({ jobId }, ids) =>
    (await itemsOf(jobId)).filter(({ targetId }) => ids.includes(targetId)),
  );
});

const itemsOf = async (jobId: string) =>
  (await rig.engine.items.range(jobId, "", "~")).flatMap((row) => row.items);

async function historyOf({ jobId }: ErrandJob) {
  const attempts = [];
  let token: string | undefined;
  do {
    const page = await readHistory(tables, jobId, { top: 3, ...(token && { token }) });
    attempts.push(...page.attempts);
    token = page.next;
  } while (token !== undefined);
  return attempts;
}

// Fives and sevens fail, and nines are turned away at their second step; those of them who begin behind that go on.
const whole = { done: 29, failed: 8, notSupported: 3 };
const chunkMessages = () =>
  rig.queues.waiting().filter(({ queue }) => queue !== "fanout-plan" && queue !== "fanout-close");

describe("items of several steps", () => {
  it("come to their ends with one message at a time, and counts that add up at every moment", async () => {
    const job = newJob();
    await rig.start(job);
    const sums = new Set<number>();
    const messages: number[] = [];
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      const { state, counts } = await rig.counts(job);
      sums.add(sumOf(counts));
      messages.push(chunkMessages().length);
      expect(chunkMessages(), state).toHaveLength(state === "ended" ? 0 : 1);
    }
    expect(sums).toEqual(new Set([40]));
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(doubledIn(job)).toEqual([]);
    // Some thirty items in four steps, in a chunk: reading and sending take turns, and nothing goes by the item.
    expect(messages.length).toBeLessThan(60);
  });

  it("keep no neighbour from its end while they are held for an hour", async () => {
    const job = newJob();
    await rig.start(job);
    await rig.drain(() => (rig.queues.waiting()[0]?.visibleAt ?? 0) > job.createdAt + holdMs / 2);
    const { counts } = await rig.counts(job);
    expect(counts).toMatchObject({ ...whole, done: 26, waiting: 3 });
    const held = (await itemsOf(job.jobId)).filter(({ state }) => state === "waiting");
    expect(held.map(({ attempts, code }) => ({ attempts, code }))).toEqual(
      Array.from({ length: 3 }, () => ({ attempts: 0, code: "closed" })),
    );
    await rig.drain();
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
  });

  it("go on when their message is lost while a neighbour is held", async () => {
    const job = newJob();
    await rig.start(job);
    const isSent = async () => (await rig.counts(job)).counts.sent > 0;
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      await rig.handle(next);
      if (await isSent()) break;
    }
    rig.queues.lose();
    await rig.sweep(job);
    expect(await rig.counts(job)).toMatchObject({ state: "ended", counts: whole });
    expect(doubledIn(job)).toEqual([]);
  });

  it("leave a history of every attempt, in which what was learned went along", async () => {
    const job = newJob();
    await rig.start(job);
    await rig.drain();
    const attempts = await historyOf(job);
    const of = (id: string) =>
      attempts
        .filter(({ targetId }) => targetId.endsWith(id))
        .map(({ step, attempt, event, code, kept }) => [step, attempt, event, code, kept]);
    expect(of("-06")).toEqual([
      [0, 1, "finish", "", ""],
      [1, 1, "finish", "", ""],
      [2, 1, "postpone", "again", ""],
      [2, 2, "postpone", "again", "tries+"],
      [2, 3, "finish", "", "after 2"],
      [3, 1, "finish", "", "had 2"],
    ]);
    expect(of("-05").at(-1)).toEqual([2, 1, "fail", "broken", "tried in vain"]);
    expect(of("-09").at(-1)).toEqual([1, 0, "decline", "turned-away", ""]);
    expect(of("-30")).toEqual([
      [2, 1, "finish", "", "after 0"],
      [3, 1, "finish", "", "had 0"],
    ]);
    expect(attempts.filter(({ event }) => event === "hold")).toEqual([]);
  });

  it("tell the truth at the end, once, at whichever call the worker dies", async () => {
    const first = newJob();
    faults.reset();
    await rig.start(first);
    await rig.drain();
    const calls = faults.calls().length;
    for (const { atCall, when } of deaths(calls, 2 * inject("oneCaseIn"), 3)) {
      const job = newJob();
      await rig.start(job);
      faults.arm({ atCall, when });
      await rig.drain();
      faults.revive();
      await rig.sweep(job);
      const { state, counts } = await rig.counts(job);
      const where = `killed ${when} call ${atCall}: ${JSON.stringify(counts)}`;
      expect({ state, sum: sumOf(counts), doubled: doubledIn(job) }, where).toEqual({
        state: "ended",
        sum: 40,
        doubled: [],
      });
      const attempts = await historyOf(job);
      const names = attempts.map(({ targetId, step, attempt }) => `${targetId} ${step} ${attempt}`);
      expect(new Set(names).size, where).toBe(names.length);
      const unknown = (await itemsOf(job.jobId)).filter((item) => item.state === "unknown");
      expect(counts.done + counts.failed + unknown.length, where).toBe(37);
    }
  }, 240_000);
});
