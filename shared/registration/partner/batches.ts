/**
 * Registers devices through Partner Center, as a partner's for its customer: some hundreds of one group tag are one upload
 * into the batch of that name, which is made where there is none. What became of each device is read in the status of its
 * upload, by its place there: a batch calls itself finished whatever became of them, and hardware that is known by its hash
 * alone comes back without a name.
 *
 * An upload is named by its devices. Whoever makes it again because nobody knows what came of it uses the same name, and
 * nothing is doubled; so it is made in the same way again: a batch that is not older than the job is made first, and added
 * to only where it is there already. Devices that were never sent before are added at once where others have made it.
 */
import { LRUCache } from "lru-cache";
import type { Finding, Outcome, Survey } from "../../fanout/kind.ts";
import type { Item } from "../../fanout/state/item.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { digest } from "../../kernel/values.ts";
import {
  advice,
  type DeviceStatus,
  jobIn,
  type PartnerAnswer,
  type PartnerCenter,
  type Read,
} from "../../partner-center/client.ts";
import {
  type Asked,
  type BackEnd,
  forAll,
  nameWithoutSecrets,
  notOver,
  traced,
  withoutSecrets,
} from "../kind.ts";
import type { Hardware } from "../list/rows.ts";
import type { Registration } from "../state/registration.ts";
import {
  learnedFrom,
  learnedText,
  meaningOf,
  nameOf,
  unknownCode,
} from "../state/service-errors.ts";

/** Devices in one upload: as many as the portal takes in a file. No limit is documented. */
const maxUploaded = 500;
/** So often a passing error of the service is met by another upload. */
const maxUploads = 4;
const repeatAfterMs = 30_000;
/** A batch that is not older than the job by more than this may be its own, whatever the clocks say. */
const clocksApartMs = 3_600_000;
/** How long it is known which batches a customer has. */
const knowBatchesMs = 60_000;

type Parts = {
  /** Undefined where the installation has none. */
  readonly partnerCenter: PartnerCenter | undefined;
  readonly clock: Clock;
};

/** Partner Center. */
export function partnerBackEnd({ partnerCenter, clock }: Parts): BackEnd {
  const known = new LRUCache<string, ReadonlyMap<string, number | undefined>>({
    max: 1_000,
    ttl: knowBatchesMs,
  });
  const survey = async (job: Registration, asked: readonly Asked[]): Promise<Survey> => {
    const statuses = await statusesOf(partnerCenter, job.tenantId, asked);
    const byId = new Map(asked.map((each) => [each.item.targetId, each]));
    return {
      requests: statuses.size,
      isWhole: true,
      covers: () => true,
      find: (item) => {
        const each = byId.get(item.targetId);
        return each && findingOf(each, statuses, clock.now());
      },
    };
  };
  return {
    workloads: { calls: "partnerCenter", reads: "partnerCenter" },
    lastStep: 0,
    refuse: ({ tag }, { defaultTag }) => ((tag ?? defaultTag) === undefined ? untagged : undefined),
    calls: uploadsOf,
    execute: async (job, asked, mayAsk) => {
      if (partnerCenter === undefined) return forAll(asked, switchedOff);
      if (!mayAsk()) return forAll(asked, tooLate);
      return sendUpload({ partnerCenter, known, clock }, job, asked);
    },
    readsOf: (items) => items.length / maxUploaded,
    readBack: async (job, asked) => {
      const statuses = await statusesOf(partnerCenter, job.tenantId, asked);
      return new Map(
        asked.map((each) => [
          each.item.targetId,
          findingOf(each, statuses, clock.now()) ?? { kind: "nothing", awake: true },
        ]),
      );
    },
    survey,
  };
}

const untagged = {
  code: "tag-needed",
  detail: "the batch's name is the group tag there: give the row one, or name a defaultTag",
};
const switchedOff: Outcome = {
  kind: "failed",
  code: "partner-center-off",
  detail: "this installation has no MUSTER_PARTNER_CENTER_URL",
};
const tooLate: Outcome = {
  kind: "later",
  throttled: false,
  code: "partner-center-busy",
  why: "the pass took too long",
};

// Uploads. Pure.

/** A route is a group tag; whoever is to go by itself does. */
function uploadsOf(items: readonly Item[]) {
  const together = new Map<string, Item[]>();
  for (const item of items) {
    const key = item.singly ? item.targetId : String(item.route);
    together.set(key, [...(together.get(key) ?? []), item]);
  }
  return [...together.values()].flatMap((some) =>
    inChunks(some, maxUploaded).map((chunk) => ({
      items: chunk,
      targetIds: chunk.map(({ targetId }) => targetId),
      perTarget: false,
    })),
  );
}

/** A device in Partner Center's words; what it has not is left out. */
const deviceOf = ({ serial, productId, hash, manufacturer, model }: Hardware) => ({
  ...(serial === undefined ? {} : { serialNumber: serial }),
  ...(productId === undefined ? {} : { productKey: productId }),
  ...(hash === undefined ? {} : { hardwareHash: hash }),
  ...(manufacturer === undefined ? {} : { oemManufacturerName: manufacturer }),
  ...(model === undefined ? {} : { modelName: model }),
});

/** The same for the same devices as long as nothing was heard of them, and another one after that. */
function requestIdOf(verb: string, { jobId }: Registration, asked: readonly Asked[]): string {
  const named = asked.map(({ item: { targetId, learned = "" } }) => `${targetId} ${learned}`);
  const hex = digest(verb, jobId, ...named);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

type Known = LRUCache<string, ReadonlyMap<string, number | undefined>>;

async function sendUpload(
  {
    partnerCenter,
    known,
    clock,
  }: {
    readonly partnerCenter: PartnerCenter;
    readonly known: Known;
    readonly clock: Clock;
  },
  job: Registration,
  asked: readonly Asked[],
): Promise<ReadonlyMap<string, Outcome>> {
  const { tenantId, createdAt } = job;
  const tag = asked[0]?.hardware.tag ?? job.defaultTag ?? "";
  const devices = asked.map(({ hardware }) => deviceOf(hardware));
  const add = () =>
    partnerCenter.addDevices(tenantId, tag, devices, requestIdOf("add", job, asked));
  const kept = known.get(tenantId);
  const read = kept
    ? ({ kind: "read", value: kept } as const)
    : await partnerCenter.batches(tenantId);
  if (read.kind !== "read") return forAll(asked, outcomeOf(read, asked));
  known.set(tenantId, read.value);
  const isOld = (read.value.get(tag) ?? createdAt) < createdAt - clocksApartMs;
  const isNew = asked.every(({ item: { attempts } }) => attempts === 0);
  const made =
    isOld || (isNew && read.value.has(tag))
      ? undefined
      : await partnerCenter.createBatch(tenantId, tag, devices, requestIdOf("create", job, asked));
  const isThere = made === undefined || (made.kind === "refused" && made.reason === "exists");
  if (made?.kind === "ok") known.set(tenantId, new Map([...read.value, [tag, clock.now()]]));
  const answer = isThere ? await add() : made;
  if (answer.kind !== "ok") return forAll(asked, outcomeOf(answer, asked));
  const uploadId = jobIn(answer.location, tenantId);
  if (uploadId === undefined)
    return forAll(asked, { kind: "unclear", why: "it does not say where its status is" });
  return new Map(
    asked.map(({ item }, place) => [
      item.targetId,
      { kind: "accepted", learned: learnedAt(uploadId, place) },
    ]),
  );
}

/** What an answer other than yes means for every device: an upload takes all of them, or none. */
function outcomeOf(
  answer: Exclude<PartnerAnswer, { kind: "ok" }>,
  asked: readonly Asked[],
): Outcome {
  const why = withoutSecrets(answer.why, asked);
  switch (answer.kind) {
    case "unclear":
      return { kind: "unclear", why: traced(why, answer.trace) };
    case "later": {
      const { throttled, afterMs } = answer;
      const wait = afterMs === undefined ? {} : { afterMs };
      return { kind: "later", throttled, code: "partner-center-busy", why, ...wait };
    }
    case "refused": {
      const { reason } = answer;
      if (reason === "other" && asked.length > 1)
        return { kind: "singly", code: "upload-refused", why: traced(why, answer.trace) };
      // Where we know what helps, nobody has to ask support.
      const detail =
        reason in advice
          ? `${why}: ${advice[reason as keyof typeof advice]}`
          : traced(why, answer.trace);
      return { kind: "failed", code: codes[reason] ?? "partner-center-refused", detail };
    }
  }
}

const codes: Readonly<Partial<Record<string, string>>> = {
  noRelationship: "no-relationship",
  noAccess: "partner-center-forbidden",
  noMfa: "second-factor-missing",
  notSignedIn: "partner-not-signed-in",
  agreement: "agreement-not-accepted",
  region: "other-region",
};

// What became of them.

/** Where the status of a device is: its upload, and its place there. */
const learnedAt = (upload: string, place: number): string =>
  learnedText({ code: 0, name: "", registrationId: `${upload}/${place}` });

function placeIn(item: Item): { readonly upload: string; readonly place: number } | undefined {
  // What was learned is of an upload before: of this one nobody has heard.
  if (item.state === "claimed" || item.state === "waiting") return undefined;
  const [upload = "", place] = learnedFrom(item).registrationId.split("/");
  return place === undefined ? undefined : { upload, place: Number(place) };
}

type Status = Read<{ readonly status: string; readonly devicesStatus: readonly DeviceStatus[] }>;

async function statusesOf(
  partnerCenter: PartnerCenter | undefined,
  tenantId: string,
  asked: readonly Asked[],
): Promise<ReadonlyMap<string, Status>> {
  const statuses = new Map<string, Status>();
  for (const upload of new Set(asked.flatMap(({ item }) => placeIn(item)?.upload ?? [])))
    if (partnerCenter !== undefined)
      statuses.set(upload, await partnerCenter.status(tenantId, upload));
  return statuses;
}

/** What its upload's status says of a device; undefined: nothing is known of it there. */
function findingOf(
  asked: Asked,
  statuses: ReadonlyMap<string, Status>,
  now: Instant,
): Finding | undefined {
  const { item, hardware } = asked;
  const where = placeIn(item);
  const status = statuses.get(where?.upload ?? "");
  if (where === undefined || status === undefined) return undefined;
  if (status.kind !== "read") {
    if (status.kind === "refused" && status.reason === "missing") return undefined;
    const afterMs = status.kind === "later" ? status.afterMs : undefined;
    const wait = afterMs === undefined ? {} : { afterMs };
    return { kind: "unreadable", why: status.why, ...wait };
  }
  const found = entryOf(status.value.devicesStatus, where.place, hardware);
  return found === undefined ? notOver : judged(found, asked, where.upload, now);
}

/** The entry at the place where the device was handed in, unless that names another device: then the one with its name. */
function entryOf(
  entries: readonly DeviceStatus[],
  place: number,
  { serial = "", productId = "" }: Hardware,
): DeviceStatus | undefined {
  const isOurs = (entry: DeviceStatus): boolean =>
    (serial !== "" && entry.serialNumber === serial) ||
    (productId !== "" && entry.productKey === productId);
  const own = entries[place];
  const isNameless = own !== undefined && own.serialNumber === "" && own.productKey === "";
  const isNamed = serial !== "" || productId !== "";
  if (own !== undefined && (isNameless || !isNamed || isOurs(own))) return own;
  return entries.find(isOurs);
}

/** A device's own word decides, and never the batch's. */
function judged(entry: DeviceStatus, asked: Asked, upload: string, now: Instant): Finding {
  const { item } = asked;
  const status = entry.status.toLowerCase();
  if (status !== "finished" && status !== "finished_with_errors") return notOver;
  const code = Number(entry.errorCode) || 0;
  const isDone = status === "finished" && code === 0;
  const said = nameWithoutSecrets(entry.errorDescription, asked);
  const name = isDone ? said : nameOf(said, code);
  const learned = learnedText({ code, name, registrationId: entry.deviceId });
  if (isDone) return { kind: "ended", event: "finish", learned };
  const meaning = meaningOf(name, code);
  const detail = `${code} ${name}: ${meaning.advice}`;
  if (meaning.kind === "already")
    return { kind: "ended", event: "finish", code: meaning.code, detail, learned };
  if (meaning.kind === "passing" && item.attempts < maxUploads) {
    const notBefore = now + repeatAfterMs * item.attempts;
    return { kind: "ended", event: "repeat", code: meaning.code, detail, notBefore };
  }
  // Of what nobody has words for support is asked, by the upload.
  const isKnown = meaning.code !== unknownCode;
  const told = isKnown ? detail : traced(detail, `upload ${upload}`);
  return { kind: "ended", event: "fail", code: meaning.code, detail: told, learned };
}
