/** What the API says about baselines. */
import * as z from "zod";
import { toIso } from "../../kernel/clock.ts";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { OwnId, TenantId } from "../../kernel/values.ts";
import { ImportBody } from "../contract.ts";
import { ItemName, TypeName } from "../state/sync.ts";
import { type BaselineDocument, maxBaselineItems, Parameter } from "./baseline.ts";
import { type Baseline, Publication, Version } from "./baseline-store.ts";

const VersionNumber = z.coerce.number().int().min(1).max(999_999_999);

/** Paths and queries. */
export const BaselinePath = z.strictObject({ baselineId: OwnId });
export const VersionPath = BaselinePath.extend({ version: VersionNumber });
export const TailoringPath = BaselinePath.extend({ tenantId: TenantId });
export const PreviewQuery = z.strictObject({
  version: VersionNumber.optional().describe("Default: the newest"),
});

/** Body of a baseline's creation, and of its replacement. */
export const BaselineBody = z
  .strictObject({
    name: Line.trim().min(1).max(100),
    description: Prose.max(1000).default(""),
    message: Line.min(1).max(200).describe("Why this version"),
    parameters: z
      .array(
        Parameter.extend({
          replaces: Line.min(1)
            .max(512)
            .optional()
            .describe("With `from`: every text that is exactly this becomes the parameter"),
        }),
      )
      .max(100)
      .default([])
      .describe("Stand in texts of items as {{name}}; {{{{ stands for two braces"),
    items: z
      .array(ImportBody.shape.items.element)
      .min(1)
      .max(maxBaselineItems)
      .optional()
      .describe("As an export gives them"),
    from: z
      .strictObject({
        tenantId: TenantId,
        types: z.array(TypeName).min(1).max(64).optional(),
        items: z.array(ItemName).min(1).max(maxBaselineItems).optional(),
      })
      .optional()
      .describe("Copies what is wanted of a tenant: all, some types, or some items"),
  })
  .superRefine(({ items, from, parameters }, context) => {
    if ((items === undefined) === (from === undefined))
      context.addIssue({ code: "custom", path: ["items"], message: "must be there, or `from`" });
    for (const [at, { replaces }] of parameters.entries())
      if (replaces !== undefined && from === undefined)
        context.addIssue({
          code: "custom",
          path: ["parameters", at, "replaces"],
          message: "is for copies: items that are written have their placeholders already",
        });
  });

/** Body of a publication. */
export const PublishBody = z.strictObject({
  version: z.int().min(1).max(999_999_999).optional().describe("Default: the newest"),
  tenantIds: z
    .array(TenantId)
    .min(1)
    .max(500)
    .optional()
    .describe("Default: all that are on the baseline, as far as you reach"),
});

const VersionView = Version.omit({ document: true }).extend({ at: z.iso.datetime() });

/** A baseline in a list. */
export const BaselineView = z
  .object({
    baselineId: z.string(),
    name: z.string(),
    description: z.string(),
    newest: VersionView,
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "Baseline" });

const TenantView = z.object({
  tenantId: z.string(),
  on: z.int().optional().describe("The version that it is on; absent: none was published to it"),
  isBehind: z.boolean().describe("Not on the newest version"),
  publication: Publication.pick({ publishId: true, version: true, state: true, by: true })
    .extend({
      at: z.iso.datetime(),
      syncId: Publication.shape.syncId.describe("The sync that plans it"),
      detail: Publication.shape.detail,
      faults: Publication.shape.faults,
    })
    .optional()
    .describe("The last one"),
});

/** A baseline with its versions and its tenants. */
export const BaselineDetail = BaselineView.extend({
  versions: z.array(VersionView).describe("The last 50, newest first"),
  tenants: z.array(TenantView).describe("Those on it that you reach"),
  counts: z.object({
    tenants: z.int(),
    behind: z.int(),
    queued: z.int(),
    published: z.int(),
    unchanged: z.int(),
    refused: z.int(),
  }),
}).meta({ id: "BaselineDetail" });

const Item = z.object({ type: z.string(), key: z.string(), body: z.unknown() });

/** A version with its content. */
export const VersionDetail = VersionView.extend({
  parameters: z.array(Parameter),
  items: z.array(Item).describe("With their placeholders"),
}).meta({ id: "BaselineVersion" });

/** What a publication came to at once. */
export const PublishView = z.object({
  baselineId: z.string(),
  publishId: z.string(),
  version: z.int(),
  value: z.array(
    z.object({
      tenantId: z.string(),
      state: z.literal("queued").optional(),
      code: z.string().optional().describe("Why it goes nowhere"),
      detail: z.string().optional(),
    }),
  ),
});

/** What a version would make wanted of a tenant. */
export const PreviewView = z.object({
  version: z.int(),
  items: z.array(
    Item.extend({
      name: z.string(),
      state: z.enum(["new", "differs", "same"]).describe("Beside what is wanted now"),
    }),
  ),
  faults: z
    .array(z.object({ pointer: z.string(), detail: z.string() }))
    .describe("Why a publication would be refused; items are empty then"),
});

const versionView = ({ version, items, message, by, at }: Version) => ({
  version,
  items,
  message,
  by,
  at: toIso(at),
});

/** A baseline. */
export const baselineView = ({ baselineId, name, description, newest, createdAt }: Baseline) => ({
  baselineId,
  name,
  description,
  newest: versionView(newest),
  createdAt: toIso(createdAt),
});

/** A version. */
export const versionDetail = (version: Version, { parameters, items }: BaselineDocument) => ({
  ...versionView(version),
  parameters,
  items,
});

/** A baseline with its versions, and with those of its tenants that the caller reaches. */
export function baselineDetail(
  baseline: Baseline,
  versions: readonly Version[],
  tenantIds: readonly string[],
  publications: readonly Publication[],
): z.output<typeof BaselineDetail> {
  const byTenant = new Map(publications.map((each) => [each.tenantId, each]));
  const tenants = tenantIds.map((tenantId) => {
    const last = byTenant.get(tenantId);
    const isBehind = last?.on !== baseline.newest.version;
    if (last === undefined) return { tenantId, isBehind, publication: undefined };
    const { v: _, tenantId: __, touchedAt: ___, on, at, ...publication } = last;
    return {
      tenantId,
      isBehind,
      ...(on === undefined ? {} : { on }),
      publication: { ...publication, at: toIso(at) },
    };
  });
  const inState = (state: Publication["state"]): number =>
    tenants.filter(({ publication }) => publication?.state === state).length;
  return {
    ...baselineView(baseline),
    versions: versions.map(versionView),
    tenants,
    counts: {
      tenants: tenants.length,
      behind: tenants.filter(({ isBehind }) => isBehind).length,
      queued: inState("queued"),
      published: inState("published"),
      unchanged: inState("unchanged"),
      refused: inState("refused"),
    },
  };
}
