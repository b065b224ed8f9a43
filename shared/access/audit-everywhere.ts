/**
 * Reads the audit trail across all tenants: one trail after the other, each newest first. Bringing them into
 * one order of time would take a read of every trail for each page, however deep it lies.
 */
import type { Page } from "../http/paging.ts";
import { type Result, succeed } from "../kernel/failure.ts";
import { tableNames } from "../storage/names.ts";
import type { Tables } from "../storage/tables.ts";
import type { AuditEvent, TrailId } from "./audit-event.ts";
import type { AuditFilter } from "./audit-filter.ts";
import { type AuditReaderDeps, type PageWanted, readAudit } from "./audit-reader.ts";

/** Trails that one page looks at; it may then hold fewer events than asked for, and still have a next one. */
const maxTrails = 20;

/** A page of events of every trail. */
export async function readEverywhere(
  deps: AuditReaderDeps,
  filter: AuditFilter,
  { top, position }: PageWanted,
): Promise<Result<Page<AuditEvent>>> {
  // A position is a trail, and from the second page of that trail on a position in it.
  const [first, ...inside] = position?.split(" ") ?? [];
  let trail = first ?? (await trailAfter(deps.tables, ""));
  let within = inside.length > 0 ? inside.join(" ") : undefined;
  const items: AuditEvent[] = [];
  for (let looked = 0; trail !== undefined && looked < maxTrails; looked += 1) {
    const wanted = { top: top - items.length, position: within };
    const page = await readAudit(deps, trail, filter, wanted);
    if (!page.ok) return page;
    items.push(...page.value.items);
    if (page.value.next !== undefined)
      return succeed({ items, next: `${trail} ${page.value.next}` });
    within = undefined;
    // Keys of a trail go on with a bar; this is the next character.
    trail = await trailAfter(deps.tables, `${trail}}`);
  }
  return succeed(trail === undefined ? { items } : { items, next: trail });
}

/** The first trail whose keys come after a name. */
async function trailAfter(tables: Tables, name: string): Promise<TrailId | undefined> {
  const partition = await tables.partitionAfter(tableNames.audit, name);
  return partition?.split("|")[0];
}
