/** Reads back what devices have reported, 20 to a batch. */

import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphVersion, maxBatchParts } from "../../graph/client.ts";
import { inChunks, inParallel } from "../../kernel/concurrency.ts";
import type { Route } from "./action.ts";
import { smallerThan } from "./calls.ts";
import { DeviceResults } from "./results.ts";

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
export type Suspect = { readonly deviceId: string; readonly route: Route | undefined };

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
