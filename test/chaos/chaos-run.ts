/**
 * One run of chaos: restarts to a fleet, while the functions are killed, storage stops, and Graph
 * throttles, fails, cuts connections and answers late. Then the end is held against the truth.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { dice } from "./dice.ts";
import { openStage, type Stage } from "./stage.ts";
import { beginRun, runProblems } from "./template-run.ts";
import { type Counts, problemsAtTheEnd } from "./verdict.ts";

/** What a run does. */
export type ChaosPlan = {
  readonly devices: number;
  /** Devices of another tenant that go through a template meanwhile. */
  readonly provisioned: number;
  readonly seed: number;
  /** Host processes on the same storage. */
  readonly hosts: number;
  /** Of workers and whole hosts, by turns. */
  readonly kills: number;
  readonly outages: number;
  readonly outageMs: number;
  /** Trouble falls within this time from the start. */
  readonly withinMs: number;
  /** Requests per 20 seconds: slow enough that the trouble finds work under way. */
  readonly pace: number;
  /** ISO 8601. */
  readonly expiresAfter: string;
  readonly deadlineMs: number;
  /** A message whose release failed, because storage was down, stays out of sight for so long. */
  readonly messageLeaseSeconds: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
};

/** What came of it; no problems means that it passed. */
export type ChaosReport = {
  readonly seed: number;
  readonly seconds: number;
  readonly counts: Counts;
  readonly problems: readonly string[];
};

type View = { readonly state: string; readonly final: boolean; readonly counts: Counts };

/** Runs once. The same seed gives the same fleet, the same trouble at the same moments. */
export async function chaosRun(plan: ChaosPlan): Promise<ChaosReport> {
  const stage = await openStage(plan.settings, plan.messageLeaseSeconds, plan.hosts);
  let failed = true;
  try {
    const report = await runOn(stage, plan);
    failed = report.problems.length > 0;
    return report;
  } finally {
    if (failed) plan.say(`logs and storage are kept in ${stage.home}`);
    await stage.stop(failed);
  }
}

async function runOn(stage: Stage, plan: ChaosPlan): Promise<ChaosReport> {
  const { provisioned, deadlineMs, say } = plan;
  const mix = { windows: 19, iOS: 1, intuneOnly: 1 };
  const behaviour = { offlineRate: 0.1 };
  const tenantId = await fleet(stage, plan, { devices: plan.devices, mix, behaviour });
  const pace = "unlimited";
  const windows = { windows: 1, intuneOnly: 1 };
  const other = await fleet(stage, plan, {
    devices: provisioned,
    mix: windows,
    pace,
    // It makes few calls, and some of them must be in doubt.
    behaviour: { lostAnswerRate: 0.3 },
  });
  const began = Date.now();
  const path = `/api/v1/tenants/${tenantId}/notifications`;
  const { notificationId } = await stage.api<{ notificationId: string }>("POST", path, {
    action: "restart",
    target: { kind: "tenant" },
    expiresAfter: plan.expiresAfter,
  });
  const runId = await beginRun(stage, other);
  const run = { tenantId: other, runId, devices: provisioned, deadlineMs, say };
  const [view, ofRun] = await Promise.all([
    untilEnded(stage, `${path}/${notificationId}`, plan),
    runProblems(stage, run),
    makeTrouble(stage, plan),
  ]);
  const drainMs = (plan.messageLeaseSeconds + 60) * 1000;
  const ended = { tenantId, notificationId, ...view };
  const problems = await problemsAtTheEnd(stage, ended, drainMs);
  return {
    seed: plan.seed,
    seconds: Math.round((Date.now() - began) / 1000),
    counts: view.counts,
    problems: [...ofRun, ...problems],
  };
}

/** A fleet with its directory, and a Graph that misbehaves from now on. */
async function fleet(
  stage: Stage,
  { seed, pace: slow }: ChaosPlan,
  {
    devices,
    mix,
    pace = slow,
    behaviour,
  }: { devices: number; mix: object; pace?: number | "unlimited"; behaviour: object },
): Promise<string> {
  const tenantId = randomUUID();
  await stage.control("POST", "/tenants", {
    tenantId,
    displayName: "Chaos",
    devices,
    seed,
    mix,
  });
  await stage.api("POST", "/api/v1/tenants", {
    tenantId,
    displayName: "Chaos",
    pace: { deviceActions: pace, deviceReads: "unlimited" },
  });
  const base = `/api/v1/tenants/${tenantId}`;
  const { refreshId } = await stage.api<{ refreshId: string }>("POST", `${base}/devices/refresh`);
  for (;;) {
    const { state } = await stage.api<View>("GET", `${base}/refreshes/${refreshId}`);
    if (state === "completed") break;
    if (state === "failed") throw new Error("the refresh before the chaos failed");
    await sleep(200);
  }
  await stage.control("PUT", "/behaviour", {
    tenantId,
    seed,
    throttleRate: 0.2,
    errorRate: 0.05,
    cutRate: 0.01,
    slowRate: 0.01,
    slowMs: 30_000,
    ...behaviour,
    failRate: 0.03,
  });
  return tenantId;
}

/** Kills and outages at moments that the seed decides. An outage blocks no kill. */
async function makeTrouble(stage: Stage, plan: ChaosPlan): Promise<void> {
  const roll = dice(plan.seed);
  const began = Date.now();
  const kills = Array.from({ length: plan.kills }, async () => {
    await sleep(roll() * plan.withinMs);
    const killed = await stage.killFunctions();
    plan.say(`${seconds(began)} s: ${killed} was killed`);
  });
  const outages = async (): Promise<void> => {
    for (let count = 0; count < plan.outages; count += 1) {
      await sleep((roll() * plan.withinMs) / plan.outages);
      plan.say(`${seconds(began)} s: storage stops`);
      await stage.storageOutage(plan.outageMs);
      plan.say(`${seconds(began)} s: storage is back`);
    }
  };
  await Promise.all([...kills, outages()]);
}

async function untilEnded(stage: Stage, path: string, plan: ChaosPlan): Promise<View> {
  const deadline = Date.now() + plan.deadlineMs;
  let latest: View | undefined;
  while (Date.now() < deadline) {
    await sleep(1000);
    try {
      latest = await stage.api<View>("GET", path);
    } catch {
      // Storage is down, or the functions are: that is what this run is about.
      continue;
    }
    if (latest.final) return latest;
  }
  throw new Error(`not ended within ${plan.deadlineMs / 1000} s: ${JSON.stringify(latest)}`);
}

const seconds = (since: number): string => ((Date.now() - since) / 1000).toFixed(1);
