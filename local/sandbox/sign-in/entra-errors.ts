/** Sign-in errors as Entra writes them: an OAuth error, an AADSTS number, and ids to trace it by. */
import { randomUUID } from "node:crypto";

/** One kind of refusal. */
export type EntraFault = {
  readonly status: number;
  readonly error: string;
  readonly number: number;
  readonly text: string;
};

/** The tenant of the address is not one of ours. */
export const tenantMissing = (tenant: string): EntraFault => ({
  status: 400,
  error: "invalid_request",
  number: 90_002,
  text: `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
});

/** The app is not registered, or not in this tenant. */
export const appMissing = (clientId: string): EntraFault => ({
  status: 400,
  error: "unauthorized_client",
  number: 700_016,
  text: `Application with identifier '${clientId}' was not found in the directory.`,
});

/** The secret is not the app's. */
export const secretWrong = (clientId: string): EntraFault => ({
  status: 401,
  error: "invalid_client",
  number: 7_000_215,
  text: `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
});

/** Neither a secret nor an assertion came with the request. */
export const secretMissing: EntraFault = {
  status: 401,
  error: "invalid_client",
  number: 7_000_218,
  text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
};

/** The scope names a resource that does not exist. */
export const resourceMissing = (scope: string): EntraFault => ({
  status: 400,
  error: "invalid_resource",
  number: 500_011,
  text: `The resource principal named ${scope} was not found in the tenant.`,
});

/** An app token was asked for single permissions. */
export const scopeWrong = (scope: string): EntraFault => ({
  status: 400,
  error: "invalid_scope",
  number: 1_002_012,
  text: `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
});

/** Anything else that was wrong with the request. */
export const requestWrong = (error: string, text: string): EntraFault => ({
  status: 400,
  error,
  number: 900_144,
  text,
});

/** The body of a refusal. `correlationId` is the caller's client-request-id, where it sent one. */
export function entraError(fault: EntraFault, correlationId: string | undefined): object {
  const traceId = randomUUID();
  const correlation = correlationId ?? randomUUID();
  const timestamp = `${new Date().toISOString().slice(0, 19).replace("T", " ")}Z`;
  return {
    error: fault.error,
    error_description: `AADSTS${fault.number}: ${fault.text} Trace ID: ${traceId} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [fault.number],
    timestamp,
    trace_id: traceId,
    correlation_id: correlation,
  };
}
