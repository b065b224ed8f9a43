/** Holds the end of a run against what only the sandbox knows of its devices. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "./stage.ts";

/** Deliveries by state. */
export type Counts = Readonly<Record<string, number>>;

type Ended = {
  readonly tenantId: string;
  readonly notificationId: string;
  readonly state: string;
  readonly counts: Counts;
};
type Device = {
  readonly id: string;
  readonly operatingSystem: string;
  readonly inGraph: boolean;
  readonly offline: boolean;
  readonly failing: boolean;
};
type Delivery = {
  readonly deviceId: string;
  readonly state: string;
  readonly code?: string;
  readonly detail?: string;
};

/**
 * Everything that is not as it must be; none means that the run passed. Messages that were duplicates
 * find nothing to do, but have to come by once: they get `drainMs` for it.
 */
export async function problemsAtTheEnd(
  stage: Stage,
  ended: Ended,
  drainMs: number,
): Promise<string[]> {
  const devices = (await allDevices(stage, ended.tenantId)).filter(({ inGraph }) => inGraph);
  const deliveries = await allDeliveries(stage, ended);
  return [
    ...countProblems(ended.counts, devices.length),
    // What was lost or doubled comes before what may be a long list of devices.
    ...(await ledgerProblems(stage, ended.tenantId, devices, deliveries)),
    ...(await queueProblems(stage, drainMs)),
    ...deliveryProblems(devices, deliveries),
  ];
}

function countProblems(counts: Counts, devices: number): string[] {
  const { total, ...states } = counts;
  const sum = Object.values(states).reduce((left, right) => left + right, 0);
  const problems: string[] = [];
  if (sum !== total) problems.push(`counts add up to ${sum}, not to ${total}`);
  if (total !== devices) problems.push(`counts speak of ${total} devices, not of ${devices}`);
  return problems;
}

/** The state that a device's delivery must end in. */
function expectedState({ operatingSystem, offline, failing }: Device): string {
  if (operatingSystem !== "Windows") return "notSupported";
  if (offline) return "offline";
  return failing ? "failed" : "done";
}

function deliveryProblems(devices: readonly Device[], deliveries: readonly Delivery[]): string[] {
  const byId = new Map(deliveries.map((delivery) => [delivery.deviceId, delivery]));
  const problems = devices.flatMap((device) => {
    const expected = expectedState(device);
    const found = byId.get(device.id);
    // A restart that may have been asked for is not asked for again: the ledger is held against these.
    const doubted = expected !== "notSupported" && found?.code === "no-clear-answer";
    return found?.state === (doubted ? "unknown" : expected)
      ? []
      : [`device ${device.id} is ${found?.state} (${found?.detail ?? ""}), not ${expected}`];
  });
  if (deliveries.length !== byId.size) problems.push("a device has two deliveries");
  return problems;
}

async function ledgerProblems(
  stage: Stage,
  tenantId: string,
  devices: readonly Device[],
  deliveries: readonly Delivery[],
): Promise<string[]> {
  const path = `/ledger/summary?tenantId=${tenantId}`;
  const { distinct, doubled } = await stage.control<Counts>("GET", path);
  const windows = devices.filter(({ operatingSystem }) => operatingSystem === "Windows").length;
  const problems: string[] = [];
  if (doubled !== 0) problems.push(`${doubled} restarts happened twice`);
  // Every trace shows here, so what nobody knows about is what was never done.
  const doubted = deliveries.filter(({ code }) => code === "no-clear-answer").length;
  if (distinct !== windows - doubted)
    problems.push(`${distinct} devices were restarted, not ${windows} less ${doubted}`);
  return problems;
}

async function queueProblems(stage: Stage, drainMs: number): Promise<string[]> {
  const deadline = Date.now() + drainMs;
  for (;;) {
    const used = await stage.queuesInUse();
    if (Object.keys(used).length === 0) return [];
    if (Date.now() > deadline) return [`queues are not empty: ${JSON.stringify(used)}`];
    await sleep(1000);
  }
}

async function allDevices(stage: Stage, tenantId: string): Promise<Device[]> {
  const path = `/tenants/${tenantId}/devices?top=1000000&action=rebootNow`;
  return (await stage.control<{ value: Device[] }>("GET", path)).value;
}

async function allDeliveries(stage: Stage, ended: Ended): Promise<Delivery[]> {
  const path = `/api/v1/tenants/${ended.tenantId}/notifications/${ended.notificationId}/deliveries`;
  const all: Delivery[] = [];
  let next: string | undefined = `${path}?top=1000`;
  while (next !== undefined) {
    const page: { value: Delivery[]; nextLink?: string } = await stage.api("GET", next);
    all.push(...page.value);
    const link: string | undefined = page.nextLink;
    next = link === undefined ? undefined : new URL(link).pathname + new URL(link).search;
  }
  return all;
}
