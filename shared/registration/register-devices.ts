/**
 * What callers want of registrations: hand in a list, which is judged, kept sealed and begun; cancel one; repeat what failed
 * of it; look again at what nobody knows.
 */
import { personOf } from "../access/approvals/approval.ts";
import type { Caller } from "../access/sign-in/caller.ts";
import { type GateParts, startOrWait } from "../fanout/care/approval-gate.ts";
import { changeJob } from "../fanout/care/control.ts";
import { changeRows, closeIfDone } from "../fanout/engine/change-rows.ts";
import type { Finding as FarFinding, JobKind } from "../fanout/kind.ts";
import type { Item, Transition } from "../fanout/state/item.ts";
import type { StoredItemRow } from "../fanout/state/item-store.ts";
import { isOpen, JobStore } from "../fanout/state/job.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { digest } from "../kernel/values.ts";
import type { TakenList } from "./check-list.ts";
import type { Kind } from "./kind.ts";
import type { Finding } from "./list/codes.ts";
import type { Customers } from "./partner/customers.ts";
import type { HardwareStore, KeptPart } from "./state/hardware.ts";
import {
  type BackEndId,
  type Registration,
  type registeringIds,
  stateOf,
} from "./state/registration.ts";

/** What reading, changing and sending registrations works with. */
export type RegistrationParts = GateParts & {
  readonly kind: Kind;
  readonly jobs: JobStore<Registration>;
  readonly hardware: HardwareStore;
  readonly customers: Pick<Customers, "may" | "choose">;
};

/** Registrations in and out; their devices go with them. */
export class RegistrationJobs extends JobStore<Registration> {
  readonly #hardware: Pick<HardwareStore, "remove">;

  constructor(
    storage: ConstructorParameters<typeof JobStore>[0],
    shape: ConstructorParameters<typeof JobStore<Registration>>[1],
    hardware: Pick<HardwareStore, "remove">,
  ) {
    super(storage, shape);
    this.#hardware = hardware;
  }

  override async removeTargets(jobId: string): Promise<void> {
    await super.removeTargets(jobId);
    await this.#hardware.remove(jobId);
  }
}

type Ids = { readonly tenantId: string; readonly registrationId: string };

/** How a list is to be registered. */
export type Wanted = {
  readonly backEnd: BackEndId;
  readonly partial: boolean;
  /** Where the group tag is a batch's name: that of rows without one. */
  readonly defaultTag?: string | undefined;
};

/** What must be open to a back end: what is done in Intune is Intune's. */
export const routeOf = (backEnd: BackEndId): "graph" | "partnerCenter" =>
  backEnd === "partnerCenter" ? backEnd : ("graph" as const);

/** The back end for a customer, and why: the one that was asked for, or by what the partner is to it. */
export async function chooseBackEnd<T extends (typeof registeringIds)[number] | "file">(
  { customers }: Pick<RegistrationParts, "customers">,
  tenantId: string,
  asked: T | undefined,
) {
  const { why, verdict, route } = await customers.choose(
    tenantId,
    asked === "corporateIdentifiers" ? "graph" : asked,
  );
  const own = route === "partnerCenter" ? ("partnerCenter" as const) : ("graph" as const);
  const id: T | typeof own = asked ?? own;
  return { id, why, ...verdict };
}

const minuteMs = 60_000;
/** How long the service gets for a device, and how much longer for each one before it in the line. */
const pollMs = 60 * minuteMs;
const perDeviceMs = 500;

/** Hands a list in, under the id `registrationId`; with the same id again it stays one. */
export async function registerDevices(
  parts: RegistrationParts,
  ids: Ids,
  take: () => Promise<Result<TakenList>>,
  wanted: Wanted,
  caller: Caller,
): Promise<Result<Registration>> {
  const { tenantId, registrationId } = ids;
  const { backEnd, partial } = wanted;
  // The same request again, whose first answer was lost.
  const before = await parts.jobs.get(tenantId, registrationId);
  if (before !== undefined) return succeed(before.job);
  if (!parts.hardware.isReady) return noKey;
  const tied = await parts.customers.may(tenantId, routeOf(backEnd));
  if (!tied.ok) return tied;
  const taken = await take();
  if (!taken.ok) return taken;
  const list = taken.value;
  const refused = refusedList(list, partial);
  if (refused !== undefined) return refused;
  const kept = await keepPart(parts, registrationId, 1, list);
  return succeed(await begin(parts, ids, [kept], wanted, caller));
}

/** Says that nothing can be sealed here. */
export const noKey = fail(
  "conflict",
  "This installation has no key to seal devices with: set MUSTER_KEY_VAULT_KEY_URL or MUSTER_KEY_FILE.",
);

/** Keeps a part of a list, sealed; answers what the job has to know of it. */
export async function keepPart(
  { hardware }: Pick<RegistrationParts, "hardware">,
  registrationId: string,
  part: number,
  list: TakenList,
  edition?: string,
): Promise<KeptPart> {
  const pieces = await hardware.put(registrationId, part, list, edition);
  const sent = list.devices.filter((device) => device.refused === undefined);
  const tags = [...new Set(sent.flatMap(({ hardware: { tag } }) => tag ?? []))];
  const { original, sha256, devices } = list;
  return { pieces, rows: devices.length, bytes: original.length, sha256, tags };
}

/** Begins the registration of a list that is kept, in one part or several. */
export function begin(
  parts: RegistrationParts,
  { tenantId, registrationId }: Ids,
  kept: readonly KeptPart[],
  { backEnd, partial, defaultTag }: Wanted,
  caller: Caller,
): Promise<Registration> {
  const now = parts.engine.clock.now();
  const rows = kept.reduce((sum, part) => sum + part.rows, 0);
  const [only, ...more] = kept;
  const sha256 =
    only !== undefined && more.length === 0
      ? only.sha256
      : digest(...kept.map((part) => part.sha256));
  const registration: Registration = {
    kind: parts.kind.id,
    jobId: registrationId,
    tenantId,
    state: "planning",
    backEnd,
    source: registrationId,
    pieces: kept.flatMap(({ pieces }) => pieces),
    rows,
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256,
    partial,
    tags: [...new Set(kept.flatMap(({ tags }) => tags))],
    ...(defaultTag === undefined ? {} : { defaultTag }),
    expected: rows,
    createdAt: now,
    expiresAt: now + pollMs + rows * perDeviceMs,
    requestedBy: personOf(caller),
  };
  return startOrWait(parts, registration, caller);
}

/** Takes devices out, under the id `registrationId`, by their serial numbers; with the same id again it stays one. */
export function deregisterDevices(
  parts: RegistrationParts,
  ids: Ids,
  serialNumbers: readonly string[],
  caller: Caller,
): Promise<Result<Registration>> {
  const original = Buffer.from(JSON.stringify(serialNumbers));
  const devices = [...new Set(serialNumbers)].map((serial, at) => ({
    row: at + 1,
    hardware: { serial },
  }));
  const rows = devices.length;
  const clean = { errors: 0, warnings: 0, findings: [], valid: true, fileRejected: false };
  const verdict = { ...clean, rows, acceptedRows: rows };
  const list = { verdict, devices, original, sha256: digest(original.toString()) };
  const take = () => Promise.resolve(succeed(list));
  return registerDevices(parts, ids, take, { backEnd: "deregister", partial: false }, caller);
}

const maxFaults = 100;

/** Why a list is not registered: it is refused as a whole, or rows of it are and nobody said to leave those out. */
export function refusedList(
  { verdict }: Pick<TakenList, "verdict">,
  partial: boolean,
): Result<never> | undefined {
  const { fileRejected, acceptedRows, errors, findings } = verdict;
  if (!fileRejected && acceptedRows > 0 && (errors === 0 || partial)) return undefined;
  const wrong = findings.filter(({ severity }) => severity === "error");
  const words = fileRejected
    ? "The list is refused as a whole"
    : `${acceptedRows} of ${verdict.rows} rows are without faults; ?partial=true registers those`;
  return fail(
    "device-list-refused",
    `${words}. Nothing was sent. ?dryRun=true answers all that was found.`,
    { faults: wrong.slice(0, maxFaults).map(faultOf) },
  );
}

const faultOf = ({ code, row, line, column, reason }: Finding): Fault => ({
  pointer: row === null ? (line === null ? "" : `/lines/${line}`) : `/rows/${row}/${column ?? ""}`,
  detail: `${code}: ${reason}`,
});

/** Says that a registration is not there. */
export const unknownRegistration = (registrationId: string) =>
  fail("unknown-registration", `The tenant has no registration ${registrationId}.`);

/** Cancels what has not been sent, or lets it wait and go on; what the service has is followed to its end. Asking twice is once. */
export const changeRegistration = (
  { engine, jobs }: RegistrationParts,
  { tenantId, registrationId }: Ids,
  change: "cancel" | "pause" | "resume",
) =>
  changeJob(
    engine,
    jobs,
    { tenantId, jobId: registrationId },
    {
      change,
      name: `Registration ${registrationId}`,
      unknown: unknownRegistration(registrationId),
      stateOf,
    },
  );

const rowsPerStep = 40;

/** Rows in which something is in one of some states, a step at a time. */
async function* rowsWith(
  { engine: { items } }: RegistrationParts,
  jobId: string,
  states: readonly Item["state"][],
): AsyncGenerator<readonly StoredItemRow[]> {
  const where = states.map((state) => `${state} gt 0`).join(" or ");
  let from = "";
  for (;;) {
    const rows = await items.page(jobId, { from, where, top: rowsPerStep });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    from = `${last.lastTargetId}!`;
  }
}

/** Registers, under the id `retryId`, the devices that failed, or that were never sent for want of time. */
export async function retryRegistration(
  parts: RegistrationParts,
  { tenantId, registrationId }: Ids,
  retryId: string,
  caller: Caller,
): Promise<Result<Registration>> {
  const before = await parts.jobs.get(tenantId, retryId);
  if (before !== undefined) return succeed(before.job);
  const stored = await parts.jobs.get(tenantId, registrationId);
  if (stored === undefined) return unknownRegistration(registrationId);
  if (stored.job.backEnd === "deregister")
    return fail("conflict", "It takes devices out: ask for that anew, with those that are left.");
  const targetIds: string[] = [];
  for await (const rows of rowsWith(parts, registrationId, ["failed", "expired"]))
    for (const { targetId, state, code } of rows.flatMap(({ items }) => items))
      if (state === "failed" || (state === "expired" && code === "expired"))
        targetIds.push(targetId);
  if (targetIds.length === 0)
    return fail("nothing-to-retry", `No device of registration ${registrationId} has failed.`);
  const tied = await parts.customers.may(tenantId, routeOf(stored.job.backEnd));
  if (!tied.ok) return tied;
  // Its own: the registration that it repeats may be forgotten before it is.
  const { source, pieces } = stored.job;
  const kept = await parts.hardware.copy({ jobId: source, pieces }, retryId, targetIds);
  const now = parts.engine.clock.now();
  const {
    finishedAt: _ended,
    cutShort: _cut,
    counts: _counts,
    failure: _failure,
    frozen: _frozen,
    ...asked
  } = stored.job;
  const rows = targetIds.length;
  const retry: Registration = {
    ...asked,
    jobId: retryId,
    source: retryId,
    pieces: kept,
    rows,
    state: "planning",
    expected: rows,
    retryOf: registrationId,
    createdAt: now,
    expiresAt: now + pollMs + rows * perDeviceMs,
    requestedBy: personOf(caller),
  };
  return succeed(await startOrWait(parts, retry, caller));
}

/** Looks again at devices of which nobody knows what became of them, of a registration that has ended. */
export async function refreshRegistration(
  parts: RegistrationParts,
  { tenantId, registrationId }: Ids,
): Promise<Result<Registration>> {
  const { engine, jobs } = parts;
  const stored = await jobs.get(tenantId, registrationId);
  if (stored === undefined) return unknownRegistration(registrationId);
  const { job } = stored;
  if (isOpen(job))
    return fail("conflict", "It is still under way, and looked at anyway.", {
      retryAfterSeconds: 5,
    });
  const until = engine.clock.now() + refreshForMs;
  for await (const rows of rowsWith(parts, registrationId, lostStates)) {
    const transitions = await settleLost(parts, job, rows);
    const now = engine.clock.now();
    // What is found late is the end: whoever has done a step does not go on to the next.
    const kind = { ...parts.kind, lastStep: () => 0 } as unknown as JobKind;
    await changeRows(engine, { kind, job, rows }, { transitions, now });
    if (now > until) break;
  }
  await closeIfDone(engine, job);
  return succeed((await jobs.get(tenantId, registrationId))?.job ?? job);
}

/** A request looks for so long; asked again, it goes on. */
const refreshForMs = 20_000;
const lostStates = ["unknown", "expired", "offline"] as const;
const isLost = ({ state }: Item): boolean => lostStates.some((each) => each === state);

/** Where nothing is left to do for a device once the service is done with it, what is found is the end. */
const endsIn = (findings: ReadonlyMap<string, FarFinding>): ReadonlyMap<string, Transition> =>
  new Map(
    [...findings].flatMap(([targetId, found]): [string, Transition][] => {
      if (found.kind !== "ended" || !["finish", "fail"].includes(found.event)) return [];
      const { kind: _, event, ...details } = found;
      return [[targetId, { event, details }]];
    }),
  );

/** What is known by now of items that were given up: an import that has ended is settled like any other. */
async function settleLost(
  { kind }: RegistrationParts,
  job: Registration,
  rows: readonly StoredItemRow[],
): Promise<ReadonlyMap<string, Transition>> {
  const lost = rows.flatMap(({ items }) => items).filter(isLost);
  const findings = await kind.readBack(job, lost);
  if (kind.lastStep(job) === 0) return endsIn(findings);
  const imported = lost.flatMap((item): Item[] => {
    const found = findings.get(item.targetId);
    if (found?.kind !== "ended") return [];
    const learned = found.learned ?? item.learned;
    return [{ ...item, step: 1, ...(learned === undefined ? {} : { learned }) }];
  });
  const byId = new Map(imported.map((item) => [item.targetId, item]));
  const transitions = new Map<string, Transition>();
  for (const call of kind.calls(job, imported))
    for (const [targetId, outcome] of await kind.execute(job, call, () => true)) {
      if (outcome.kind !== "done" && outcome.kind !== "failed") continue;
      const { kind: ended, ...said } = outcome;
      const learned = byId.get(targetId)?.learned;
      const details = { ...said, ...(learned === undefined ? {} : { learned }) };
      transitions.set(targetId, { event: ended === "done" ? "finish" : "fail", details });
    }
  return transitions;
}
