/**
 * Reads back what became of an action, from what each device has reported, 20 devices to a batch. Intune's other
 * witness, its own list of the requests that it took, is read in `audits.ts`.
 */
import * as z from "zod";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphVersion, maxBatchParts } from "../../graph/client.ts";
import type { Instant } from "../../kernel/clock.ts";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import type { Route } from "./action.ts";
import { smallerThan } from "./send.ts";

// What a device's `deviceActionResults` say about something that we asked of it.

/**
 * Times in results and in our claims come from different machines. Taking a result that is a little older
 * for ours is the harmless mistake; the other one would ask a device twice.
 */
export const skewMs = 10_000;

/** Graph may cut its times to whole seconds. */
const roundingMs = 1_000;

/**
 * The time to ask for where taking an older result for ours is the harmful mistake: nobody knows whether we asked
 * at all, and a restart by somebody else a few seconds earlier proves nothing about ours.
 */
export const strictly = (since: Instant): Instant => since + skewMs - roundingMs;

const ActionResult = z.object({
  actionName: z.string().nullish(),
  actionState: z.string().nullish(),
  startDateTime: z.string().nullish(),
  errorCode: z.number().nullish(),
});

/** The part of a managed device that confirmation reads. */
export const DeviceResults = z.object({
  id: z.string().toLowerCase(),
  lastSyncDateTime: z.string().nullish(),
  deviceActionResults: z.array(ActionResult).nullish(),
});
type DeviceResults = z.output<typeof DeviceResults>;

/** What became of an action, as far as the device has reported. */
export type Verdict = "none" | "pending" | "done" | "failed" | "notSupported" | "cancelled";

export const verdicts: Readonly<Record<string, Verdict>> = {
  none: "pending",
  pending: "pending",
  active: "pending",
  done: "done",
  failed: "failed",
  notSupported: "notSupported",
  canceled: "cancelled",
};

/** What a state of Graph's says. One that we do not know is not the end. */
export const verdictOfState = (state: string | null | undefined): Verdict =>
  verdicts[state ?? ""] ?? "pending";

/**
 * The verdict on an action asked for at `since`. There is no operation id on Graph's side: the newest
 * result of a matching name that began at or after our claim is taken for ours.
 */
export function verdictOf(
  device: DeviceResults,
  resultNames: readonly string[],
  since: Instant,
): Verdict {
  const names = new Set(resultNames.map((name) => name.toLowerCase()));
  let newest: { at: Instant; verdict: Verdict } | undefined;
  for (const result of device.deviceActionResults ?? []) {
    if (!names.has((result.actionName ?? "").toLowerCase())) continue;
    const at = Date.parse(result.startDateTime ?? "");
    if (Number.isNaN(at) || at < since - skewMs || (newest && at < newest.at)) continue;
    newest = { at, verdict: verdictOfState(result.actionState) };
  }
  return newest?.verdict ?? "none";
}

/** True when the device has been in touch with Intune after `since`. */
export function seenSince({ lastSyncDateTime }: DeviceResults, since: Instant): boolean {
  const at = Date.parse(lastSyncDateTime ?? "");
  return !Number.isNaN(at) && at >= since;
}

/** What can be seen of one device. */
export type ReadBack =
  | { readonly kind: "seen"; readonly device: DeviceResults }
  /** Intune no longer knows it. */
  | { readonly kind: "gone" }
  /** Could not be read now. */
  | { readonly kind: "later"; readonly afterMs?: number; readonly why?: string }
  /** Will not be readable: the reason is for an operator. */
  | { readonly kind: "refused"; readonly detail: string };

/** Batches under way at once. */
const concurrency = 4;

/** A device to read back, and the route whose result is of interest. */
type Suspect = { readonly deviceId: string; readonly route: Route | undefined };

/** Looks at devices; costs one read of the tenant's budget for each. */
export async function readBackDevices(
  graph: GraphClient,
  tenantId: string,
  suspects: readonly Suspect[],
): Promise<ReadonlyMap<string, ReadBack>> {
  const late = AbortSignal.timeout(maxSplittingMs);
  const read = async ({ version, ids }: ReadBatch): Promise<(readonly [string, ReadBack])[]> => {
    const requests = ids.map((id) => ({ method: "GET" as const, path: resultsPath(id) }));
    const answers = await graph.askTogether(tenantId, version, requests);
    if (!isTooMuch(answers) || late.aborted)
      return ids.map((id, index) => [id, readBackOf(answers[index])] as const);
    const parts = inChunks(ids, smallerThan("batch", ids.length));
    return (await inParallel(parts, concurrency, (part) => read({ version, ids: part }))).flat();
  };
  return new Map((await inParallel(readBatches(suspects), concurrency, read)).flat());
}

/** So long batches that get no answer are asked in smaller ones; what is left then waits for the next round. */
const maxSplittingMs = 60_000;

/** Whether a whole batch was too much, or one of its devices breaks it. */
function isTooMuch(answers: readonly GraphAnswer[]): boolean {
  const [first] = answers;
  if (answers.length < 2 || answers.some((answer) => answer !== first)) return false;
  if (first?.kind === "unclear") return first.tooMuch === true;
  return first?.kind === "refused" && first.reason !== "forbidden" && first.reason !== "signedOut";
}

type ReadBatch = { readonly version: GraphVersion; readonly ids: readonly string[] };

/** A result shows in the version that the action was asked in: ConfigMgr's only in beta. */
function readBatches(suspects: readonly Suspect[]): ReadBatch[] {
  const versions: readonly GraphVersion[] = ["v1.0", "beta"];
  return versions.flatMap((version) => {
    const ids = suspects
      .filter(({ route }) => (route?.call?.version ?? "v1.0") === version)
      .map(({ deviceId }) => deviceId);
    return inChunks(ids, maxBatchParts).map((chunk) => ({ version, ids: chunk }));
  });
}

const resultsPath = (deviceId: string): string =>
  `/deviceManagement/managedDevices/${encodeURIComponent(deviceId)}` +
  "?$select=id,lastSyncDateTime,deviceActionResults";

function readBackOf(answer: GraphAnswer | undefined): ReadBack {
  if (answer === undefined) return { kind: "later" };
  if (answer.kind === "throttled" || answer.kind === "busy") {
    const { retryAfterMs, why } = answer;
    return retryAfterMs === undefined
      ? { kind: "later", why }
      : { kind: "later", why, afterMs: retryAfterMs };
  }
  if (answer.kind === "refused")
    return answer.reason === "notFound"
      ? { kind: "gone" }
      : { kind: "refused", detail: wordsOf(answer) };
  if (answer.kind !== "ok") return { kind: "later", why: answer.why };
  const device = DeviceResults.safeParse(answer.body);
  return device.success
    ? { kind: "seen", device: device.data }
    : { kind: "later", why: "the answer is not a device" };
}
