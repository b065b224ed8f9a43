/**
 * Registrations as a kind of job: its items are devices that are not enrolled yet, its calls are those of a back end.
 * Everything else, from planning to the last outcome, is the fan-out engine's.
 */
import { holdsIn, type SnapshotReader } from "../access/roles/decide.ts";
import type {
  Call,
  Finding,
  FirstState,
  Gate,
  JobKind,
  Outcome,
  Survey,
  TargetPage,
  Workloads,
} from "../fanout/kind.ts";
import type { Item } from "../fanout/state/item.ts";
import type { JobStore } from "../fanout/state/job.ts";
import type { GraphAnswer } from "../graph/answer.ts";
import { plainText } from "../kernel/outside-text.ts";
import type { Hardware } from "./list/rows.ts";
import type { HardwareStore, ListedTarget } from "./state/hardware.ts";
import {
  type BackEndId,
  type Registration,
  RegistrationSpec,
  type registrationActions,
} from "./state/registration.ts";

/** An item with the device that it stands for. */
export type Asked = { readonly item: Item; readonly hardware: Hardware };

/** A call for some items, as they were when it was decided. */
export type RegistrationCall = Call & { readonly items: readonly Item[] };

/**
 * A way into Autopilot. What it is asked stands in the interface of kinds; what kinds add here is the devices, opened.
 * Nothing that it answers may name one: codes and reasons stand in rows as they are.
 */
export interface BackEnd {
  readonly workloads: Workloads;
  /** Index of the last step. */
  readonly lastStep: number;
  /** Why it cannot take a device at all. Pure. */
  refuse(
    hardware: Hardware,
    job: Registration,
  ): { readonly code: string; readonly detail: string } | undefined;
  /** Pure. */
  calls(items: readonly Item[], job: Registration): readonly RegistrationCall[];
  execute(
    job: Registration,
    asked: readonly Asked[],
    mayAsk: () => boolean,
  ): Promise<ReadonlyMap<string, Outcome>>;
  /** Requests that a survey costs, a share of it for each item. Pure. */
  readsOf(items: readonly Item[]): number;
  readBack(job: Registration, asked: readonly Asked[]): Promise<ReadonlyMap<string, Finding>>;
  survey?(job: Registration, asked: readonly Asked[]): Promise<Survey | undefined>;
}

/**
 * The service is not done with a device. No device is awake before it is enrolled: what is not over in time ends as silent, and as
 * expired only what was never sent.
 */
export const notOver = { kind: "pending", awake: false } as const satisfies Finding;

/** One outcome for all. */
export const forAll = (asked: readonly Asked[], outcome: Outcome): ReadonlyMap<string, Outcome> =>
  new Map(asked.map(({ item }) => [item.targetId, outcome]));

const longWord = /[A-Za-z0-9+/=]{40,}/g;

/** A text of the service's without what it repeats of the devices: reasons stand in rows as they are. */
export function withoutSecrets(words: string, asked: readonly Asked[]): string {
  let text = words.replaceAll(longWord, "...");
  for (const { hardware } of asked)
    for (const secret of [hardware.serial, hardware.productId])
      if (secret !== undefined && secret.length > 2) text = text.replaceAll(secret, "...");
  return text;
}

/** The name that the service gives a fault, without what it says of the device where it is no name but a sentence. */
export const nameWithoutSecrets = (name: string, asked: Asked): string =>
  /^[A-Za-z]+$/.test(name) ? name : withoutSecrets(name, [asked]);

/** So much of them is kept of an item beside an id. */
const maxTracedChars = 98;

/** A service's words, and whole behind them the id by which its support finds the call. */
export const traced = (words: string, trace: string | undefined): string =>
  trace === undefined ? words : `${plainText(words, maxTracedChars)} (${trace})`;

/** The same for a call of Graph. */
export function graphTraceOf({ headers }: GraphAnswer): string | undefined {
  const id = headers?.["request-id"];
  return id === undefined ? undefined : `request-id ${id.slice(0, 40)}`;
}

/** What registrations need from outside. */
export type KindParts = {
  readonly jobs: Pick<JobStore<Registration>, "targets">;
  readonly hardware: HardwareStore;
  readonly backEnds: Readonly<Record<BackEndId, BackEnd>>;
  readonly snapshots: SnapshotReader;
};

export type Kind = JobKind<Registration, RegistrationCall, ListedTarget> & {
  readonly gate: Gate<Registration>;
};

/** What identifies the kind, and the row of such a job. */
export const registrationShape = { id: "registration", spec: RegistrationSpec } as const;

/** Ends that the engine decides, in our words. */
const reasons: Kind["reasons"] = {
  jobFailed: { code: "registration-failed", detail: "the registration failed" },
  leftScope: { code: "left-list", detail: "it is not in the list any more" },
  noResult: { code: "no-trace", detail: "the service shows nothing of it; refresh to look again" },
  pending: {
    code: "not-over-in-time",
    detail: "the service was not done with it in time; refresh to look again",
  },
  silent: {
    code: "not-over-in-time",
    detail: "the service was not done with it in time; refresh to look again",
  },
};

/** From 5 seconds on, and not further apart than a minute. */
const rounds = { firstMs: 5_000, mostMs: 60_000 };
/** Some 2,000 devices to a message: what a round costs is shared by all of them. */
const rowsPerChunk = 20;
/** Records are deleted one by one, some three a second: a pass stays with that for so long. Claims hold longer. */
const passMs = 45_000;

/** Registrations. */
export function registrationKind(parts: KindParts): Kind {
  const { backEnds, hardware, snapshots } = parts;
  const backEndOf = ({ backEnd }: Registration): BackEnd => backEnds[backEnd];
  const withHardware = async (
    { source, pieces, defaultTag }: Registration,
    items: readonly Item[],
  ): Promise<Asked[]> => {
    const ids = items.map(({ targetId }) => targetId);
    const found = await hardware.find(source, pieces, ids);
    const tagged = defaultTag === undefined ? {} : { tag: defaultTag };
    return items.map((item) => ({ item, hardware: { ...tagged, ...found.get(item.targetId) } }));
  };
  return {
    ...registrationShape,
    subjectOf: ({ backEnd }) => backEnd,
    lastStep: (job) => backEndOf(job).lastStep,
    // Looked for first; and the service knows a device that it has.
    mayRepeat: () => true,
    // The same devices go under the same request id, and what is there is found: asking on does no harm.
    maxUnclear: 12,
    workloadsOf: (job) => backEndOf(job).workloads,
    reasons,
    rounds,
    rowsPerChunk,
    passMs,
    // It is registered by then: what is left is to see how, and to tidy up.
    followsThrough: (_job, { step = 0 }) => step > 0,
    targets: (job, cursor) => targetPage(parts, job, cursor),
    cursorBehind: (_, last) => last,
    plan: (job, target) => firstState(job, target, backEndOf(job)),
    calls: (job, items) => backEndOf(job).calls(items, job),
    async execute(job, { items, targetIds }, mayAsk) {
      const cut = new Set(targetIds);
      const some = items.filter(({ targetId }) => cut.has(targetId));
      return backEndOf(job).execute(job, await withHardware(job, some), mayAsk);
    },
    readsOf: (job, items) => backEndOf(job).readsOf(items),
    readBack: async (job, items) => backEndOf(job).readBack(job, await withHardware(job, items)),
    survey: async (job, items) => backEndOf(job).survey?.(job, await withHardware(job, items)),
    outOfScope: () => Promise.resolve(new Set()),
    gate: gateOf(snapshots),
  };
}

/** Devices in a page; with their hashes they are some 4 KB each. */
const perPage = 2_000;
const perPageWithHashes = 1_000;

/** The devices of some pieces of the list, those behind the cursor; of a list that was settled only those. */
async function targetPage(
  { jobs, hardware }: KindParts,
  { pieces, source, frozen, jobId }: Registration,
  cursor = "",
): Promise<TargetPage<ListedTarget>> {
  const wanted = frozen ? new Set(await jobs.targets(jobId)) : undefined;
  const targets: ListedTarget[] = [];
  let seen = 0;
  for (const piece of pieces.filter(({ last }) => last > cursor)) {
    const devices = await hardware.devices(source, piece);
    for (const device of devices)
      if (device.targetId > cursor && wanted?.has(device.targetId) !== false) targets.push(device);
    seen += devices.length;
    const hasHashes = devices.some(({ hardware: { hash } }) => hash !== undefined);
    const isFull = seen >= (hasHashes ? perPageWithHashes : perPage);
    if (isFull && piece !== pieces.at(-1)) return { targets, next: piece.last };
  }
  return { targets };
}

/** What a device begins with: its row's own fault or the back end's word, or its tag as the route. Pure. */
function firstState(
  job: Registration,
  { row, refused, hardware }: ListedTarget,
  backEnd: BackEnd,
): FirstState {
  const name = String(row);
  const why = refused
    ? { code: refused.code, detail: refused.reason }
    : backEnd.refuse(hardware, job);
  if (why !== undefined) return { name, state: "notSupported", ...why };
  return { name, state: "waiting", route: job.tags.indexOf(hardware.tag ?? "") };
}

/** What registrations are to the rules that ask for a second person. */
const gateOf = (snapshots: SnapshotReader): Gate<Registration> => ({
  kind: "registration",
  actionOf: ({ backEnd }): (typeof registrationActions)[number] =>
    backEnd === "deregister" ? backEnd : "register",
  shown: ({ backEnd, tags, defaultTag, sha256, rows }, count) => ({
    summary: summaries[backEnd](count),
    parameters: {
      backEnd,
      groupTags: tags.slice(0, maxTagsShown),
      ...(defaultTag === undefined ? {} : { defaultTag }),
    },
    target: { kind: "list", rows, sha256 },
  }),
  whole: ({ tenantId, backEnd, sha256, tags }) => ({ tenantId, backEnd, sha256, tags }),
  async hindrance({ tenantId, backEnd }, caller) {
    // Nothing remembered: a role that was taken away a second ago gives nothing.
    snapshots.invalidate();
    const standing = { caller, ...(await snapshots.read()) };
    const permission = backEnd === "deregister" ? "registration.manage" : "registration.submit";
    return holdsIn(standing, permission, [tenantId])
      ? undefined
      : {
          code: "requester-lost-rights",
          detail: `who asked for it may not do it any more: ${permission} is missing here`,
        };
  },
});

const register = (count: number): string => `register ${count} device(s) into Autopilot`;
const summaries: Readonly<Record<BackEndId, (count: number) => string>> = {
  graph: register,
  partnerCenter: register,
  corporateIdentifiers: (count) => `import ${count} corporate device identifier(s)`,
  deregister: (count) => `take ${count} device(s) out of Autopilot`,
};
const maxTagsShown = 100;
