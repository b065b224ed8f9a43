/** Says what a run would do, and does nothing of it. */
import type * as z from "zod";
import type { Device } from "../devices/directory/device.ts";
import { firstItem } from "../fanout/engine/engine.ts";
import { costOfAll, type Hold } from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import { durationMs, toIso } from "../kernel/clock.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { newestFirstId } from "../kernel/values.ts";
import type { NewRun, RunPreview } from "./contract.ts";
import { windowHolds } from "./holding/holds.ts";
import { actionsIn, type Run } from "./run.ts";
import { type Beginning, draftRun, type RunParts } from "./start-run.ts";

/** Devices that are looked at one by one; of more, these stand for all. */
const maxLooked = 2_000;

/** Targets, windows, requests, refusals and how long it takes, as far as anybody can tell now. */
export async function previewRun(
  parts: RunParts,
  tenantId: string,
  body: NewRun,
  by: Pick<Beginning, "caller" | "within" | "taskId" | "only">,
): Promise<Result<z.output<typeof RunPreview>>> {
  const { clock } = parts.engine;
  const now = clock.now();
  const drafted = await draftRun(parts, tenantId, newestFirstId(now), body, {
    ...by,
    cause: "manual",
  });
  if (!drafted.ok) return drafted;
  const { content, deviceIds } = drafted.value;
  const run = { ...drafted.value.run, content };
  const looked = deviceIds.slice(0, maxLooked);
  const devices = await parts.directory.getMany(tenantId, looked);
  const items = looked.map((targetId) => {
    const device = devices.get(targetId);
    const target = device === undefined ? { targetId } : { targetId, device };
    return firstItem(parts.kind, run, target, now);
  });
  const share = looked.length === 0 ? 0 : deviceIds.length / looked.length;
  const actions = actionsIn(run).map(({ section, action }, step) => {
    const at = items
      .filter(({ state }) => state === "waiting")
      .map((item): Item => ({ ...item, step }));
    const calls = parts.kind.calls(run, at);
    const { id, name, type, required } = action;
    const graphRequests = Math.ceil(costOfAll(calls) * share);
    return { id, name, section, type, required, graphRequests, refused: refusedIn(calls) };
  });
  const requests = actions.reduce((sum, { graphRequests }) => sum + graphRequests, 0);
  return succeed({
    total: deviceIds.length,
    hidden: run.hidden,
    template: { templateId: run.templateId, name: run.templateName, version: run.version },
    actions,
    looked: looked.length,
    beginsAt: await beginsOf(parts, run, devices, looked),
    ...(await lastsOf(parts, run, requests)),
  });
}

/** When devices could begin, as far as windows say. */
async function beginsOf(
  parts: RunParts,
  run: Run,
  devices: ReadonlyMap<string, Device>,
  looked: readonly string[],
) {
  const { clock } = parts.engine;
  const holds = await windowHolds({ ...parts, clock }, run, looked, devices);
  const begins = Map.groupBy(looked, (id) => beginOf(holds.get(id)));
  return [...begins].map(([text, ids]) => {
    const [at = "", why = ""] = text.split("|");
    return { ...(at === "" ? {} : { at }), why, devices: ids.length };
  });
}

/** How long a run takes if devices answer when they are read back first, and if every action takes all of its time. */
async function lastsOf({ engine, kind }: RunParts, run: Run, requests: number) {
  const rate = await engine.throttle.rateOf(run.tenantId, "deviceActions");
  const all = actionsIn(run).map(({ action }) => action);
  const waits = all.map(({ type, parameters }) => {
    const waited = type === "wait" ? durationMs(String(parameters["duration"])) : 0;
    return Math.max(waited ?? 0, kind.rounds?.firstMs ?? 0);
  });
  const expectedMs = requests * (rate?.intervalMs ?? 0) + waits.reduce((sum, ms) => sum + ms, 0);
  const longest = all.map(({ timeoutSeconds, retry }) => timeoutSeconds * (1 + retry.max));
  return {
    expectedSeconds: Math.round(expectedMs / 1000),
    longestSeconds: longest.reduce((sum, seconds) => sum + seconds, 0),
  };
}

type Calls = ReturnType<RunParts["kind"]["calls"]>;

/** Why devices would not do an action, with how many of them. */
function refusedIn(calls: Calls) {
  const settled = calls.flatMap((call) => [...(call.settled?.values() ?? [])]);
  const reasons = settled.flatMap((outcome) =>
    "code" in outcome && "detail" in outcome
      ? [{ code: outcome.code ?? "", detail: outcome.detail ?? "" }]
      : [],
  );
  const grouped = Map.groupBy(reasons, ({ code, detail }) => `${code} ${detail}`);
  return [...grouped.values()].flatMap((some) => {
    const [first] = some;
    return first === undefined ? [] : [{ ...first, devices: some.length }];
  });
}

function beginOf(hold: Hold | undefined): string {
  if (hold === undefined) return "|at once";
  return "until" in hold ? `${toIso(hold.until)}|${hold.code}` : `|${hold.code}`;
}
