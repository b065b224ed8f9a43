/** App registrations as the provider wants to have them. */
import type { App } from "./apps.ts";

/** The provider's word for Entra's device code. */
export const deviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code";

/** What the provider has to know of an app. */
export function clientOf(app: App): object {
  if (app.kind === "confidential")
    return {
      client_id: app.clientId,
      client_secret: app.secret,
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: "client_secret_post",
    };
  return {
    client_id: app.clientId,
    application_type: "native",
    grant_types: [deviceCodeGrant, "authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: app.redirectUris,
    token_endpoint_auth_method: "none",
  };
}
