/** Sign-in errors as Entra writes them: an OAuth error, an AADSTS number, and ids to trace it by. */
import { randomUUID } from "node:crypto";

/** One kind of refusal. */
export type EntraFault = {
  readonly status: number;
  readonly error: string;
  readonly number: number;
  readonly text: string;
  /** What a person has to do, in the word that libraries look for. */
  readonly suberror?: string;
};

const fault = (error: string, number: number, text: string, status = 400): EntraFault => ({
  status,
  error,
  number,
  text,
});

/** The tenant of the address is not one of ours. */
export const tenantMissing = (tenant: string): EntraFault =>
  fault(
    "invalid_request",
    90_002,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
  );

/** The app is not registered, or not in this tenant. */
export const appMissing = (clientId: string): EntraFault =>
  fault(
    "unauthorized_client",
    700_016,
    `Application with identifier '${clientId}' was not found in the directory.`,
  );

/** The secret is not the app's. */
export const secretWrong = (clientId: string): EntraFault =>
  fault(
    "invalid_client",
    7_000_215,
    `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    401,
  );

/** Neither a secret nor an assertion came with the request. */
export const secretMissing = fault(
  "invalid_client",
  7_000_218,
  "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  401,
);

/** A secret came from an app that can have none. */
export const secretUnwanted = fault(
  "invalid_client",
  700_025,
  "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
  401,
);

/** The scope names a resource that does not exist. */
export const resourceMissing = (resource: string): EntraFault =>
  fault(
    "invalid_resource",
    500_011,
    `The resource principal named ${resource} was not found in the tenant.`,
  );

/** An app token was asked for single permissions. */
export const scopeWrong = (scope: string): EntraFault =>
  fault(
    "invalid_scope",
    1_002_012,
    `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  );

/** A person's token was asked for without saying for which API. */
export const scopeMissing = (scope: string): EntraFault =>
  fault(
    "invalid_scope",
    70_011,
    `The provided value for the input parameter 'scope' is not valid. The scope '${scope}' names no API of this directory.`,
  );

/** A person's token was asked for two APIs at once. */
export const scopesMixed = (scope: string): EntraFault =>
  fault(
    "invalid_request",
    28_000,
    `Provided value for the input parameter scope is not valid because it contains more than one resource. Scope ${scope} is not valid.`,
  );

/** The API exists, its permission does not. */
export const permissionMissing = (permission: string, resource: string): EntraFault =>
  fault(
    "invalid_client",
    650_053,
    `The application asked for scope '${permission}' that doesn't exist on the resource '${resource}'.`,
  );

/** Anything else that was wrong with the request. */
export const requestWrong = (error: string, text: string): EntraFault =>
  fault(error, 900_144, text);

/** The body of a refusal. `correlationId` is the caller's client-request-id, where it sent one. */
export function entraError(refusal: EntraFault, correlationId: string | undefined): object {
  const traceId = randomUUID();
  const correlation = correlationId ?? randomUUID();
  const timestamp = `${new Date().toISOString().slice(0, 19).replace("T", " ")}Z`;
  return {
    error: refusal.error,
    error_description: `AADSTS${refusal.number}: ${refusal.text} Trace ID: ${traceId} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [refusal.number],
    timestamp,
    trace_id: traceId,
    correlation_id: correlation,
    ...(refusal.suberror === undefined ? {} : { suberror: refusal.suberror }),
  };
}
