/**
 * What was decided about a tenant's items, as one document that is kept by its content: modes, accepted deviations,
 * overrides, changes that are held, and items that a deploy of ours has made or an approval has wanted, which are the
 * only ones that may ever be deleted.
 */
import * as z from "zod";
import type { Json } from "../items/json.ts";

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
