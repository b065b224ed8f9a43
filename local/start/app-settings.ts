/** The settings of the app on this machine, as Azure would hold them. */
import type { Azurite } from "./azurite.ts";
import { firstAdministrator } from "./first/first-roles.ts";
import type { Sandbox } from "./sandbox.ts";

/** Points the app to what runs around it. */
export function appSettings(parts: {
  readonly adminToken: string;
  readonly azurite: Azurite;
  readonly sandbox: Sandbox;
  /** Keys that seal what is kept of sign-ins; made when there is none. */
  readonly keyFile: string;
}): Record<string, string> {
  const { adminToken, azurite, sandbox, keyFile } = parts;
  return {
    AzureWebJobsStorage: azurite.connectionString,
    // The sandbox's devices answer within seconds; real ones take minutes.
    MUSTER_CONFIRM_AFTER_SECONDS: process.env["MUSTER_CONFIRM_AFTER_SECONDS"] ?? "2",
    MUSTER_ADMIN_TOKEN: adminToken,
    // One machine, where everybody calls from one address with one token.
    MUSTER_REQUEST_RATE_FACTOR: process.env["MUSTER_REQUEST_RATE_FACTOR"] ?? "100",
    ...signInSettings(sandbox),
    MUSTER_CLIENT_ID: sandbox.clientId,
    MUSTER_SIGN_IN_CLIENT_ID: sandbox.home.signInClientId,
    MUSTER_CONSOLE_CLIENT_ID: sandbox.home.signInClientId,
    // No browser trusts the certificate of the other address.
    MUSTER_CONSOLE_LOCAL_AUTHORITY: sandbox.url,
    AzureWebJobsDisableHomepage: "true",
    MUSTER_KEY_FILE: keyFile,
    MUSTER_CLIENT_SECRET: sandbox.clientSecret,
    MUSTER_GRAPH_URL: sandbox.graphUrl,
    MUSTER_PARTNER_CENTER_URL: sandbox.partnerCenterUrl,
    MUSTER_PARTNER_KIND: process.env["MUSTER_PARTNER_KIND"] ?? "direct",
    MUSTER_WEBHOOKS_TO_LOOPBACK: process.env["MUSTER_WEBHOOKS_TO_LOOPBACK"] ?? "false",
    NODE_EXTRA_CA_CERTS: sandbox.caFile,
    // As a small instance in Azure has it: a larger heap would only be filled before it is cleaned.
    NODE_OPTIONS:
      process.env["NODE_OPTIONS"] ?? "--max-old-space-size=256 --max-semi-space-size=16",
  };
}

/** Who may call: all of them are set, so that none of the terminal's own gets in. */
function signInSettings({ authorityUrl, home }: Sandbox): Record<string, string> {
  return {
    MUSTER_AUTHORITY_URL: authorityUrl,
    MUSTER_HOME_TENANT_IDS: home.tenantId,
    MUSTER_AUDIENCES: [home.api.audience, home.api.identifier].join(","),
    MUSTER_API_SCOPE: home.api.scope,
    MUSTER_APP_ROLE: home.api.appRole,
    MUSTER_FIRST_ADMIN: firstAdministrator(home).id,
  };
}
