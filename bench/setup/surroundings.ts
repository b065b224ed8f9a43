/** What every contender gets for itself: an empty Azurite in memory and a calm sandbox. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Azurite, startAzurite } from "../../local/start/azurite.ts";
import { type Sandbox, startSandbox } from "../../local/start/sandbox.ts";
import type { RouteKind } from "../options.ts";
import { scratchFolder } from "./scratch.ts";

/** Storage and sandbox of one contender. */
export type Surroundings = {
  readonly azurite: Azurite;
  readonly sandbox: Sandbox;
  readonly stop: () => Promise<void>;
};

/** Starts both; nothing is throttled, late or broken there. */
export async function startSurroundings(): Promise<Surroundings> {
  const home = scratchFolder("muster-bench");
  const [azurite, sandbox] = await Promise.all([
    startAzurite({}),
    startSandbox({ home: home.path, logFile: join(home.path, "sandbox.log") }),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all([azurite.stop(), sandbox.stop()]);
    home.remove();
  };
  return { azurite, sandbox, stop };
}

/** Fleets in which every device goes by the one route that is to be measured. */
const mixes: Readonly<Record<RouteKind, object>> = {
  bulk: { windows: 1, intuneOnly: 1 },
  batch: { windows: 1, coManaged: 1 },
};

/** Makes a tenant with a fleet in the sandbox; answers its id. */
export async function makeFleet(
  sandboxUrl: string,
  devices: number,
  route: RouteKind,
): Promise<string> {
  const tenantId = randomUUID();
  const body = { tenantId, displayName: `${devices} devices`, devices, mix: mixes[route] };
  await control(sandboxUrl, "POST", "tenants", body);
  return tenantId;
}

/** Makes that many devices of a fleet look different. */
export const touchFleet = (sandboxUrl: string, tenantId: string, touch: number): Promise<unknown> =>
  control(sandboxUrl, "PATCH", `tenants/${tenantId}`, { touch });

/** Devices of a fleet do what they are asked for, and say so, at once. */
export const calmFleet = (sandboxUrl: string, tenantId: string): Promise<unknown> =>
  control(sandboxUrl, "PUT", "behaviour", { tenantId, actMs: [1, 3], reportMs: [1, 3] });

/** Ids of the first devices of a fleet. */
export async function deviceIds(
  sandboxUrl: string,
  tenantId: string,
  top: number,
): Promise<string[]> {
  const { value } = (await control(
    sandboxUrl,
    "GET",
    `tenants/${tenantId}/devices?top=${top}`,
  )) as {
    value: { id: string }[];
  };
  return value.map(({ id }) => id);
}

/** How many devices of a tenant were reached so far, and how many of those more than once. */
export const reached = (
  sandboxUrl: string,
  tenantId: string,
): Promise<{ distinct: number; doubled: number }> =>
  control(sandboxUrl, "GET", `ledger/summary?tenantId=${tenantId}`) as Promise<{
    distinct: number;
    doubled: number;
  }>;

/** How many devices of a tenant the sandbox has registered for Autopilot. */
export async function registered(sandboxUrl: string, tenantId: string): Promise<number> {
  const path = `registrations?tenantId=${tenantId}`;
  const { distinct } = (await control(sandboxUrl, "GET", path)) as { distinct: number };
  return distinct;
}

/** Graph requests that the sandbox has answered; parts of batches are counted apart. */
export const graphRequests = (sandboxUrl: string): Promise<GraphCounts> =>
  control(sandboxUrl, "GET", "requests") as Promise<GraphCounts>;
export type GraphCounts = { readonly total: number; readonly parts: number };

/** When the first device of a tenant was reached, in ms since 1970. */
export async function firstReachedAt(sandboxUrl: string, tenantId: string): Promise<number> {
  const gone = new AbortController();
  const answer = await fetch(`${sandboxUrl}/_sandbox/ledger?tenantId=${tenantId}`, {
    signal: gone.signal,
  });
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString("utf8");
    if (text.includes("\n")) break;
  }
  gone.abort();
  const { time } = JSON.parse(text.split("\n")[0] ?? "") as { time: string };
  return Date.parse(time);
}

/** When each device of a tenant was reached first, in ms since 1970. For small fleets. */
export async function reachedAt(
  sandboxUrl: string,
  tenantId: string,
): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${sandboxUrl}/_sandbox/ledger?tenantId=${tenantId}`);
  const times = new Map<string, number>();
  for (const line of (await answer.text()).split("\n")) {
    if (line === "") continue;
    const { deviceId, time } = JSON.parse(line) as { deviceId: string; time: string };
    if (!times.has(deviceId)) times.set(deviceId, Date.parse(time));
  }
  return times;
}

async function control(
  sandboxUrl: string,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await fetch(`${sandboxUrl}/_sandbox/${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`sandbox ${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}
