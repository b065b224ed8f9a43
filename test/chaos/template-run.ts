/**
 * A provisioning run in the same trouble, and a restart of what failed in it, while more is killed: held against the ledger,
 * each effect once for each run that did it, and none of which no run tells.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "./stage.ts";

/** Actions of the template, all of them required, with what the far side calls them; the restart must not be done twice. */
const template = {
  scan: ["endpointProtectionQuickScan", "quickScan"],
  reboot: ["restart", "rebootNow"],
} as const;
type ActionId = keyof typeof template;

type Plan = {
  readonly tenantId: string;
  readonly runId: string;
  readonly devices: number;
  readonly deadlineMs: number;
  readonly say: (line: string) => void;
};

type View = {
  readonly final: boolean;
  readonly total: number;
  readonly buckets: Readonly<Record<string, number>>;
  readonly latest?: { readonly buckets: Readonly<Record<string, number>> };
};
type Attempt = {
  readonly runId: string;
  readonly deviceId: string;
  readonly actionId: ActionId;
  readonly attempt: number;
  readonly result: string;
  readonly code?: string;
  readonly inherited?: true;
};

const kills = 3;

const pathOf = (tenantId: string): string => `/api/v1/tenants/${tenantId}/provisioning-runs`;

/** Makes a run of a new template, on everything. */
export async function beginRun(stage: Stage, tenantId: string): Promise<string> {
  const actions = Object.entries(template).map(([id, [type]]) => ({ id, name: `Do ${id}`, type }));
  const sections = [{ id: "systemConfiguration", actions }];
  const content = { name: "Chaos", visibility: "public", sections };
  const made = await stage.api<{ templateId: string }>("POST", "/api/v1/templates", content);
  const rules = [{ property: "operatingSystem", operator: "equals", value: "Windows" }];
  const { templateId } = made;
  const wanted = { templateId, targets: { rules }, offline: { after: "P60D" } };
  return (await stage.api<{ runId: string }>("POST", pathOf(tenantId), wanted)).runId;
}

/** Follows the run, and a restart of what failed in it; answers everything that is not as it must be. */
export async function runProblems(stage: Stage, plan: Plan): Promise<string[]> {
  const { runId } = plan;
  const path = pathOf(plan.tenantId);
  const began = Date.now();
  const view = await untilEnded(stage, `${path}/${runId}`, plan);
  plan.say(`the run has ended after ${seconds(began)} s: ${JSON.stringify(view.buckets)}`);
  await stage.control("PUT", "/behaviour", { tenantId: plan.tenantId, failRate: 0 });
  const restarts = `${path}/${runId}/restarts`;
  const body = { mode: "lastFailedRequired" };
  const { token } = await stage.api<{ token: string }>("POST", restarts, body);
  const again = await stage.api<{ runId: string }>("POST", restarts, { ...body, token });
  const ending = untilEnded(stage, `${path}/${again.runId}`, plan);
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(1_000);
    plan.say(`${await stage.killFunctions()} was killed during the restart`);
  }
  const repaired = await ending;
  plan.say(`its restart, too, after ${seconds(began)} s: ${JSON.stringify(repaired.buckets)}`);
  const ends = await untilEnded(stage, `${path}/${runId}`, plan);
  const attempts = [
    ...(await linesOf<Attempt>(stage, `${path}/${runId}/history`)),
    ...(await linesOf<Attempt>(stage, `${path}/${again.runId}/history`)),
  ];
  const effects = await effectsOn(stage, plan.tenantId);
  return [...countProblems(plan, [view, repaired, ends]), ...effectProblems(attempts, effects)];
}

async function untilEnded(stage: Stage, path: string, { deadlineMs }: Plan): Promise<View> {
  const deadline = Date.now() + deadlineMs;
  let latest: View | undefined;
  while (Date.now() < deadline) {
    await sleep(1_000);
    // Storage is down, or the functions are: that is what this is about.
    latest = await stage.api<View>("GET", path).catch(() => latest);
    if (latest?.final) return latest;
  }
  throw new Error(`the run has not ended: ${JSON.stringify(latest)}`);
}

const sumOf = (buckets: View["buckets"]): number =>
  Object.values(buckets).reduce((sum, count) => sum + count, 0);

function countProblems({ devices }: Plan, views: readonly View[]): string[] {
  const [first] = views;
  const wrong = views.filter(({ total, buckets }) => sumOf(buckets) !== total);
  const sums = wrong.map(({ total, buckets }) => `a run of ${total}: ${JSON.stringify(buckets)}`);
  const latest = views.at(-1)?.latest?.buckets;
  if (first?.total !== devices) sums.push(`the run is of ${first?.total}, not of ${devices}`);
  if (latest === undefined || sumOf(latest) !== devices)
    sums.push(`with its restart it is ${JSON.stringify(latest)}`);
  return sums;
}

const key = (deviceId: string, kind: string): string => `${deviceId} ${kind}`;

/**
 * What a run says to have been done, or the device to have failed at, was asked for once by that run; what nobody can tell of
 * at most once; and nothing else at all.
 */
function effectProblems(
  attempts: readonly Attempt[],
  effects: ReadonlyMap<string, number>,
): string[] {
  const own = attempts.filter(({ inherited }) => inherited === undefined);
  const least = timesOf(
    own.filter(({ result, code }) => result === "succeeded" || code === "device-reported-failure"),
  );
  const most = timesOf(own.filter(({ attempt }) => attempt > 0));
  if (least.size === 0) return ["no run tells of anything"];
  return [...new Set([...effects.keys(), ...most.keys()])].flatMap((at) => {
    const [times = 0, from = 0, to = 0] = [effects, least, most].map((counts) => counts.get(at));
    return from <= times && times <= to ? [] : [`${at}: ${times} times, not ${from} to ${to}`];
  });
}

/** In how many runs an action of a device is in some attempts. */
function timesOf(attempts: readonly Attempt[]): Map<string, number> {
  const runs = new Set(
    attempts.map(
      ({ runId, deviceId, actionId }) => `${runId} ${key(deviceId, template[actionId][1])}`,
    ),
  );
  return counted([...runs].map((each) => each.slice(each.indexOf(" ") + 1)));
}

function counted(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of keys) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
}

/** How often each device was made to do what. */
async function effectsOn(stage: Stage, tenantId: string): Promise<Map<string, number>> {
  const url = `${stage.sandboxUrl}/_sandbox/ledger?tenantId=${tenantId}`;
  const lines = parsed<{ deviceId: string; action: string }>(await (await fetch(url)).text());
  return counted(lines.map(({ deviceId, action }) => key(deviceId, action)));
}

const linesOf = async <T>(stage: Stage, path: string): Promise<T[]> =>
  parsed<T>(await stage.text(path, "application/x-ndjson"));

const parsed = <T>(text: string): T[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);

const seconds = (since: number): string => ((Date.now() - since) / 1000).toFixed(1);
