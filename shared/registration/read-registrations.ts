/** Reads registrations: one with its counts, a tenant's list, and what became of each device of one. */
import { personView } from "../access/approvals/approval.ts";
import { type Counts, emptyCounts, type Item, maxSendable } from "../fanout/state/item.ts";
import { isOpen, sumOf } from "../fanout/state/job.ts";
import { csvOf, type Page } from "../http/paging.ts";
import { toIso } from "../kernel/clock.ts";
import { inParallel } from "../kernel/concurrency.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import type { DeviceOutcome, DeviceView, RegistrationView } from "./contract.ts";
import type { Hardware } from "./list/rows.ts";
import { type RegistrationParts, unknownRegistration } from "./register-devices.ts";
import { placeOf } from "./state/hardware.ts";
import { type Registration, stateOf } from "./state/registration.ts";
import { learnedFrom } from "./state/service-errors.ts";

type Ids = { readonly tenantId: string; readonly registrationId: string };

/** A registration with counts. Pure. */
function registrationView(job: Registration, counts: Counts): RegistrationView {
  const { requestedBy, retryOf, finishedAt, failure, rows, bytes, sha256, defaultTag } = job;
  // What is not planned yet waits, too; what nobody approved waits for nothing.
  const unplanned = isOpen(job) ? Math.max(0, rows - sumOf(counts)) : 0;
  return {
    registrationId: job.jobId,
    tenantId: job.tenantId,
    state: stateOf(job, counts),
    final: !isOpen(job),
    backEnd: job.backEnd,
    list: { rows, bytes, sha256 },
    ...(defaultTag === undefined ? {} : { defaultTag }),
    partial: job.partial,
    ...(requestedBy === undefined ? {} : { requestedBy: personView(requestedBy) }),
    ...(retryOf === undefined ? {} : { retryOf }),
    createdAt: toIso(job.createdAt),
    expiresAt: toIso(job.expiresAt),
    ...(finishedAt === undefined ? {} : { finishedAt: toIso(finishedAt) }),
    ...(failure === undefined ? {} : { failure }),
    counts: {
      total: sumOf(counts) + unplanned,
      waiting: counts.waiting + unplanned,
      submitted: counts.sent,
      registered: counts.done,
      failed: counts.failed,
      notSubmitted: counts.notSupported + counts.expired,
      cancelled: counts.cancelled,
      unknown: counts.unknown + counts.offline,
    },
  };
}

/** The view as it is now: at most a read per 1,000 rows. */
export async function viewOf(
  { engine: { items } }: Pick<RegistrationParts, "engine">,
  job: Registration,
): Promise<RegistrationView> {
  const isPlanned = job.counts === undefined && job.state !== "pendingApproval";
  return registrationView(
    job,
    job.counts ?? (isPlanned ? await items.counts(job.jobId) : emptyCounts()),
  );
}

/** One registration. */
export async function findRegistration(
  { jobs }: Pick<RegistrationParts, "jobs">,
  { tenantId, registrationId }: Ids,
): Promise<Result<Registration>> {
  const stored = await jobs.get(tenantId, registrationId);
  return stored === undefined ? unknownRegistration(registrationId) : succeed(stored.job);
}

const concurrency = 8;

/** A page of a tenant's registrations, newest first. */
export async function listRegistrations(
  parts: RegistrationParts,
  tenantId: string,
  page: { readonly top: number; readonly token?: string | undefined },
): Promise<Page<RegistrationView>> {
  const { jobs, ...next } = await parts.jobs.list(tenantId, page.top, page.token);
  const items = await inParallel(jobs, concurrency, (job) => viewOf(parts, job));
  return { items, ...next };
}

// Devices.

const byCode: Readonly<Record<string, DeviceOutcome>> = {
  "already-registered": "alreadyRegistered",
  "other-tag": "alreadyRegistered",
  "assigned-to-other-tenant": "assignedToOtherTenant",
  "not-found": "notFound",
  "invalid-hash": "invalidHash",
  "tag-missing": "tagMissing",
};

/** What became of a device, in one word. Pure. */
function outcomeOf(
  { state, step = 0, code = "" }: Item,
  { backEnd }: Pick<Registration, "backEnd">,
): DeviceOutcome {
  switch (state) {
    case "waiting":
    case "claimed":
      return step > 0 ? "submitted" : "waiting";
    case "sent":
      return "submitted";
    case "done":
      return byCode[code] ?? (backEnd === "deregister" ? "deregistered" : "registered");
    case "failed":
      return byCode[code] ?? "failed";
    case "notSupported":
      return "notSubmitted";
    case "cancelled":
      return "cancelled";
    case "expired":
      // Its time was over before it was its turn.
      return code === "expired" && step === 0 ? "notSubmitted" : "unknown";
    default:
      return "unknown";
  }
}

/** A device as the API shows it. Pure. */
function deviceView(item: Item, hardware: Hardware, job: Registration): DeviceView {
  const { targetId, code, detail, at, attempts } = item;
  const service = learnedFrom(item);
  const tag = hardware.tag ?? job.defaultTag;
  return {
    ...placeOf(targetId),
    ...(hardware.serial === undefined ? {} : { serialNumber: hardware.serial }),
    ...(tag === undefined ? {} : { groupTag: tag }),
    outcome: outcomeOf(item, job),
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
    ...(service.name === "" ? {} : { serviceCode: service.code, serviceError: service.name }),
    at: toIso(at),
    attempts,
  };
}

/** Most rows that are read for a page. */
const maxRows = 50;

/** A page of a registration's devices, in the order of the list; optionally those with one outcome. */
export async function listDevices(
  { engine: { items }, hardware }: RegistrationParts,
  job: Registration,
  {
    outcome,
    top,
    after = "",
  }: {
    readonly outcome?: DeviceOutcome | undefined;
    readonly top: number;
    /** The `next` of the page before. */
    readonly after?: string | undefined;
  },
): Promise<Page<DeviceView>> {
  const { jobId, source, pieces } = job;
  const wanted = outcome === undefined ? Math.ceil(top / maxSendable) + 1 : maxRows;
  const count = Math.min(maxRows, wanted);
  const rows = await items.page(jobId, { from: after, top: count });
  const all = rows.flatMap((row) => row.items).filter(({ targetId }) => targetId > after);
  const found = all.filter((item) => outcome === undefined || outcomeOf(item, job) === outcome);
  const shown = found.slice(0, top);
  const known = await hardware.find(
    source,
    pieces,
    shown.map(({ targetId }) => targetId),
  );
  const views = shown.map((item) => deviceView(item, known.get(item.targetId) ?? {}, job));
  // Behind what is shown, or behind all that was read of where more may follow.
  const end = rows.length < count ? undefined : all.at(-1)?.targetId;
  const next = found.length > top ? shown.at(-1)?.targetId : end;
  return next === undefined ? { items: views } : { items: views, next };
}

async function* allDevices(
  parts: RegistrationParts,
  job: Registration,
  outcome: DeviceOutcome | undefined,
): AsyncGenerator<DeviceView> {
  let after: string | undefined;
  do {
    const page = await listDevices(parts, job, { outcome, top: 1_000, after });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

const columns = [
  "part",
  "row",
  "serialNumber",
  "groupTag",
  "outcome",
  "code",
  "detail",
  "serviceCode",
  "serviceError",
  "at",
  "attempts",
] as const;

/** All devices as one CSV document. */
export const devicesCsv = (
  parts: RegistrationParts,
  job: Registration,
  {
    outcome,
    bom,
  }: { readonly outcome?: DeviceOutcome | undefined; readonly bom?: string | undefined } = {},
): AsyncIterable<string> => csvOf(columns, allDevices(parts, job, outcome), bom);
