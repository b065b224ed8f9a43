/** Steps of actions over the stand-in's Graph, gone through as the engine does, without rows and queues. */
import { BulkRefusals } from "../../../../shared/devices/actions/asked-devices.ts";
import { RemoteActionAudits } from "../../../../shared/devices/actions/audits.ts";
import type { Item } from "../../../../shared/fanout/state/item.ts";
import { GraphClient } from "../../../../shared/graph/client.ts";
import { type Clock, systemClock } from "../../../../shared/kernel/clock.ts";
import type {
  Asked,
  Parameters,
  Step,
  StepFinding,
  StepOutcome,
} from "../../../../shared/provisioning/actions/action-type.ts";
import { findActionType } from "../../../../shared/provisioning/actions/catalogue.ts";
import { stepsOver } from "../../../../shared/provisioning/actions/device-steps.ts";
import { ListWatch } from "../../../../shared/provisioning/actions/watch.ts";
import { type DeviceRun, deviceRunOf } from "../../../../shared/provisioning/device-run.ts";
import { passThrough } from "../../../../shared/storage/calls.ts";
import {
  startTestSandbox,
  type TestSandbox,
  type TestTenant,
} from "../../../local/sandbox/support.ts";

/** An effect, as the stand-in's ledger has it. */
export type Effect = {
  readonly deviceId: string;
  readonly action: string;
  readonly detail: string | null;
};

export type StepRig = {
  readonly sandbox: TestSandbox;
  readonly tenant: TestTenant;
  readonly graph: GraphClient;
  readonly stepOf: (type: string) => Step;
  /** Devices of the tenant as runs carry them, by their Intune ids. */
  readonly devices: () => Promise<ReadonlyMap<string, DeviceRun>>;
  readonly ledger: () => Promise<readonly Effect[]>;
};

/** A tenant with a fleet whose devices answer within milliseconds. */
export async function startStepRig(
  plan: Record<string, unknown> = {},
  clock: Clock = systemClock,
): Promise<StepRig> {
  const sandbox = await startTestSandbox();
  const tenant = await sandbox.tenant({ devices: 40, ...plan });
  await tenant.behave({ actMs: [1, 3], reportMs: [1, 3] });
  const { body } = await sandbox.token(tenant.id);
  const graph = new GraphClient({
    baseUrl: sandbox.graphUrl,
    token: () => Promise.resolve(String(body["access_token"])),
    clock,
    intercept: passThrough,
    timeoutMs: 5_000,
  });
  const stepFor = stepsOver({
    graph,
    clock,
    audits: new RemoteActionAudits(graph, clock, 0),
    bulkRefusals: new BulkRefusals(clock),
    watch: new ListWatch(graph, clock),
  });
  return {
    sandbox,
    tenant,
    graph,
    stepOf(type) {
      const step = stepFor(type);
      if (step === undefined) throw new Error(`nothing carries ${type}`);
      return step;
    },
    async devices() {
      const path = "/v1.0/deviceManagement/managedDevices?$top=1000";
      const list = await tenant.graph<{ value: Record<string, string>[] }>("GET", path);
      return new Map(
        list.body.value.map((each) => [
          String(each["id"]),
          deviceRunOf({
            deviceId: String(each["id"]),
            name: String(each["deviceName"]),
            operatingSystem: String(each["operatingSystem"]),
            osVersion: String(each["osVersion"]),
            managementAgent: String(each["managementAgent"]),
            complianceState: String(each["complianceState"]),
            lastSyncDateTime: String(each["lastSyncDateTime"]),
            entraDeviceId: String(each["azureADDeviceId"]),
            serialNumber: String(each["serialNumber"]),
            source: "intune",
          }),
        ]),
      );
    },
    async ledger() {
      const path = `/ledger?tenantId=${tenant.id}`;
      const rows = lines((await sandbox.control<string>("GET", path)).body);
      return rows.map(({ deviceId, action, detail }) => ({ deviceId, action, detail }));
    },
  };
}

const lines = (text: string): Effect[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Effect);

const itemOf = (targetId: string, more: Partial<Item> = {}): Item => ({
  targetId,
  name: targetId,
  state: "waiting",
  route: 0,
  at: Date.now(),
  attempts: 0,
  ...more,
});

/** A device at an action: parameters as the type's schema lets them pass. */
export function askedOf(
  type: string,
  [targetId, device]: readonly [string, DeviceRun],
  parameters: Parameters = {},
  more: Partial<Item> = {},
): Asked {
  const schema = findActionType(type)?.parameters;
  if (schema === undefined) throw new Error(`no type ${type}`);
  return { item: itemOf(targetId, more), device, parameters: schema.parse(parameters) };
}

/** Claims and asks: what came of it for each device. */
export async function ask(
  { tenant, stepOf }: StepRig,
  type: string,
  asked: readonly Asked[],
): Promise<ReadonlyMap<string, StepOutcome>> {
  const outcomes = new Map<string, StepOutcome>();
  for (const call of stepOf(type).calls(asked))
    for (const [id, outcome] of await stepOf(type).execute(tenant.id, call, () => true))
      outcomes.set(id, outcome);
  return outcomes;
}

const roundMs = 30;
const maxRounds = 200;

/** Reads back as the engine does, surveys first, until every device has its end; what is open then stays as it is. */
export async function follow(
  { tenant, stepOf }: StepRig,
  type: string,
  asked: readonly Asked[],
  rounds = maxRounds,
): Promise<ReadonlyMap<string, StepFinding>> {
  const step = stepOf(type);
  const ends = new Map<string, StepFinding>();
  for (let round = 0; round < rounds; round += 1) {
    const open = asked.filter(({ item }) => ends.get(item.targetId)?.kind !== "ended");
    if (open.length === 0) break;
    const list = await step.survey?.(tenant.id, open);
    const told = new Map(open.map((one) => [one.item.targetId, list?.find(one)]));
    const rest = list?.isWhole
      ? []
      : open.filter((one) => told.get(one.item.targetId)?.kind !== "ended");
    const read =
      rest.length > 0 ? await step.readBack(tenant.id, rest) : new Map<string, StepFinding>();
    for (const { item } of open) {
      const finding = read.get(item.targetId) ?? told.get(item.targetId);
      if (finding !== undefined) ends.set(item.targetId, finding);
    }
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
  return ends;
}

/** The same devices, as they are once they were asked. */
export const sent = (asked: readonly Asked[]): Asked[] =>
  asked.map((one) => ({
    ...one,
    item: { ...one.item, state: "sent", attempts: 1, claimedAt: one.item.at },
  }));
