/** What handlers are given, on real storage, with a log that a test can read. */
import type { Tools } from "../../../functions/define.ts";
import { buildServices, type Services } from "../../../functions/services.ts";
import { readSettings } from "../../../functions/settings.ts";
import { storageConnectionString } from "../../support/azurite.ts";

/** Goes into `Authorization: Bearer`. */
export const adminToken = "tools-only-9b2e73504f8a1d6c0f5e8d21";

/** Services, and every event that was logged. */
export async function makeTools(): Promise<
  Tools<Services> & { readonly logged: readonly unknown[][] }
> {
  const settings = readSettings({
    AzureWebJobsStorage: storageConnectionString(),
    MUSTER_ADMIN_TOKEN: adminToken,
    MUSTER_GRAPH_URL: "https://graph.invalid",
    MUSTER_AUTHORITY_URL: "https://sign-in.invalid",
    MUSTER_CLIENT_ID: "app",
    MUSTER_CLIENT_SECRET: "secret",
  });
  const logged: unknown[][] = [];
  const services = await buildServices(settings, () => ({}));
  return { services, logged, log: (event, fields) => void logged.push([event, fields]) };
}
