/**
 * Registers devices through Microsoft Graph in the customer's tenant: devices are imported a hundred to a request, their
 * records are watched until each is over, and what is registered is read back with its group tag, which the service loses
 * at times. Then the records are deleted: they stay otherwise, and slow every list.
 */
import type { Finding, Outcome, Survey } from "../../fanout/kind.ts";
import type { Item } from "../../fanout/state/item.ts";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { digest } from "../../kernel/values.ts";
import {
  type Asked,
  type BackEnd,
  forAll,
  graphTraceOf,
  nameWithoutSecrets,
  notOver,
  type RegistrationCall,
  traced,
  withoutSecrets,
} from "../kind.ts";
import { structureOf } from "../list/hardware-hash.ts";
import type { Hardware } from "../list/rows.ts";
import type { Registration } from "../state/registration.ts";
import { learnedFrom, learnedText, meaningOf, nameOf } from "../state/service-errors.ts";
import {
  type AutopilotLists,
  attemptIn,
  type ImportRecord,
  importIdOf,
  onlyOne,
  type RegisteredDevice,
  type Unreadable,
} from "./lists.ts";
import type { AskSync } from "./sync.ts";

/** Devices in one import: some 420 KB. No limit is documented. */
const maxImported = 100;
/** So often a passing error of the service is met by another import. */
const maxImports = 4;
const repeatAfterMs = 30_000;
/** So often a lost tag is set again. */
const maxTagRepairs = 6;
/** Entries of a page of the lists. */
const perPage = 1_000;
const identities = "/deviceManagement/windowsAutopilotDeviceIdentities";
const imports = "/deviceManagement/importedWindowsAutopilotDeviceIdentities";

type Parts = {
  readonly graph: Pick<GraphClient, "ask" | "askTogether">;
  readonly clock: Clock;
  readonly lists: Pick<AutopilotLists, "devices" | "imports">;
  readonly sync: AskSync;
};

/** Graph in the customer's tenant. */
export function graphBackEnd(parts: Parts): BackEnd {
  return {
    workloads: { calls: "configurationWrites", reads: "configurationReads" },
    lastStep: 1,
    refuse: ({ hash }) =>
      hash === undefined
        ? {
            code: "hash-needed",
            detail: "a tenant registers its own devices by their hardware hash alone",
          }
        : undefined,
    calls: (items) => [...importCalls(items), ...settleCalls(items)],
    execute: (job, asked, mayAsk) => {
      const isImport = (asked[0]?.item.step ?? 0) === 0;
      return isImport
        ? importDevices(parts, job, asked, mayAsk)
        : settleDevices(parts, job, asked, mayAsk);
    },
    readsOf: (items) => items.length / perPage,
    readBack: async (job, asked) => {
      const seen = await readLists(parts, job, asked);
      return new Map(
        asked.map((each): [string, Finding] => [
          each.item.targetId,
          seen.kind === "unreadable" ? seen : (seen.find(each) ?? { kind: "nothing", awake: true }),
        ]),
      );
    },
    survey: async (job, asked): Promise<Survey | undefined> => {
      const seen = await readLists(parts, job, asked);
      if (seen.kind === "unreadable") return undefined;
      const byId = new Map(asked.map(({ item, hardware }) => [item.targetId, hardware]));
      return {
        requests: seen.requests,
        isWhole: true,
        covers: ({ targetId }) => byId.has(targetId),
        find: (item) => seen.find({ item, hardware: byId.get(item.targetId) ?? {} }),
      };
    },
  };
}

// Calls. Pure.

const stepOf = ({ step = 0 }: Item): number => step;

function importCalls(items: readonly Item[]): RegistrationCall[] {
  const bySize = new Map<number, Item[]>();
  for (const item of items.filter((each) => stepOf(each) === 0)) {
    const size = item.singly ? 1 : Math.min(maxImported, item.atMost ?? maxImported);
    bySize.set(size, [...(bySize.get(size) ?? []), item]);
  }
  return [...bySize].flatMap(([size, some]) =>
    inChunks(some, size).map((chunk) => callOf(chunk, false)),
  );
}

/** A record that is deleted is a write of its own, also in a batch. */
const settleCalls = (items: readonly Item[]): RegistrationCall[] =>
  inChunks(
    items.filter((each) => stepOf(each) > 0),
    maxBatchParts,
  ).map((chunk) => callOf(chunk, true));

const callOf = (items: readonly Item[], perTarget: boolean): RegistrationCall => ({
  items,
  targetIds: items.map(({ targetId }) => targetId),
  perTarget,
});

// Importing.

/** Names a device of a job in the ids of its imports, and says nothing of it. */
const keyOf = ({ jobId }: Registration, { targetId }: Item): string => {
  const hex = digest(jobId, targetId);
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`].join(
    "-",
  );
};

const entryOf = (job: Registration, { item, hardware }: Asked) => ({
  "@odata.type": "#microsoft.graph.importedWindowsAutopilotDeviceIdentity",
  serialNumber: hardware.serial ?? "",
  productKey: hardware.productId ?? "",
  hardwareIdentifier: hardware.hash,
  groupTag: hardware.tag ?? "",
  assignedUserPrincipalName: hardware.user ?? "",
  // Another one with each attempt: what became of the one before is not taken for what became of this one.
  importId: importIdOf(keyOf(job, item), item.attempts + 1),
});

async function importDevices(
  { graph }: Parts,
  job: Registration,
  asked: readonly Asked[],
  mayAsk: () => boolean,
): Promise<ReadonlyMap<string, Outcome>> {
  if (!mayAsk()) return forAll(asked, tooLate);
  const answer = await graph.ask(job.tenantId, "v1.0", {
    method: "POST",
    path: `${imports}/import`,
    body: {
      importedWindowsAutopilotDeviceIdentities: asked.map((each) => entryOf(job, each)),
    },
  });
  return forAll(asked, importOutcome(answer, asked));
}

const tooLate: Outcome = {
  kind: "later",
  throttled: false,
  code: "graph-busy",
  why: "the pass took too long",
};

/** What an answer means for every device of an import: it takes all of them, or none. */
function importOutcome(answer: GraphAnswer, asked: readonly Asked[]): Outcome {
  switch (answer.kind) {
    case "ok":
      return Array.isArray((answer.body as { readonly value?: unknown } | undefined)?.value)
        ? { kind: "accepted" }
        : { kind: "unclear", why: "it is not Graph's answer to an import" };
    case "unclear": {
      const why = withoutSecrets(answer.why, asked);
      const half = Math.ceil(asked.length / 2);
      return answer.tooMuch ? { kind: "unclear", why, atMost: half } : { kind: "unclear", why };
    }
    case "refused":
      return refusal(answer, asked);
    case "approvalNeeded":
      return {
        kind: "failed",
        code: "approval-needed-at-intune",
        detail: "Intune wants a second administrator to approve this; nothing was done",
      };
    default:
      return laterFor(answer);
  }
}

type Refused = Extract<GraphAnswer, { readonly kind: "refused" }>;

function refusal(answer: Refused, asked: readonly Asked[]): Outcome {
  const detail = traced(withoutSecrets(wordsOf(answer), asked), graphTraceOf(answer));
  const isAboutUs = answer.reason === "forbidden" || answer.reason === "signedOut";
  if (isAboutUs)
    return {
      kind: "failed",
      code: answer.reason === "forbidden" ? "graph-forbidden" : "sign-in-failed",
      detail,
    };
  // One of them spoils it for the others; by itself it hears why.
  return asked.length > 1
    ? { kind: "singly", code: "import-refused", why: detail }
    : { kind: "failed", code: "graph-refused", detail };
}

function laterFor(
  answer: Extract<GraphAnswer, { readonly kind: "throttled" | "busy" | "dependencyFailed" }>,
): Outcome {
  const afterMs = "retryAfterMs" in answer ? answer.retryAfterMs : undefined;
  return {
    kind: "later",
    throttled: answer.kind === "throttled",
    code: "graph-busy",
    why: answer.why,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

// Watching: what both lists show. Pure but for reading them.

type Seen =
  | Unreadable
  | {
      readonly kind: "read";
      readonly requests: number;
      readonly find: (asked: Asked) => Finding | undefined;
    };

/** Lists are to be younger than what is looked for. */
const sinceOf = (asked: readonly Asked[]): Instant =>
  Math.max(0, ...asked.map(({ item }) => item.claimedAt ?? item.at));

const serialOf = ({ serial, hash }: Hardware): string =>
  serial ?? (hash === undefined ? "" : (structureOf(hash).serial ?? ""));

async function readLists(
  { lists, clock }: Parts,
  job: Registration,
  asked: readonly Asked[],
): Promise<Seen> {
  const { tenantId } = job;
  const since = sinceOf(asked);
  const isImporting = asked.some(({ item }) => stepOf(item) === 0);
  const records = isImporting ? await lists.imports(tenantId, since) : undefined;
  if (records?.kind === "unreadable") return records;
  const recordOf = (each: Asked) => records && newestRecord(records.named, job, each);
  // What has no record may be there all the same: somebody may have deleted that.
  const isMissing = asked.some((each) => stepOf(each.item) > 0 || recordOf(each) === undefined);
  const devices = isMissing ? await lists.devices(tenantId, since) : undefined;
  if (devices?.kind === "unreadable") return devices;
  const now = clock.now();
  return {
    kind: "read",
    requests: (records?.requests ?? 0) + (devices?.requests ?? 0),
    find(each) {
      const record = recordOf(each);
      if (record !== undefined) return findingOf(record, each, now);
      const device = devices && deviceOf(devices.named, each);
      if (stepOf(each.item) === 0) return device && registeredBefore(device);
      // It is looked at anew, and then settled.
      return device || isFailed(each.item) ? { kind: "ended", event: "repeat" } : notOver;
    },
  };
}

type Named<T> = ReadonlyMap<string, readonly T[]>;

/** The latest of a device's records. One without an id of ours is taken for it where the service keeps none. */
function newestRecord(
  named: Named<ImportRecord>,
  job: Registration,
  { item, hardware }: Asked,
): ImportRecord | undefined {
  const ours = named.get(keyOf(job, item)) ?? [];
  const [newest] = ours.toSorted((one, two) => attemptIn(two.importId) - attemptIn(one.importId));
  return newest ?? named.get(serialOf(hardware))?.find(({ importId }) => importId === "");
}

function deviceOf(
  named: Named<RegisteredDevice>,
  { item, hardware }: Asked,
): RegisteredDevice | undefined {
  const { registrationId } = learnedFrom(item);
  return named.get(registrationId)?.[0] ?? onlyOne(named.get(serialOf(hardware)));
}

function findingOf(record: ImportRecord, asked: Asked, now: Instant): Finding | undefined {
  const { item } = asked;
  const { state } = record;
  const status = state?.deviceImportStatus.toLowerCase() ?? "";
  if (status === "complete") return learn(0, "", state?.deviceRegistrationId ?? "");
  if (status !== "error") return notOver;
  const code = state?.deviceErrorCode ?? 0;
  const name = nameOf(nameWithoutSecrets(state?.deviceErrorName ?? "", asked), code);
  if (meaningOf(name, code).kind !== "passing") return learn(code, name, "");
  // Of an earlier attempt: this one has left no record yet.
  const attempt = record.importId === "" ? item.attempts : attemptIn(record.importId);
  if (attempt < item.attempts) return undefined;
  if (item.attempts >= maxImports) return learn(code, name, "");
  const notBefore = now + repeatAfterMs * item.attempts;
  const detail = `${code} ${name}`;
  return { kind: "ended", event: "repeat", code: "service-busy", detail, notBefore };
}

/** It was there before, or its record was deleted: as the service says of what it has already. */
const registeredBefore = ({ id }: RegisteredDevice): Finding =>
  learn(806, "ZtdDeviceAlreadyAssigned", id);

const learn = (code: number, name: string, registrationId: string): Finding => ({
  kind: "ended",
  event: "finish",
  learned: learnedText({ code, name, registrationId }),
});

// Settling: what is registered is read back, its tag set where it was lost, and the record deleted.

/** What is to be done about a device: a request to make first, and what it came to once that is made. */
type Settlement = {
  readonly asked: Asked;
  readonly requests: readonly GraphRequest[];
  readonly outcome: Outcome;
};

async function settleDevices(
  { graph, lists, sync }: Parts,
  job: Registration,
  asked: readonly Asked[],
  mayAsk: () => boolean,
): Promise<ReadonlyMap<string, Outcome>> {
  const { tenantId } = job;
  // Any list will do that shows them as they should be: hours go by until the last record of a large list is deleted.
  const since = Math.max(...asked.map(({ item }) => item.at));
  const records = await lists.imports(tenantId, since, (named) =>
    asked.every(({ item }) => named.has(keyOf(job, item))),
  );
  const registered = asked.filter(({ item }) => !isFailed(item));
  const devices =
    registered.length > 0
      ? await lists.devices(tenantId, since, (named) =>
          registered.every((each) => isAsWanted(deviceOf(named, each), each)),
        )
      : undefined;
  for (const list of [records, devices])
    if (list?.kind === "unreadable") return forAll(asked, unread(list));
  if (records.kind === "unreadable" || devices?.kind === "unreadable") return new Map();
  const settlements = asked.map((each) =>
    settlementOf(job, each, records.named, devices?.named ?? new Map()),
  );
  if (settlements.some(({ outcome }) => outcome.kind === "accepted")) await sync(tenantId);
  const outcomes = new Map(
    settlements.map(({ asked: { item }, outcome }) => [item.targetId, outcome]),
  );
  const parts = settlements.flatMap(({ asked: { item }, requests }) =>
    requests.map((request) => ({ targetId: item.targetId, request })),
  );
  for (const some of inChunks(parts, maxBatchParts)) {
    const answers = mayAsk()
      ? await graph.askTogether(
          tenantId,
          "v1.0",
          some.map(({ request }) => request),
        )
      : some.map((): GraphAnswer => ({ kind: "busy", why: "the pass took too long" }));
    for (const [at, { targetId }] of some.entries()) {
      const postponed = postponedBy(answers[at]);
      if (postponed !== undefined) outcomes.set(targetId, postponed);
    }
  }
  return outcomes;
}

/** Whether nothing is left to do for a device but to delete its record. */
const isAsWanted = (device: RegisteredDevice | undefined, { item, hardware: { tag } }: Asked) =>
  device !== undefined &&
  (tag === undefined || device.groupTag === tag || learnedFrom(item).name !== "");

const isFailed = (item: Item): boolean => {
  const { name, code } = learnedFrom(item);
  return name !== "" && meaningOf(name, code).kind !== "already";
};

/** What a request came to that has to be made again: the device itself is as it should be. */
function postponedBy(answer: GraphAnswer | undefined): Outcome | undefined {
  if (answer === undefined || answer.kind === "ok") return undefined;
  // Gone already; and what we may not delete is no fault of the device.
  if (answer.kind === "refused" || answer.kind === "approvalNeeded") return undefined;
  if (answer.kind === "unclear")
    return { kind: "later", throttled: false, code: "graph-busy", why: answer.why };
  return laterFor(answer);
}

const unread = (list: Unreadable): Outcome => {
  const { why, throttled, afterMs } = list;
  const wait = afterMs === undefined ? {} : { afterMs };
  return { kind: "later", throttled, code: "graph-busy", why, ...wait };
};

function settlementOf(
  job: Registration,
  asked: Asked,
  records: Named<ImportRecord>,
  devices: Named<RegisteredDevice>,
): Settlement {
  const { item, hardware } = asked;
  const { code, name } = learnedFrom(item);
  const own = [
    ...(records.get(keyOf(job, item)) ?? []),
    ...(records.get(serialOf(hardware)) ?? []).filter(({ importId }) => importId === ""),
  ];
  const deletes = own.map(
    ({ id }): GraphRequest => ({ method: "DELETE", path: `${imports}/${encodeURIComponent(id)}` }),
  );
  const meaning = meaningOf(name, code);
  if (isFailed(item)) {
    const detail = `${code} ${name}: ${meaning.advice}`;
    return { asked, requests: deletes, outcome: { kind: "failed", code: meaning.code, detail } };
  }
  const device = deviceOf(devices, asked);
  if (device === undefined) return { asked, requests: [], outcome: { kind: "accepted" } };
  const { tag } = hardware;
  const isTagged = tag === undefined || device.groupTag === tag;
  // What was there before keeps the tag that it has: somebody gave it that.
  if (name !== "") return { asked, requests: deletes, outcome: alreadyThere(device, hardware) };
  if (isTagged) return { asked, requests: deletes, outcome: { kind: "done" } };
  if (item.attempts >= maxTagRepairs)
    return {
      asked,
      requests: deletes,
      outcome: {
        kind: "failed",
        code: "tag-missing",
        detail: "it is registered, and the service does not keep its group tag",
      },
    };
  const path = `${identities}/${encodeURIComponent(device.id)}/updateDeviceProperties`;
  const repair: GraphRequest = { method: "POST", path, body: { groupTag: tag } };
  return { asked, requests: [repair], outcome: { kind: "accepted" } };
}

function alreadyThere({ groupTag }: RegisteredDevice, { tag }: Hardware): Outcome {
  const said = groupTag === "" ? "no group tag" : `the group tag ${groupTag}`;
  const detail =
    tag === undefined || tag === groupTag
      ? `it was registered before, with ${said}`
      : `it was registered before, with ${said}; the list has ${tag}`;
  const code = tag === undefined || tag === groupTag ? "already-registered" : "other-tag";
  return { kind: "done", code, detail };
}
