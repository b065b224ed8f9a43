/** Who is in a collection, found when asked: members by page, and how many there are in all. */
import { type Result, succeed } from "../../kernel/failure.ts";
import type { Device } from "../directory/device.ts";
import type { Collection } from "./collection.ts";
import { listDevices } from "./list-devices.ts";
import { type CollectionDeps, type CollectionIds, readCollection } from "./manage-collections.ts";
import { memberTest, type Rule } from "./rule.ts";

/** How many members there are; not complete: at least so many. */
export type Count = { readonly count: number; readonly countComplete: boolean };

/** A page of members; `next` goes on after it. */
export type Members = Count & { readonly items: readonly Device[]; readonly next?: string };

type MembersDeps = Pick<CollectionDeps, "store" | "directory" | "clock">;

/** Most devices that are looked at to count members: what a request has time for. */
const maxCounted = 200_000;
/** And for how long: everybody else's requests wait behind each step. */
const maxCountMs = 5_000;
const countStep = 10_000;
const sampleSize = 20;

/** What a rule would find: the number of members, and the first of them. */
export async function previewRule(
  deps: Omit<MembersDeps, "store">,
  tenantId: string,
  rule: Rule,
): Promise<Count & { readonly sample: readonly Device[] }> {
  const sample: Device[] = [];
  const count = await countMembers(deps, tenantId, rule, (device) => {
    if (sample.length < sampleSize) sample.push(device);
  });
  return { ...count, sample };
}

/** A page of a collection's members, after the position that the page before gave. */
export async function listMembers(
  deps: MembersDeps,
  ids: CollectionIds,
  top: number,
  position: string | undefined,
): Promise<Result<Members>> {
  const stored = await readCollection(deps, ids.tenantId, ids.collectionId);
  if (!stored.ok) return stored;
  const { collection } = stored.value;
  const from = positionIn(position);
  const count = from.count ?? (await countOf(deps, ids.tenantId, collection));
  const page =
    collection.kind === "rule"
      ? await rulePage(deps, ids.tenantId, collection.rule, top, from.after)
      : await staticPage(deps, ids.tenantId, collection.deviceIds, top, from.after);
  // The count travels with the position: counting again for every page would read everything again.
  const next = page.next === undefined ? {} : { next: positionText(page.next, count) };
  return succeed({ items: page.items, ...next, ...count });
}

const rulePage = (
  { directory, clock }: MembersDeps,
  tenantId: string,
  rule: Rule,
  top: number,
  after: string | undefined,
) => {
  return listDevices(directory, tenantId, { after, top, accepts: memberTest(rule, clock.now()) });
};

async function staticPage(
  { directory }: MembersDeps,
  tenantId: string,
  deviceIds: readonly string[],
  top: number,
  after: string | undefined,
): Promise<{ items: Device[]; next?: string }> {
  const rest = deviceIds.toSorted().filter((id) => after === undefined || id > after);
  const wanted = rest.slice(0, top);
  const found = await directory.getMany(tenantId, wanted);
  const items = wanted.flatMap((id) => found.get(id) ?? []);
  const last = wanted.at(-1);
  return rest.length > top && last !== undefined ? { items, next: last } : { items };
}

async function countOf(
  deps: MembersDeps,
  tenantId: string,
  collection: Collection,
): Promise<Count> {
  if (collection.kind === "rule") return countMembers(deps, tenantId, collection.rule);
  const { deviceIds } = collection;
  const missing = await deps.directory.missing(tenantId, deviceIds);
  return { count: deviceIds.length - missing.length, countComplete: true };
}

async function countMembers(
  { directory, clock }: Omit<MembersDeps, "store">,
  tenantId: string,
  rule: Rule,
  visit: (device: Device) => void = () => {},
): Promise<Count> {
  const begun = clock.now();
  const isMember = memberTest(rule, begun);
  let [count, seen] = [0, 0];
  let cursor: string | undefined;
  do {
    const step = await directory.walk(tenantId, cursor, countStep);
    for (const device of step.devices) {
      if (!isMember(device)) continue;
      count += 1;
      visit(device);
    }
    seen += step.devices.length;
    cursor = step.next;
  } while (cursor !== undefined && seen < maxCounted && clock.now() - begun < maxCountMs);
  return { count, countComplete: cursor === undefined };
}

const positionText = (after: string, { count, countComplete }: Count): string =>
  `${after}|${count}|${countComplete ? 1 : 0}`;

function positionIn(text: string | undefined): { after?: string; count?: Count } {
  if (text === undefined) return {};
  const [after, count, complete] = text.split("|");
  if (after === undefined) return {};
  return { after, count: { count: Number(count), countComplete: complete === "1" } };
}
