/** A ConfigMgr site as Muster knows it: its code, and the queue that its relay drains. Pure. */
import * as z from "zod";
import { digest } from "../kernel/values.ts";
import type { SiteQueueName } from "../storage/names.ts";

/** A site's three-character code, in upper case. */
export const SiteCode = z
  .string()
  .regex(/^[A-Za-z0-9]{3}$/, "must be a site code of three letters or digits")
  .transform((text) => text.toUpperCase())
  .describe("ConfigMgr site code");

const hashDigits = 8;

/**
 * The queue of a site. It names the tenant only by a hash, because site codes repeat among customers and
 * whoever may read the queue of one must not learn the ids of others from their names.
 */
export const siteQueueName = (tenantId: string, siteCode: string): SiteQueueName =>
  `site-${siteCode.toLowerCase()}-${digest(tenantId.toLowerCase()).slice(0, hashDigits)}`;
