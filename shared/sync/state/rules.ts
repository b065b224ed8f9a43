/**
 * What was decided about a tenant's items, as one document that is kept by its content: modes, accepted deviations,
 * overrides, changes that are held, and items that a deploy of ours has made or an approval has wanted, which are the
 * only ones that may ever be deleted.
 */
import * as z from "zod";
import { lost, updateRow } from "../../storage/tables.ts";
import type { Json } from "../items/json.ts";
import type { Repository } from "../revisions/revisions.ts";
import type { SyncRows } from "./sync-work.ts";

const json = z.json() as z.ZodType<Json>;
const item = { type: z.string().min(1).max(64), key: z.string().min(1).max(512) };
const pointer = z
  .string()
  .regex(/^(\/.*)?$/, "must be a JSON pointer")
  .max(1024);

/** The document. */
export const RulesDocument = z.object({
  modes: z.record(z.string(), z.enum(["strict", "subset"])).default({}),
  deviations: z
    .array(
      z.object({
        ...item,
        pointer,
        accepted: json.exactOptional(),
        reason: z.string().max(1000),
        until: z.iso.datetime().exactOptional(),
      }),
    )
    .default([]),
  overrides: z.array(z.object({ ...item, pointer, value: json })).default([]),
  held: z.array(z.string()).default([]),
  /** Items by `type/key`. */
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
    return written === undefined ? lost : tenant.value.held;
  });
}
