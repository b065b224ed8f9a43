/**
 * 500 devices through a template while workers die at random calls, and what failed once more: each device's ledger shows
 * each action at most once for each attempt, and the counts add up at every moment. A failing run prints its seed.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { sweep } from "../../shared/fanout/care/sweep.ts";
import type { JobStore } from "../../shared/fanout/state/job.ts";
import { RunJobs } from "../../shared/provisioning/run.ts";
import { action, type RunCalls, runCalls } from "../functions/provisioning/support/run-calls.ts";
import { type NotifyRig, startNotifyRig } from "../support/notify-rig.ts";
import { passTime } from "../support/passing-time.ts";
import { dice } from "./dice.ts";

let rig: NotifyRig;
let api: RunCalls;
beforeAll(async () => {
  rig = await startNotifyRig();
  api = runCalls(rig);
});
afterAll(() => rig.stop());

const devices = 500;
const seed = Date.now() % 1_000_000;
const roll = dice(seed);

/** Actions of the template, with what the far side calls them; the restart must not be done twice. */
const kinds = {
  two: "quickScan",
  three: "rebootNow",
  four: "fullScan",
} as const;
const actions = [
  action("two", "endpointProtectionQuickScan"),
  action("three", "restart"),
  action("four", "endpointProtectionFullScan"),
];

type Run = Record<string, string>;
type Attempt = { deviceId: string; actionId: string; attempt: number; result: string };

const sumOf = (buckets: unknown): number =>
  Object.values(buckets as Record<string, number>).reduce((sum, count) => sum + count, 0);

/** The engine with the list of open work cut to a tenant: files share their storage. */
function engineOf(tenantId: string) {
  class OwnRuns extends RunJobs {
    override async open(top: number, token?: string) {
      const page = await super.open(top, token);
      return { ...page, open: page.open.filter((each) => each.tenantId === tenantId) };
    }
  }
  const { engine, storage, provision } = rig.services;
  const jobs = new OwnRuns(storage) as unknown as JobStore;
  const { kind } = engine.kinds.get(provision.kind.id) ?? {};
  if (kind === undefined) throw new Error("the engine does no runs");
  return { ...engine, kinds: new Map([[kind.id, { kind, jobs }]]) };
}

/** Carries a run to its end; one worker in four dies on the way. */
async function throughTrouble(run: Run): Promise<Record<string, unknown>> {
  const engine = engineOf(run["tenantId"] ?? "");
  for (let rounds = 0; rounds < 40; rounds += 1) {
    for (let next = await rig.queues.take(); next; next = await rig.queues.take()) {
      const when = roll() < 0.5 ? "before" : "after";
      if (roll() < 0.25) rig.faults.arm({ atCall: 1 + Math.floor(roll() * 12), when });
      await rig.handle(next);
      rig.faults.revive();
      const { buckets, total } = await api.read(run);
      expect(sumOf(buckets), `seed ${seed}: ${JSON.stringify(buckets)}`).toBe(total);
    }
    const view = await api.read(run);
    if (view["final"] === true) return view;
    passTime(120_000);
    await sweep(engine, () => Promise.resolve());
  }
  throw new Error(`seed ${seed}: not ended: ${JSON.stringify(await api.read(run))}`);
}

const key = (deviceId: string, kind: string): string => `${deviceId} ${kind}`;

/** How often each device was asked for what. */
async function asked(tenantId: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const answer = await fetch(`${rig.sandbox.url}/_sandbox/ledger?tenantId=${tenantId}`);
  for (const line of (await answer.text()).split("\n").filter((text) => text !== "")) {
    const { deviceId, action: kind } = JSON.parse(line) as { deviceId: string; action: string };
    counts.set(key(deviceId, kind), (counts.get(key(deviceId, kind)) ?? 0) + 1);
  }
  return counts;
}

/** How often each device was tried at what, by the history of some runs; and in how many of them. */
async function tried(runs: readonly Run[]) {
  const attempts = new Map<string, number>();
  const passes = new Map<string, number>();
  const succeeded = new Set<string>();
  for (const params of runs) {
    const headers = { accept: "application/x-ndjson" };
    const { text } = await api.call("provisioning-runs-history", { params, headers });
    const latest = new Map<string, number>();
    for (const line of text.split("\n").filter((each) => each !== "")) {
      const { deviceId, actionId, attempt, result } = JSON.parse(line) as Attempt;
      const at = key(deviceId, kinds[actionId as keyof typeof kinds]);
      if (result === "succeeded") succeeded.add(at);
      latest.set(at, Math.max(latest.get(at) ?? 0, attempt));
    }
    for (const [at, count] of latest) {
      attempts.set(at, (attempts.get(at) ?? 0) + count);
      passes.set(at, (passes.get(at) ?? 0) + 1);
    }
  }
  return { attempts, passes, succeeded };
}

it("does each action at most once for each attempt, and guarded ones once a run", async () => {
  const tenantId = await api.tenantOf(devices);
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0.05 });
  const templateId = await api.template(actions);
  const run = await api.start(tenantId, { templateId });
  const first = await throughTrouble(run);
  expect(first["total"]).toBe(devices);
  await api.control("PUT", "/behaviour", { tenantId, failRate: 0 });
  const body = { mode: "lastFailedRequired" };
  const offer = await api.call("provisioning-runs-restart", { params: run, body });
  expect(offer.status, `seed ${seed}: ${offer.text}`).toBe(200);
  const token = offer.body["token"];
  const begun = await api.call("provisioning-runs-restart", {
    params: run,
    body: { ...body, token },
  });
  expect(begun.status, begun.text).toBe(202);
  const again = { tenantId, runId: String(begun.body["runId"]) };
  await throughTrouble(again);
  const { latest } = await api.read(run);
  expect(sumOf((latest as { buckets: object }).buckets)).toBe(devices);
  const effects = await asked(tenantId);
  const { attempts, passes, succeeded } = await tried([run, again]);
  const missing = [...succeeded].filter((at) => !effects.has(at));
  expect(missing, `seed ${seed}: said to be done, and asked of nobody`).toEqual([]);
  const tooOften = [...effects].filter(([at, count]) => count > (attempts.get(at) ?? 0));
  expect(tooOften, `seed ${seed}`).toEqual([]);
  const doubled = [...effects].filter(
    ([at, count]) => at.endsWith(kinds.three) && count > (passes.get(at) ?? 0),
  );
  expect(doubled, `seed ${seed}`).toEqual([]);
  expect(effects.size, "nearly all were asked for nearly all").toBeGreaterThan(2.5 * devices);
}, 180_000);
