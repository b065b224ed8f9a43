/** Entra's parameters in the provider's words: the scope names the API, and one grant has a short name. */
import { deviceCodeGrant } from "./apps.ts";
import type { EntraFault } from "./entra-errors.ts";
import type { Resource } from "./resources.ts";
import { appScope, userScope } from "./scopes.ts";

/** Where a request goes: to ask for a sign-in, or to fetch tokens. */
export type Endpoint = "authorize" | "devicecode" | "token";

const grants: Readonly<Record<string, string>> = { device_code: deviceCodeGrant };

/** The parameters for the provider, or why Entra would not take them. */
export function translated(
  endpoint: Endpoint,
  given: URLSearchParams,
  resources: readonly Resource[],
): URLSearchParams | EntraFault {
  const form = new URLSearchParams(given);
  const grant = given.get("grant_type") ?? "";
  if (endpoint === "token") form.set("grant_type", grants[grant] ?? grant);
  if (endpoint === "authorize" && given.get("prompt") !== "none") {
    // Everybody is asked who they are every time, so that there is nothing to ask for specially.
    form.delete("prompt");
  }
  form.delete("scope");
  const scope = given.get("scope");
  if (endpoint === "token" && grant !== "client_credentials") {
    // What a code was asked for is kept with the code; a refresh token may be asked for another API.
    if (grant !== "refresh_token" || scope === null) return form;
  }
  const asked =
    grant === "client_credentials"
      ? appScope(scope ?? "", resources)
      : userScope(scope ?? "", resources);
  if ("error" in asked) return asked;
  form.set("resource", asked.indicator);
  const words = [...asked.openId, ...asked.permissions].join(" ");
  if (endpoint !== "token") form.set("scope", words);
  return form;
}
