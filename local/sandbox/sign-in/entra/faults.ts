/** The provider's refusals in Entra's words. */

import type { Directory } from "../directories.ts";
import * as codes from "./code-errors.ts";
import * as entra from "./entra-errors.ts";

/** A refusal of the provider's. */
export type Refusal = {
  readonly error: string;
  /** Why, where the provider tells. */
  readonly reason: string;
  /** What was sent, in the caller's words. */
  readonly asked: URLSearchParams;
};

/** Entra's word for it. */
export function faultOf({ error, reason, asked }: Refusal, directory: Directory): entra.EntraFault {
  switch (error) {
    case "invalid_client":
    case "unauthorized_client":
      return clientFault(asked, directory);
    case "authorization_pending":
      return codes.pending;
    case "expired_token":
      return codes.expired;
    case "authorization_declined":
      return codes.declined;
    case "invalid_grant":
      return grantFault(reason, asked);
    case "invalid_target":
      return entra.resourceMissing(asked.get("scope") ?? "");
    case "invalid_request":
      // The only grant that an app without a secret is not allowed is the one that takes a secret.
      if (reason.includes("not allowed for this client")) return clientFault(asked, directory);
      return entra.requestWrong(error, reason);
    default:
      return entra.requestWrong(error, reason);
  }
}

function clientFault(asked: URLSearchParams, directory: Directory): entra.EntraFault {
  const clientId = asked.get("client_id") ?? "";
  const app = directory.apps.find((one) => one.clientId === clientId);
  const secret = asked.get("client_secret");
  if (app === undefined) return entra.appMissing(clientId);
  if (secret === null) return entra.secretMissing;
  return app.kind === "public" ? entra.secretUnwanted : entra.secretWrong(clientId);
}

function grantFault(reason: string, asked: URLSearchParams): entra.EntraFault {
  if (reason.includes("already consumed")) return codes.redeemed;
  return asked.has("device_code") ? codes.codeUnknown : codes.grantInvalid(reason);
}
