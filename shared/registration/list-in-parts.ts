/**
 * A list that is too large for one request: opened, handed in part by part, each as often as it takes, and then submitted.
 * Until then it is nothing but sealed parts and a mark that it is open; what nobody submits is forgotten after a day.
 */
import * as z from "zod";
import type { Caller } from "../access/sign-in/caller.ts";
import { invalidRequest } from "../http/body.ts";
import type { Instant } from "../kernel/clock.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { digest, randomId } from "../kernel/values.ts";
import type { Blobs } from "../storage/blobs.ts";
import type { TakenList } from "./check-list.ts";
import {
  begin,
  keepPart,
  noKey,
  type RegistrationParts,
  refusedList,
  routeOf,
  unknownRegistration,
  type Wanted,
} from "./register-devices.ts";
import { type HardwareStore, KeptPart } from "./state/hardware.ts";
import type { Registration } from "./state/registration.ts";

type Ids = { readonly tenantId: string; readonly registrationId: string };
type Parts = RegistrationParts & { readonly blobs: Blobs };

const Note = KeptPart.extend({
  errors: z.number(),
  accepted: z.number(),
  /** What tells its devices apart, by row: parts are compared with each other when the list is submitted. */
  prints: z.array(z.tuple([z.number(), z.string()])),
});

const openPrefix = "registration-lists/";
const pathOf = ({ tenantId, registrationId }: Ids): string =>
  `${openPrefix}${tenantId}/${registrationId}`;

/** Opens a list; it becomes the registration of this id. */
export async function openList({ blobs, hardware }: Parts, ids: Ids): Promise<Result<undefined>> {
  if (!hardware.isReady) return noKey;
  await blobs.put(pathOf(ids), "");
  return succeed(undefined);
}

/** Takes a part, in the place of the one that had its number. */
export async function putPart(
  parts: Parts,
  ids: Ids,
  part: number,
  taken: TakenList,
): Promise<Result<undefined>> {
  const open = await parts.blobs.getWithEtag(pathOf(ids));
  if (open === undefined) return unknownRegistration(ids.registrationId);
  if (taken.verdict.fileRejected) return refusedList(taken, true) ?? succeed(undefined);
  const kept = await keepPart(parts, ids.registrationId, part, taken, randomId());
  const prints = taken.devices.flatMap(({ row, hardware: { serial, hash, productId } }) =>
    [serial, hash, productId].flatMap((text): [number, string][] =>
      text === undefined ? [] : [[row, digest(text).slice(0, 16)]],
    ),
  );
  const { errors, acceptedRows: accepted } = taken.verdict;
  const note = JSON.stringify({ ...kept, errors, accepted, prints });
  await parts.hardware.putNote(ids.registrationId, part, note);
  // Written anew: it is not forgotten while parts come. Once it is submitted it is not opened again.
  const condition = { etag: open.etag, leaseId: undefined };
  const isRenewed = await parts.blobs.putIf(pathOf(ids), "", condition);
  return isRenewed || (await parts.blobs.get(pathOf(ids))) !== undefined
    ? succeed(undefined)
    : unknownRegistration(ids.registrationId);
}

/** Submits a list that has so many parts. */
export async function submitList(
  parts: Parts,
  ids: Ids,
  count: number,
  wanted: Wanted,
  caller: Caller,
): Promise<Result<Registration>> {
  const before = await parts.jobs.get(ids.tenantId, ids.registrationId);
  if (before !== undefined) {
    // Whoever submitted it may have died before this.
    await parts.blobs.remove(pathOf(ids));
    return succeed(before.job);
  }
  if ((await parts.blobs.get(pathOf(ids))) === undefined)
    return unknownRegistration(ids.registrationId);
  const tied = await parts.customers.may(ids.tenantId, routeOf(wanted.backEnd));
  if (!tied.ok) return tied;
  const notes: (z.output<typeof Note> | undefined)[] = [];
  for (let part = 1; part <= count; part += 1) {
    const text = await parts.hardware.note(ids.registrationId, part);
    notes.push(text === undefined ? undefined : Note.parse(JSON.parse(text)));
  }
  const faults = notes.some((note) => note === undefined) ? missingIn(notes) : doublesIn(notes);
  if (faults.length > 0) return invalidRequest(faults.slice(0, 100));
  const whole = notes.flatMap((note) => note ?? []);
  const errors = whole.reduce((sum, note) => sum + note.errors, 0);
  const accepted = whole.reduce((sum, note) => sum + note.accepted, 0);
  if (accepted === 0 || (errors > 0 && !wanted.partial))
    return fail(
      "device-list-refused",
      `${accepted} rows are without faults; ?partial=true registers those. Nothing was sent.`,
    );
  const registration = await begin(parts, ids, whole, wanted, caller);
  await parts.blobs.remove(pathOf(ids));
  return succeed(registration);
}

type Notes = readonly (z.output<typeof Note> | undefined)[];

const missingIn = (notes: Notes): Fault[] =>
  notes.flatMap((note, at) =>
    note === undefined ? [{ pointer: "/parts", detail: `part ${at + 1} is missing` }] : [],
  );

/** Devices that stand in two parts; of one part they were told when it came. */
function doublesIn(notes: Notes): Fault[] {
  const seen = new Map<string, { part: number; row: number }>();
  return notes.flatMap((note, at) =>
    (note?.prints ?? []).flatMap(([row, print]): Fault[] => {
      const first = seen.get(print);
      if (first === undefined) seen.set(print, { part: at + 1, row });
      if (first === undefined || first.part === at + 1) return [];
      const detail = `it stands in row ${first.row} of part ${first.part} already`;
      return [{ pointer: `/parts/${at + 1}/rows/${row}`, detail }];
    }),
  );
}

const dayMs = 24 * 3600 * 1000;

/** What forgetting works with: `isKept` says whether a list became a registration that is kept. */
type OpenLists = {
  readonly blobs: Blobs;
  readonly hardware: Pick<HardwareStore, "remove">;
  readonly isKept: (ids: Ids) => Promise<boolean>;
};

/** Forgets lists that nobody has submitted for a day; of a tenant that is removed, all of them. */
export async function expireOpenLists(
  { blobs, hardware, isKept }: OpenLists,
  now: Instant,
  mayGoOn: () => boolean,
  tenantId?: string,
): Promise<void> {
  const old: string[] = [];
  const prefix = tenantId === undefined ? openPrefix : `${openPrefix}${tenantId}/`;
  const keepMs = tenantId === undefined ? dayMs : 0;
  const note = (path: string, at: Instant): boolean => {
    if (now - at >= keepMs) old.push(path);
    return false;
  };
  await blobs.removeWhere(prefix, note, mayGoOn);
  for (const path of old) {
    if (!mayGoOn()) return;
    const [tenant = "", registrationId = ""] = path.slice(openPrefix.length).split("/");
    // Submitted by somebody who died before its mark was taken away.
    if (!(await isKept({ tenantId: tenant, registrationId })))
      await hardware.remove(registrationId);
    await blobs.remove(path);
  }
}
