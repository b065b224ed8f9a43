/**
 * Hands corporate device identifiers in: maker, model and serial number of devices that a company owns, for Autopilot device
 * preparation. It registers nothing into Autopilot. Intune's list of them decides: the import once said yes, and made none.
 */
import * as z from "zod";
import type { Finding, Outcome } from "../../fanout/kind.ts";
import type { Item } from "../../fanout/state/item.ts";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import type { GraphClient } from "../../graph/client.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { type Asked, type BackEnd, forAll, graphTraceOf, traced, withoutSecrets } from "../kind.ts";
import type { Hardware } from "../list/rows.ts";
import type { AutopilotLists } from "./lists.ts";

type Parts = { readonly graph: GraphClient; readonly lists: AutopilotLists };

/** Identifiers in one import. No limit is documented; a hundred is ours, as for hardware. */
const maxImported = 100;
/** Entries of a page of the list. */
const perPage = 1_000;
const action = "/deviceManagement/importedDeviceIdentities/importDeviceIdentityList";

/** As Intune writes it, with commas between. */
const identifierOf = ({ manufacturer = "", model = "", serial = "" }: Hardware): string =>
  [manufacturer, model, serial].join(",");

/** Corporate identifiers, as a back end of the job. */
export function corporateBackEnd(parts: Parts): BackEnd {
  const read = async (tenantId: string, asked: readonly Asked[]) => {
    const since = Math.max(...asked.map(({ item }) => item.claimedAt ?? item.at));
    const list = await parts.lists.identifiers(tenantId, since);
    const isThere = ({ hardware }: Asked): boolean =>
      list.kind === "read" && list.named.has(identifierOf(hardware).toLowerCase());
    return { list, isThere };
  };
  return {
    workloads: { calls: "configurationWrites", reads: "configurationReads" },
    lastStep: 0,
    refuse,
    calls: callsOf,
    execute: ({ tenantId }, asked, mayAsk) => execute(parts, tenantId, asked, mayAsk),
    readsOf: (items) => items.length / perPage,
    async readBack({ tenantId }, asked) {
      const { list, isThere } = await read(tenantId, asked);
      return new Map(
        asked.map((each): [string, Finding] => [
          each.item.targetId,
          list.kind === "unreadable" ? list : (found(isThere(each)) ?? nothing),
        ]),
      );
    },
    async survey({ tenantId }, asked) {
      const { list, isThere } = await read(tenantId, asked);
      if (list.kind === "unreadable") return undefined;
      const byId = new Map(asked.map((each) => [each.item.targetId, each]));
      const find = ({ targetId }: { readonly targetId: string }): Finding | undefined => {
        const each = byId.get(targetId);
        return each && found(isThere(each));
      };
      const covers = ({ targetId }: { readonly targetId: string }) => byId.has(targetId);
      return { requests: list.requests, isWhole: true, covers, find };
    },
  };
}

const callsOf = (items: readonly Item[]) =>
  inChunks(items, maxImported).map((some) => ({
    items: some,
    targetIds: some.map(({ targetId }) => targetId),
    perTarget: false,
  }));

/** Imports what is not there yet. */
async function execute(
  { graph, lists }: Parts,
  tenantId: string,
  asked: readonly Asked[],
  mayAsk: () => boolean,
): Promise<ReadonlyMap<string, Outcome>> {
  const list = await lists.identifiers(tenantId, 0);
  if (list.kind === "unreadable")
    return forAll(asked, { ...busy(list.why), throttled: list.throttled });
  const isThere = ({ hardware }: Asked): boolean =>
    list.named.has(identifierOf(hardware).toLowerCase());
  const outcomes = forAll(asked.filter(isThere), hadBefore);
  const fresh = asked.filter((each) => !isThere(each));
  if (fresh.length === 0) return outcomes;
  const outcome = mayAsk()
    ? importOutcome(await importAll(graph, tenantId, fresh), fresh)
    : busy("the pass took too long");
  return new Map([...outcomes, ...forAll(fresh, outcome)]);
}

function refuse(
  hardware: Hardware,
): { readonly code: string; readonly detail: string } | undefined {
  const { manufacturer, model, serial } = hardware;
  const values = [manufacturer, model, serial];
  if (values.includes(undefined))
    return { code: "tuple-needed", detail: "it takes manufacturer, model and serial number" };
  if (values.some((value) => value?.includes(",")))
    return { code: "comma-inside", detail: "the three are joined by commas: none may have one" };
  return undefined;
}

const hadBefore: Outcome = {
  kind: "done",
  code: "already-registered",
  detail: "Intune had this corporate identifier before",
};
const nothing: Finding = { kind: "nothing", awake: true };
const found = (isThere: boolean): Finding | undefined =>
  isThere ? { kind: "ended", event: "finish" } : undefined;
const busy = (why: string) =>
  ({ kind: "later", throttled: false, code: "graph-busy", why }) as const satisfies Outcome;

const importAll = (graph: GraphClient, tenantId: string, asked: readonly Asked[]) =>
  graph.ask(tenantId, "beta", {
    method: "POST",
    path: action,
    body: {
      importedDeviceIdentities: asked.map(({ hardware }) => ({
        importedDeviceIdentityType: "manufacturerModelSerial",
        importedDeviceIdentifier: identifierOf(hardware),
      })),
      // What somebody has written about one that is there stays.
      overwriteImportedDeviceIdentities: false,
    },
  });

const Imported = z.object({ value: z.array(z.unknown()) });

function importOutcome(answer: GraphAnswer, asked: readonly Asked[]): Outcome {
  switch (answer.kind) {
    case "ok":
      return Imported.safeParse(answer.body).success
        ? { kind: "accepted" }
        : { kind: "unclear", why: "it is not Graph's answer to an import" };
    case "unclear":
      return { kind: "unclear", why: withoutSecrets(answer.why, asked) };
    case "refused": {
      const why = traced(withoutSecrets(wordsOf(answer), asked), graphTraceOf(answer));
      if (answer.reason === "forbidden")
        return { kind: "failed", code: "graph-forbidden", detail: why };
      return asked.length > 1
        ? { kind: "singly", code: "import-refused", why }
        : { kind: "failed", code: "graph-refused", detail: why };
    }
    case "approvalNeeded":
      return { kind: "failed", code: "approval-needed-at-intune", detail: answer.why };
    default: {
      const afterMs = "retryAfterMs" in answer ? answer.retryAfterMs : undefined;
      const wait = afterMs === undefined ? {} : { afterMs };
      return { ...busy(answer.why), throttled: answer.kind === "throttled", ...wait };
    }
  }
}
