/**
 * A second kind of job, made from the interface alone: addresses that are looked up and then pinged, two steps, at a
 * far side that remembers how often it was told what.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import * as z from "zod";
import type { Call, Finding, JobKind, Outcome } from "../../../shared/fanout/kind.ts";
import type { Item } from "../../../shared/fanout/state/item.ts";
import type { Job } from "../../../shared/fanout/state/job.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { faultTap } from "../../support/fault-tap.ts";

export type PingJob = Job & { readonly addresses: readonly string[] };
type PingCall = Call & { readonly step: number };
const steps = ["look-up", "ping"];

/** The far side: takes orders, remembers how often it was told what, and tells what became of it. */
const told = new Map<string, number>();
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { step, ids } = JSON.parse(await text(request)) as { step: number; ids: string[] };
  const keys = ids.map((id) => `${step} ${id}`);
  if (request.method === "POST") for (const key of keys) told.set(key, (told.get(key) ?? 0) + 1);
  response.end(JSON.stringify(keys.map((key) => told.has(key))));
}
export const server: Server = createServer((request, response) => void serve(request, response));

export const faults = faultTap();
async function ask(method: "POST" | "PUT", step: number, ids: readonly string[]) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const body = JSON.stringify({ step, ids });
  const answer = await faults.tap(`far.${method}`, () => fetch(url, { method, body }));
  return z.array(z.boolean()).parse(await answer.json());
}

/** Silent addresses fail their ping; those that are no address are not supported. */
const isSilent = (id: string): boolean => id.endsWith("7");
const reason = { code: "no-answer", detail: "it did not answer" };

export const ping: JobKind<PingJob, PingCall> = {
  id: "ping",
  spec: z.object({ addresses: z.array(z.string()) }),
  subjectOf: () => "ping",
  lastStep: () => steps.length - 1,
  mayRepeat: () => false,
  workloadsOf: () => ({ calls: "ping", reads: "ping" }),
  reasons: {
    jobFailed: reason,
    leftScope: reason,
    noResult: reason,
    pending: reason,
    silent: reason,
  },
  targets: ({ addresses }, cursor = "") =>
    Promise.resolve({
      targets: addresses.filter((id) => id > cursor).map((targetId) => ({ targetId })),
    }),
  cursorBehind: (_next, last) => last,
  plan: (_job, { targetId: name }) =>
    name.startsWith("x")
      ? { name, state: "notSupported", code: "no-address", detail: "is no address" }
      : { name, state: "waiting", route: 0 },
  calls: (_job, items) =>
    steps.flatMap((_, step) => {
      const targetIds = items
        .filter((item) => (item.step ?? 0) === step)
        .map((each) => each.targetId);
      return targetIds.length === 0 ? [] : [{ step, targetIds, perTarget: false }];
    }),
  async execute(_job, { step, targetIds }) {
    await ask("POST", step, targetIds);
    return new Map(targetIds.map((id): [string, Outcome] => [id, { kind: "accepted" }]));
  },
  readsOf: (_job, items) => items.length,
  async readBack(_job, items) {
    const found = new Map<string, Finding>();
    for (const step of steps.keys()) {
      const some = items.filter((item) => (item.step ?? 0) === step);
      const seen =
        some.length > 0
          ? await ask(
              "PUT",
              step,
              some.map((each) => each.targetId),
            )
          : [];
      for (const [index, item] of some.entries())
        found.set(item.targetId, seen[index] ? endOf(item) : { kind: "nothing", awake: true });
    }
    return found;
  },
  outOfScope: () => Promise.resolve(new Set()),
};

const endOf = ({ targetId, step = 0 }: Item): Finding =>
  step === 1 && isSilent(targetId)
    ? { kind: "ended", event: "fail", ...reason }
    : { kind: "ended", event: "finish" };

/** A job for 40 addresses, of which four are silent and four are none. */
export function newJob(more: Partial<PingJob> = {}): PingJob {
  const jobId = newestFirstId(Date.now());
  const numbers = Array.from({ length: 40 }, (_, nth) => String(nth).padStart(2, "0"));
  const addresses = numbers.map((nth) => (nth.endsWith("3") ? `x-${jobId}` : `a-${jobId}`) + nth);
  const now = Date.now();
  const ids = { kind: "ping", tenantId: "t-ping", jobId };
  const sorted = addresses.toSorted();
  return {
    ...ids,
    state: "planning",
    createdAt: now,
    expiresAt: now + 60_000,
    addresses: sorted,
    ...more,
  };
}

/** What the far side was told of a job: how many orders, and how many of them twice. */
export function ordersOf({ jobId }: PingJob, step = "") {
  const isOurs = (key: string): boolean => key.startsWith(step) && key.includes(jobId);
  const times = [...told].filter(([key]) => isOurs(key)).map(([, count]) => count);
  return { orders: times.length, doubled: times.filter((count) => count > 1).length };
}
