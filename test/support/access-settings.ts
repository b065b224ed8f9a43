/** Access settings for tests that call as the bootstrap administrator, as often as they like. */
import type { AccessSettings } from "../../functions/settings.ts";

/** The settings of an installation that only its admin token opens. */
export const accessWith = (adminToken: string): AccessSettings => ({
  adminToken,
  homeTenantIds: [],
  audiences: ["api://muster"],
  delegatedScope: "Muster.Use",
  appRole: "Muster.Use",
  first: undefined,
  sealing: undefined,
  allowedOrigins: [],
  rateFactor: 1000,
});
