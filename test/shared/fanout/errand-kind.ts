/**
 * A third kind of job, whose items run errands of four steps: some fail, some are tried again, some are held for an hour
 * or turned away, and some begin further on.
 */
import * as z from "zod";
import type { Call, Finding, Hold, JobKind, Outcome } from "../../../shared/fanout/kind.ts";
import type { Item } from "../../../shared/fanout/state/item.ts";
import type { Job } from "../../../shared/fanout/state/job.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { faultTap } from "../../support/fault-tap.ts";

export type ErrandJob = Job & { readonly people: readonly string[] };
type ErrandCall = Call & { readonly step: number };
/** Ask for something, rest a while, do something by hand, close. */
const steps = ["ask", "rest", "try", "close"];
export const holdMs = 3_600_000;
const restMs = 5_000;

export const faults = faultTap();
const told = new Map<string, number>();
const tell = (step: number, ids: readonly string[]) =>
  faults.tap("far.tell", () => {
    for (const id of ids) told.set(`${step} ${id}`, (told.get(`${step} ${id}`) ?? 0) + 1);
    return Promise.resolve();
  });

const digitOf = (id: string): string => id.slice(-1);
const reason = { code: "broken", detail: "it broke" };

const finish: Finding = { kind: "ended", event: "finish" };
const pending: Finding = { kind: "pending", awake: true };

/** By hand: fives fail, sixes need three tries, and say so. */
function tried({ targetId, learned = "" }: Item): Outcome {
  if (digitOf(targetId) === "5") return { kind: "failed", ...reason, kept: "tried in vain" };
  const tries = learned.startsWith("tries") ? learned.length - "tries".length : 0;
  if (digitOf(targetId) !== "6" || tries === 2)
    return { kind: "done", learned: `had ${tries}`, kept: `after ${tries}` };
  const again = { kind: "later", afterMs: 50, throttled: false } as const;
  return { ...again, code: "again", why: "not yet", learned: `tries${"+".repeat(tries + 1)}` };
}

const callsAt = (items: readonly Item[], step: number): ErrandCall[] => {
  const some = items.filter((item) => (item.step ?? 0) === step);
  const call = { step, targetIds: some.map((each) => each.targetId) };
  return some.length === 0
    ? []
    : [{ ...call, perTarget: false, ...(step === 1 && { free: true }) }];
};

/** Ones wait an hour for their first step, twos two minutes for their third; nines are turned away at their second. */
function holdOf({ createdAt }: Job, { targetId, step = 0 }: Item): Hold | undefined {
  const digit = digitOf(targetId);
  const hold = (ms: number): Hold | undefined =>
    Date.now() < createdAt + ms
      ? { until: createdAt + ms, code: "closed", detail: "closed" }
      : undefined;
  if (digit === "1" && step === 0) return hold(holdMs);
  if (digit === "2" && step === 2) return hold(120_000);
  return digit === "9" && step === 1
    ? { end: "decline", code: "turned-away", detail: "turned away" }
    : undefined;
}

export const errand: JobKind<ErrandJob, ErrandCall> = {
  id: "errand",
  spec: z.object({ people: z.array(z.string()) }),
  subjectOf: () => "errand",
  lastStep: () => steps.length - 1,
  // Resting and trying by hand ask nobody outside.
  mayRepeat: (_job, { step }) => step === 1 || step === 2,
  workloadsOf: () => ({ calls: "errand", reads: "errand" }),
  maxAttempts: 100,
  keepsAttempts: true,
  reasons: {
    jobFailed: reason,
    leftScope: reason,
    noResult: reason,
    pending: reason,
    silent: reason,
  },
  targets: ({ people }, cursor = "") =>
    Promise.resolve({
      targets: people.filter((id) => id > cursor).map((targetId) => ({ targetId })),
    }),
  cursorBehind: (_next, last) => last,
  plan: (_job, { targetId: name }) =>
    name.startsWith("r")
      ? { name, state: "waiting", route: 0, step: 2, learned: "from before" }
      : { name, state: "waiting", route: 0 },
  calls: (_job, items) => steps.flatMap((_, step) => callsAt(items, step)),
  async execute(job, { step, targetIds }) {
    if (step === 0 || step === 3) await tell(step, targetIds);
    const items = step === 2 ? await itemsOf(job, targetIds) : [];
    const byHand = new Map(items.map((item) => [item.targetId, tried(item)]));
    return new Map(targetIds.map((id) => [id, byHand.get(id) ?? { kind: "accepted" as const }]));
  },
  readsOf: (_job, items) => items.length,
  readBack: (_job, items) =>
    faults.tap("far.read", () =>
      Promise.resolve(new Map(items.map((item) => [item.targetId, findingOf(item)]))),
    ),
  survey: () =>
    Promise.resolve({
      requests: 0,
      isWhole: true as const,
      covers: ({ step }: Item) => step === 1,
      find: ({ at }: Item) => (Date.now() >= at + restMs ? finish : pending),
    }),
  outOfScope: () => Promise.resolve(new Set()),
  holds(job, items) {
    const held = items.flatMap((item) => {
      const hold = holdOf(job, item);
      return hold === undefined ? [] : [[item.targetId, hold] as const];
    });
    return Promise.resolve(new Map(held));
  },
};

/** What a call must know of its items: the engine hands calls on as they were made. */
let itemsOf: (job: ErrandJob, ids: readonly string[]) => Promise<readonly Item[]> = () =>
  Promise.resolve([]);
export const readItemsBy = (read: typeof itemsOf): void => {
  itemsOf = read;
};

function findingOf({ targetId, step = 0 }: Item): Finding {
  if (!told.has(`${step} ${targetId}`)) return { kind: "nothing", awake: true };
  return step === 3 && digitOf(targetId) === "7"
    ? { kind: "ended", event: "fail", ...reason }
    : finish;
}

/** A job for 40 people, four of each digit; `r`: the last ten begin at their third step. */
export function newJob(): ErrandJob {
  const now = Date.now();
  const jobId = newestFirstId(now);
  const numbers = Array.from({ length: 40 }, (_, nth) => String(nth).padStart(2, "0"));
  const people = numbers.map((nth) => `${nth >= "30" ? "r" : "p"}-${jobId}-${nth}`);
  const ids = { kind: "errand", tenantId: "t-errand", jobId };
  return { ...ids, state: "planning", createdAt: now, expiresAt: now + 3 * holdMs, people };
}

/** What the far side was told twice or more. */
export const doubledIn = ({ jobId }: ErrandJob): readonly string[] =>
  [...told].flatMap(([key, count]) => (key.includes(jobId) && count > 1 ? [key] : []));
