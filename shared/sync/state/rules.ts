/**
 * What was decided about a tenant's items, as one document that is kept by its content: modes, accepted deviations,
 * overrides, changes that are held, and items that a deploy of ours has made or an approval has wanted, which are the
 * only ones that may ever be deleted.
 */
import * as z from "zod";
import type { Instant } from "../../kernel/clock.ts";
import { lost, updateRow } from "../../storage/tables.ts";
import type { Json } from "../items/json.ts";
import type { Repository } from "../revisions/revisions.ts";
import { type ItemName, theService, type Who, who } from "./sync.ts";
import type { SyncRows } from "./sync-work.ts";

const json = z.json() as z.ZodType<Json>;
const place = { type: z.string(), key: z.string(), pointer: z.string() };

/** The document. Items are named `type/key`. */
export const RulesDocument = z.object({
  modes: z.record(z.string(), z.enum(["strict", "subset"])).default({}),
  deviations: z
    .array(
      z.object({
        ...place,
        accepted: json.exactOptional(),
        ids: z.array(z.string()).readonly().exactOptional(),
        reason: z.string(),
        until: z.iso.datetime().exactOptional(),
      }),
    )
    .default([]),
  overrides: z.array(z.object({ ...place, value: json })).default([]),
  /** Who decided these of an item last, and why. */
  decided: z
    .record(z.string(), z.object({ at: z.number(), by: who, message: z.string() }))
    .default({}),
  filled: z
    .record(
      z.string(),
      z.object({
        written: z.string(),
        found: z.string(),
        places: z.array(z.object({ pointer: z.string(), value: json })),
      }),
    )
    .default({}),
  held: z.array(z.string()).default([]),
  deletable: z.array(z.string()).default([]),
  /** Who has changed what is wanted of which items, and when last, since somebody approved it. */
  edits: z.array(z.object({ by: who, items: z.record(z.string(), z.number()) })).default([]),
});
export type RulesDocument = z.output<typeof RulesDocument>;

/** What was decided about a tenant's items. */
export async function readRules(
  revisions: Pick<Repository, "document">,
  { tenantId, rules }: { readonly tenantId: string; readonly rules?: string | undefined },
): Promise<RulesDocument> {
  return rules === undefined
    ? RulesDocument.parse({})
    : revisions.document(tenantId, rules, RulesDocument);
}

const isSame = (one: Who, other: Who): boolean =>
  one.kind === other.kind && one.id === other.id && one.homeTenantId === other.homeTenantId;

/** The rules with the note that somebody has changed what is wanted of some items. The service is no person. */
export function withEdit(
  rules: RulesDocument,
  by: Who,
  names: readonly ItemName[],
  at: Instant,
): RulesDocument {
  if (by.kind === theService.kind || names.length === 0) return rules;
  const own = rules.edits.find((edit) => isSame(edit.by, by));
  const fresh = Object.fromEntries(names.map(({ type, key }) => [`${type}/${key}`, at]));
  const others = rules.edits.filter((edit) => edit !== own);
  return { ...rules, edits: [...others, { by, items: { ...own?.items, ...fresh } }] };
}

/** The rules without what was changed of some items before a moment: somebody else has looked at it. */
export function withoutEdits(
  rules: RulesDocument,
  names: readonly string[],
  before: Instant,
): RulesDocument {
  const approved = new Set(names);
  const edits = rules.edits.flatMap(({ by, items }) => {
    const left = Object.entries(items).filter(([name, at]) => !approved.has(name) || at >= before);
    return left.length === 0 ? [] : [{ by, items: Object.fromEntries(left) }];
  });
  return { ...rules, edits };
}

/** Who has changed what is wanted of any of these items, since somebody approved it. */
export const editorsOf = ({ edits }: RulesDocument, names: readonly string[]): Who[] =>
  edits.flatMap(({ by, items }) => (names.some((name) => Object.hasOwn(items, name)) ? [by] : []));

/** Releases what is held: the next plan asks for it again. Answers how many changes. */
export async function releaseHeld(
  parts: Pick<SyncRows, "store" | "clock"> & { readonly revisions: Repository },
  tenantId: string,
): Promise<number> {
  const { store, clock, revisions } = parts;
  return updateRow(`the held changes of ${tenantId}`, async () => {
    const tenant = await store.tenant(tenantId, clock.now());
    const rules = await readRules(revisions, tenant.value);
    if (rules.held.length === 0) return 0;
    const document = await revisions.putDocument(tenantId, { ...rules, held: [] });
    const value = { ...tenant.value, rules: document, held: 0 };
    const written = await store.change({ value, etag: tenant.etag });
    if (written === undefined) return lost;
    await store.index(value);
    return tenant.value.held;
  });
}
