/** What the API says about tenants. */
import * as z from "zod";
import { ThrottleSetting } from "../graph/throttle.ts";
import { Line } from "../kernel/outside-text.ts";
import { TenantId } from "../kernel/values.ts";

/** How fast each workload of the tenant may be asked. */
export const Pace = z
  .strictObject({
    deviceActions: ThrottleSetting.optional(),
    deviceReads: ThrottleSetting.optional(),
    configurationReads: ThrottleSetting.optional(),
    configurationWrites: ThrottleSetting.optional(),
    identityReads: ThrottleSetting.optional(),
    identityWrites: ThrottleSetting.optional(),
    conditionalAccess: ThrottleSetting.optional(),
  })
  .describe("How fast Microsoft Graph may be asked on behalf of this tenant");

export type Pace = z.output<typeof Pace>;

const displayName = Line.trim().min(1).max(200);

/** Body of a tenant's creation. */
export const NewTenant = z.strictObject({
  tenantId: TenantId,
  displayName,
  pace: Pace.default({}),
});
export type NewTenant = z.output<typeof NewTenant>;

/** Body of a change: only what it names changes. */
export const TenantChange = z
  .strictObject({
    displayName: displayName.optional(),
    pace: Pace.optional(),
    paused: z
      .boolean()
      .optional()
      .describe(
        "true: nothing new leaves for the tenant, and what is asked for waits; false: it goes on",
      ),
    pauseReason: Line.trim()
      .min(1)
      .max(200)
      .optional()
      .describe("Why it is paused, for whoever wonders; goes with paused: true"),
  })
  .refine(({ paused, pauseReason }) => paused === true || pauseReason === undefined, {
    error: "goes with paused: true",
    path: ["pauseReason"],
  });
export type TenantChange = z.output<typeof TenantChange>;

/** A tenant as the API shows it. */
export const Tenant = z
  .object({
    tenantId: z.string(),
    displayName: z.string(),
    pace: Pace,
    pausedAt: z.iso.datetime().optional().describe("Nothing new leaves for it since then"),
    pauseReason: z.string().optional().describe("Why, as whoever paused it said"),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Tenant" });
export type Tenant = z.output<typeof Tenant>;

/** Queue message: delete what is kept of a removed tenant. */
export const PurgeMessage = z.strictObject({ tenantId: TenantId });

/** Path of everything about one tenant. */
export const TenantPath = z.strictObject({ tenantId: TenantId });
