/** What the API says about collections. */
import * as z from "zod";
import { Line, Prose } from "../../kernel/outside-text.ts";
import { DeviceId, OwnId, TenantId } from "../../kernel/values.ts";
import { DeviceView } from "../directory/contract.ts";
import { maxStaticDevices } from "./collection.ts";
import { Rule } from "./rule.ts";

const name = Line.trim().min(1).max(200);
const description = Prose.max(1000).optional();

const deviceIds = z.array(DeviceId).max(maxStaticDevices).describe("Intune device ids");

/** Body of a collection's creation, and of its replacement. */
export const CollectionBody = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("static"), name, description, deviceIds }),
  z.strictObject({ kind: z.literal("rule"), name, description, rule: Rule }),
]);
export type CollectionBody = z.output<typeof CollectionBody>;

const described = {
  collectionId: z.string(),
  name: z.string(),
  description: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
};

/** A collection as the API shows it. */
export const CollectionView = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("static"), ...described, deviceIds: z.array(z.string()) }),
    z.object({ kind: z.literal("rule"), ...described, rule: Rule }),
  ])
  .meta({ id: "Collection" });

/** A collection in a list: a static one by the number of its ids. */
export const CollectionSummary = z
  .object({
    kind: z.enum(["static", "rule"]),
    ...described,
    deviceIdCount: z.int().optional().describe("Ids in a static list"),
  })
  .meta({ id: "CollectionSummary" });

/** Path of one collection. */
export const CollectionPath = z.strictObject({
  tenantId: TenantId,
  collectionId: OwnId,
});

/** Body of a preview. */
export const PreviewBody = z.strictObject({ rule: Rule });

const count = z.int().min(0).describe("Members in all");
const countComplete = z
  .boolean()
  .describe("False when the directory is too large to count in one request: at least so many");

/** What a rule would find. */
export const PreviewView = z
  .object({ count, countComplete, sample: z.array(DeviceView).describe("The first 20 members") })
  .meta({ id: "CollectionPreview" });

/** A page of members. */
export const MembersView = z
  .object({ value: z.array(DeviceView), nextLink: z.string().optional(), count, countComplete })
  .meta({ id: "CollectionMembers" });
