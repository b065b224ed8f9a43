/**
 * Takes devices out of Autopilot in the customer's tenant, by their serial numbers: the user first, then the device, and then
 * Intune is asked to sync, and again as long as its list shows one of them. One that Intune still manages is left alone: whoever retires
 * it decides about its data, and that comes before.
 */
import type { Finding, Outcome, Survey } from "../../fanout/kind.ts";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import {
  type Asked,
  type BackEnd,
  forAll,
  graphTraceOf,
  notOver,
  traced,
  withoutSecrets,
} from "../kind.ts";
import { type AutopilotLists, onlyOne, type RegisteredDevice, type Unreadable } from "./lists.ts";
import type { AskSync } from "./sync.ts";

/** Devices in a call: each is two requests of a batch at most. */
const perCall = 10;
const identities = "/deviceManagement/windowsAutopilotDeviceIdentities";

type Parts = {
  readonly graph: Pick<GraphClient, "ask" | "askTogether">;
  readonly lists: Pick<AutopilotLists, "devices">;
  readonly sync: AskSync;
};

/** What the tenant's list, read since they were asked for, has of some devices. */
async function readList({ graph, lists }: Parts, tenantId: string, asked: readonly Asked[]) {
  const since = Math.max(...asked.map(({ item }) => item.claimedAt ?? item.at));
  const read = await lists.devices(tenantId, since);
  const isDoubtful = read.kind === "read" && read.named.size === 0;
  const list = isDoubtful && !(await isEmpty(graph, tenantId, asked)) ? emptyForNow(read.at) : read;
  const devicesOf = ({ hardware: { serial = "" } }: Asked): readonly RegisteredDevice[] =>
    (list.kind === "read" ? list.named.get(serial) : undefined) ?? [];
  return { list, devicesOf };
}

const emptyForNow = (at: number): Unreadable => ({
  kind: "unreadable",
  at,
  throttled: false,
  why: "the tenant's list is empty, and nothing confirms that",
});

/** A list without a single device may be a fault of the service: some of them are looked for one by one. */
async function isEmpty(
  graph: Parts["graph"],
  tenantId: string,
  asked: readonly Asked[],
): Promise<boolean> {
  const requests = asked.slice(0, maxBatchParts).map(({ hardware: { serial = "" } }) => {
    const filter = `contains(serialNumber,'${serial.replaceAll("'", "''")}')`;
    return { method: "GET", path: `${identities}?$filter=${encodeURIComponent(filter)}` } as const;
  });
  const answers = await graph.askTogether(tenantId, "v1.0", requests);
  // The service refuses filters at times, which says nothing: then one that it takes has to confirm it.
  const said = answers.filter(({ kind }) => kind !== "refused");
  return said.length > 0 && said.every((each) => each.kind === "ok" && hasNone(each.body));
}

const hasNone = (body: unknown): boolean => {
  const { value } = (body ?? {}) as { readonly value?: unknown };
  return Array.isArray(value) && value.length === 0;
};

/** Deregistering, as a back end of the job. */
export const deregisteringBackEnd = (parts: Parts): BackEnd => ({
  workloads: { calls: "configurationWrites", reads: "configurationReads" },
  lastStep: 0,
  refuse: ({ serial }) =>
    serial === undefined ? { code: "serial-needed", detail: "it has no serial number" } : undefined,
  calls: (items) =>
    inChunks(items, perCall).map((some) => ({
      items: some,
      targetIds: some.map(({ targetId }) => targetId),
      perTarget: true,
    })),
  async execute({ tenantId }, asked, mayAsk) {
    const { list, devicesOf } = await readList(parts, tenantId, asked);
    if (list.kind === "unreadable") {
      const { throttled, why } = list;
      return forAll(asked, { kind: "later", code: "graph-busy", throttled, why });
    }
    const outcomes = new Map<string, Outcome>();
    for (const each of asked)
      outcomes.set(
        each.item.targetId,
        mayAsk() ? await deregister(parts.graph, tenantId, each, devicesOf(each)) : tooLate,
      );
    if ([...outcomes.values()].some(({ kind }) => kind === "accepted")) await parts.sync(tenantId);
    return outcomes;
  },
  readsOf: (items) => items.length / 1_000,
  async readBack({ tenantId }, asked) {
    const { list, devicesOf } = await readList(parts, tenantId, asked);
    return new Map(
      asked.map((each): [string, Finding] => [
        each.item.targetId,
        list.kind === "unreadable"
          ? { kind: "unreadable", why: list.why }
          : findingOf(devicesOf(each)),
      ]),
    );
  },
  survey: ({ tenantId }, asked) => surveyOf(parts, tenantId, asked),
});

async function surveyOf(
  parts: Parts,
  tenantId: string,
  asked: readonly Asked[],
): Promise<Survey | undefined> {
  const { list, devicesOf } = await readList(parts, tenantId, asked);
  if (list.kind === "unreadable") return undefined;
  if (asked.some((each) => devicesOf(each).length > 0)) await parts.sync(tenantId);
  const byId = new Map(asked.map((each) => [each.item.targetId, each]));
  return {
    requests: list.requests,
    isWhole: true,
    covers: ({ targetId }) => byId.has(targetId),
    find: ({ targetId }) => {
      const each = byId.get(targetId);
      return each && findingOf(devicesOf(each));
    },
  };
}

const tooLate: Outcome = {
  kind: "later",
  code: "graph-busy",
  throttled: false,
  why: "the pass took too long",
};

/** Gone is done; the list may show it for half an hour more. */
const findingOf = (devices: readonly RegisteredDevice[]): Finding =>
  devices.length === 0 ? { kind: "ended", event: "finish" } : notOver;

async function deregister(
  graph: Parts["graph"],
  tenantId: string,
  asked: Asked,
  devices: readonly RegisteredDevice[],
): Promise<Outcome> {
  if (devices.length === 0)
    return { kind: "done", code: "not-registered", detail: "the tenant does not have it" };
  const device = onlyOne(devices);
  if (device === undefined)
    return {
      kind: "failed",
      code: "serial-not-unique",
      detail: "several devices have this serial number: delete the one that is meant in Intune",
    };
  if (device.isManaged)
    return {
      kind: "failed",
      code: "still-managed",
      detail: "Intune still manages it: retire or delete it there first",
    };
  const path = `${identities}/${encodeURIComponent(device.id)}`;
  const requests: GraphRequest[] = [
    ...(device.userPrincipalName === ""
      ? []
      : [{ method: "POST", path: `${path}/unassignUserFromDevice`, body: {} } as const]),
    { method: "DELETE", path },
  ];
  for (const request of requests) {
    const answer = await graph.ask(tenantId, "v1.0", request);
    const isGone = answer.kind === "refused" && answer.reason === "notFound";
    if (answer.kind !== "ok" && !isGone) return outcomeOf(answer, asked);
  }
  return { kind: "accepted" };
}

function outcomeOf(answer: Exclude<GraphAnswer, { readonly kind: "ok" }>, asked: Asked): Outcome {
  const told = answer.kind === "refused" ? wordsOf(answer) : answer.why;
  const why = withoutSecrets(told, [asked]);
  switch (answer.kind) {
    case "refused":
      return {
        kind: "failed",
        code: "graph-refused",
        detail: traced(why, graphTraceOf(answer)),
      };
    case "unclear":
      return { kind: "unclear", why };
    case "approvalNeeded":
      return { kind: "failed", code: "approval-needed-at-intune", detail: why };
    default:
      return {
        kind: "later",
        code: "graph-busy",
        throttled: answer.kind === "throttled",
        why,
      };
  }
}
