/**
 * What was decided about a tenant's items, as one document that is kept by its content: modes, accepted deviations,
 * overrides, changes that are held, and items that a deploy of ours has made or an approval has wanted, which are the
 * only ones that may ever be deleted.
 */
import * as z from "zod";
import { lost, updateRow } from "../../storage/tables.ts";
import type { Json } from "../items/json.ts";
import type { Repository } from "../revisions/revisions.ts";
import { who } from "./sync.ts";
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
  held: z.array(z.string()).default([]),
  deletable: z.array(z.string()).default([]),
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
