/**
 * Sends an action to devices: which Graph requests carry it to which of them, and what one request came to for each.
 */

import * as z from "zod";
import { type GraphAnswer, type RefusalReason, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import type { Route } from "./action.ts";

/** Most devices in one bulk request. Undocumented; the admin center stops at 100. */
const maxBulkDevices = 100;

/** Devices that get an action by the same route. `singly`: bulk was refused for them before; `atMost`: so many in a call. */
export type SendGroup = {
  readonly route: Route;
  readonly singly: boolean;
  readonly atMost?: number | undefined;
  readonly deviceIds: readonly string[];
};

/** One request to Graph, for some devices. */
export type SendCall = {
  readonly route: Route;
  readonly form: "bulk" | "batch";
  readonly deviceIds: readonly string[];
};

/** What a call costs of the tenant's budget: each part of a batch counts by itself. */
export const costOf = ({ form, deviceIds }: SendCall): number =>
  form === "bulk" ? 1 : deviceIds.length;

/**
 * How many devices a call may have after one with `size` of them got no answer: half, a quarter of the most, one.
 * So whoever spoils a call for others is by itself after three steps.
 */
export const smallerThan = (form: SendCall["form"], size: number): number =>
  size > mostIn(form) / 4 ? Math.ceil(size / 2) : 1;

const mostIn = (form: SendCall["form"]): number =>
  form === "bulk" ? maxBulkDevices : maxBatchParts;

/** Cuts groups into calls: bulk where the route has it, else batches of 20. The relay's route has no calls here. */
export function callsFor(groups: readonly SendGroup[]): SendCall[] {
  return groups.flatMap(({ route, singly, atMost, deviceIds }) => {
    if (route.call === undefined && route.bulkAction === undefined) return [];
    // Asked for one device, only its own request tells the reason.
    const single = singly || (atMost === 1 && route.call !== undefined);
    const form = route.bulkAction !== undefined && !single ? "bulk" : "batch";
    const size = Math.min(mostIn(form), atMost ?? maxBulkDevices);
    return inChunks(deviceIds, size).map((chunk): SendCall => ({ route, form, deviceIds: chunk }));
  });
}

/** The bulk request. Only the names of our own catalogue ever stand in it: its enum also holds wipe. */
export const bulkRequest = (bulkAction: string, deviceIds: readonly string[]): GraphRequest => ({
  method: "POST",
  path: "/deviceManagement/managedDevices/executeAction",
  body: { actionName: bulkAction, deviceIds },
});

/** What the request for one device carries: parameters, and the code under which Intune held it before. */
type Carried = {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly approvalCode?: string | undefined;
};

/** The request for one device. */
export function deviceRequest(
  call: NonNullable<Route["call"]>,
  deviceId: string,
  { parameters, approvalCode }: Carried,
): GraphRequest {
  const filled = Object.entries(call.fill ?? {}).map(([property, parameter]) => [
    property,
    parameters[parameter],
  ]);
  const hasBody = call.body !== undefined || filled.length > 0;
  return {
    method: "POST",
    path: `/deviceManagement/managedDevices/${encodeURIComponent(deviceId)}/${call.segment}`,
    ...(hasBody ? { body: { ...call.body, ...Object.fromEntries(filled) } } : {}),
    ...(approvalCode === undefined ? {} : { approvalCode }),
  };
}

/** What came of it for one device. */
export type SendOutcome =
  | { readonly kind: "accepted" }
  /** This device cannot do it. */
  | { readonly kind: "declined"; readonly code: string; readonly detail: string }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly detail: string;
      /** Intune holds it: made again with this once it is approved there, it is done. */
      readonly approvalCode?: string;
    }
  /** Surely not done; after the time, or after a back-off where none was given. */
  | {
      readonly kind: "later";
      readonly afterMs?: number;
      readonly throttled: boolean;
      readonly why: string;
    }
  /** Bulk was refused: ask for the device by itself, which also tells the reason. `forbidden`: to everybody. */
  | { readonly kind: "singly"; readonly forbidden?: true; readonly why: string }
  /**
   * It may have been done: read back before doing it again. `atMost`: the whole call got no answer, and may be asked with
   * so many devices.
   */
  | { readonly kind: "unclear"; readonly why: string; readonly atMost?: number };

/** Outcome for each device of a call. */
type OutcomeByDevice = ReadonlyMap<string, SendOutcome>;

/** Surely not done: the claim under which it would be asked runs out before the answer could come. */
const why = "the pass took too long";
const tooLate: SendOutcome = { kind: "later", throttled: false, why };
const tooLateAnswer: GraphAnswer = { kind: "busy", why };

/**
 * Makes one call. Never throws for what Graph answers, or fails to answer. Nothing is asked any more once
 * `mayAsk` says no. `hear` is told which answer was about which devices.
 */
export async function send(
  graph: GraphClient,
  tenantId: string,
  call: SendCall,
  carriedTo: (deviceId: string) => Carried,
  mayAsk: () => boolean = () => true,
  hear: (deviceIds: readonly string[], answer: GraphAnswer | undefined) => void = () => undefined,
): Promise<OutcomeByDevice> {
  if (!mayAsk()) return forAll(call.deviceIds, tooLate);
  const { route, deviceIds } = call;
  if (call.form === "bulk" && route.bulkAction !== undefined) {
    const request = bulkRequest(route.bulkAction, deviceIds);
    const answer = await graph.ask(tenantId, "beta", request);
    hear(deviceIds, answer);
    return tooMuchOf(call, [answer]) ?? bulkOutcomes(deviceIds, answer);
  }
  const { call: deviceCall } = route;
  if (deviceCall === undefined) throw new Error(`${route.id} is no route through Graph`);
  const requests = deviceIds.map((id) => deviceRequest(deviceCall, id, carriedTo(id)));
  const answers = await askEach(graph, tenantId, deviceCall.version, requests, mayAsk);
  for (const [index, id] of deviceIds.entries()) hear([id], answers[index]);
  const smaller = tooMuchOf(call, answers);
  return smaller ?? new Map(deviceIds.map((id, index) => [id, outcomeOf(answers[index])]));
}

/** The outcomes where one answer about a whole call says that it was too much, or that one of the devices breaks it. */
function tooMuchOf(
  { form, deviceIds }: SendCall,
  answers: readonly (GraphAnswer | undefined)[],
): OutcomeByDevice | undefined {
  const [first] = answers;
  const whole = deviceIds.length > 1 && answers.every((answer) => answer === first);
  if (!whole || first?.kind !== "unclear" || !first.tooMuch) return undefined;
  const atMost = smallerThan(form, deviceIds.length);
  return forAll(deviceIds, { kind: "unclear", why: first.why, atMost });
}

/** One request goes by itself; several together, and one by one where Graph refuses the batch itself. */
async function askEach(
  graph: GraphClient,
  tenantId: string,
  version: "v1.0" | "beta",
  requests: readonly GraphRequest[],
  mayAsk: () => boolean,
): Promise<(GraphAnswer | undefined)[]> {
  if (requests.length > 1) {
    const answers = await graph.askTogether(tenantId, version, requests);
    const [first] = answers;
    const refusedWhole = first?.kind === "refused" && answers.every((answer) => answer === first);
    if (!refusedWhole) return answers;
  }
  const answers: GraphAnswer[] = [];
  for (const request of requests)
    answers.push(mayAsk() ? await graph.ask(tenantId, version, request) : tooLateAnswer);
  return answers;
}

/** Meaning of one device's own answer. */
export function outcomeOf(answer: GraphAnswer | undefined): SendOutcome {
  switch (answer?.kind) {
    case undefined:
      return { kind: "unclear", why: "no answer" };
    case "ok":
      return isTaken(answer.body)
        ? { kind: "accepted" }
        : { kind: "unclear", why: `HTTP ${answer.status}, and not Graph's answer to an action` };
    case "throttled":
    case "busy":
      return later(answer);
    case "dependencyFailed":
      return { kind: "later", throttled: false, why: answer.why };
    case "approvalNeeded":
      return {
        kind: "failed",
        approvalCode: answer.approvalCode,
        code: "approval-needed-at-intune",
        detail: `Intune wants a second administrator to approve this (${answer.approvalCode}). Nothing was done, and approving it there sends nothing: let the access policy leave Muster out, then send it again.`,
      };
    case "unclear":
      return { kind: "unclear", why: answer.why };
    case "refused":
      return refusal(answer);
  }
}

/** An action is answered with nothing, or with what OData wraps; another object is somebody else's word. */
const isTaken = (body: unknown): boolean =>
  body === undefined ||
  Object.keys(body ?? {}).some((name) => name.startsWith("@odata.") || name === "value");

const refusalCodes: Readonly<Record<RefusalReason, string>> = {
  notFound: "device-not-found",
  forbidden: "graph-forbidden",
  signedOut: "sign-in-failed",
  conflict: "graph-refused",
  changed: "graph-refused",
  other: "graph-refused",
};

function refusal({
  reason,
  code,
  message,
}: Extract<GraphAnswer, { kind: "refused" }>): SendOutcome {
  return { kind: "failed", code: refusalCodes[reason], detail: wordsOf({ code, message }) };
}

function later(answer: Extract<GraphAnswer, { kind: "throttled" | "busy" }>): SendOutcome {
  const throttled = answer.kind === "throttled";
  const { retryAfterMs } = answer;
  const said = throttled ? "Graph throttled the tenant" : "Graph was not available";
  return {
    kind: "later",
    throttled,
    why: `${said}: ${answer.why}`,
    ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }),
  };
}

const ids = z.array(z.string().toLowerCase()).nullish();
const BulkResult = z.object({
  successfulDeviceIds: ids,
  failedDeviceIds: ids,
  notFoundDeviceIds: ids,
  notSupportedDeviceIds: ids,
});

/** Meaning of a bulk answer for each device; a device that no list names is unclear. */
export function bulkOutcomes(deviceIds: readonly string[], answer: GraphAnswer): OutcomeByDevice {
  // Without a sign-in nobody gets further alone; any other refusal may be about bulk itself.
  if (answer.kind === "refused" && answer.reason !== "signedOut") {
    const forbidden = answer.reason === "forbidden";
    const said = `Graph refused the bulk request: ${wordsOf(answer)}`;
    return forAll(deviceIds, { kind: "singly", why: said, ...(forbidden ? { forbidden } : {}) });
  }
  if (answer.kind !== "ok") return forAll(deviceIds, outcomeOf(answer));
  const parsed = BulkResult.safeParse(answer.body);
  if (!parsed.success) return forAll(deviceIds, { kind: "unclear", why: "unreadable bulk answer" });
  const outcomes = new Map<string, SendOutcome>();
  const put = (list: readonly string[] | null | undefined, outcome: SendOutcome): void => {
    for (const id of list ?? []) outcomes.set(id, outcome);
  };
  put(parsed.data.successfulDeviceIds, { kind: "accepted" });
  // The bulk answer gives no reason; asked alone, Graph does.
  put(parsed.data.failedDeviceIds, {
    kind: "singly",
    why: "Graph's bulk action failed for the device, without a reason",
  });
  put(parsed.data.notFoundDeviceIds, notFound);
  put(parsed.data.notSupportedDeviceIds, notSupported);
  const missing: SendOutcome = { kind: "unclear", why: "bulk answer does not name the device" };
  return new Map(deviceIds.map((id) => [id, outcomes.get(id) ?? missing]));
}

const notFound: SendOutcome = {
  kind: "failed",
  code: "device-not-found",
  detail: "Intune does not know the device; refresh the directory",
};
const notSupported: SendOutcome = {
  kind: "declined",
  code: "not-supported-by-device",
  detail: "Intune says the device does not support this action",
};

const forAll = (deviceIds: readonly string[], outcome: SendOutcome): OutcomeByDevice =>
  new Map(deviceIds.map((id) => [id, outcome]));
