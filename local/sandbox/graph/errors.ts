/** Errors in the shapes that callers of Graph meet: Graph's own, and Intune's text within that. */
import type { Behaviour } from "../behaviour.ts";
import type { Tenant } from "../fleet/tenants.ts";
import type { GraphAnswer } from "./exchange.ts";

/** The ids that an error names. */
export type Traced = {
  readonly requestId: string;
  readonly clientRequestId: string | undefined;
  readonly now: number;
};

/** An error in Graph's shape. */
export function graphError(
  call: Traced,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): GraphAnswer {
  const innerError = {
    date: new Date(call.now).toISOString().slice(0, 19),
    "request-id": call.requestId,
    "client-request-id": call.clientRequestId ?? call.requestId,
  };
  return { status, body: JSON.stringify({ error: { code, message, innerError } }), headers };
}

/** An error of Intune behind Graph: the message is JSON text that holds an activity id. */
export function intuneError(call: Traced, status: number, code: string, text: string): GraphAnswer {
  const activity = `Activity ID: ${call.clientRequestId ?? call.requestId}`;
  const message = JSON.stringify(
    {
      _version: 3,
      Message: `${text} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - ${activity} - Url: https://fef.sandbox.manage.example/DeviceFE/StatelessDeviceFEService/deviceManagement`,
      CustomApiErrorPhrase: "",
      RetryAfter: null,
      ErrorSourceService: "",
      HttpHeaders: "{}",
    },
    null,
    2,
  );
  return graphError(call, status, code, message);
}

/** 400 for a request that says something Graph does not understand. */
export const badRequest = (call: Traced, message: string): GraphAnswer =>
  graphError(call, 400, "BadRequest", message);

/** What a call gets that names a device whose record is damaged: among others the whole call breaks, without effect. */
export function poisonError(
  call: Traced & { readonly tenant: Tenant; readonly behaviour: Behaviour },
  deviceIds: readonly string[],
): GraphAnswer | undefined {
  const { poison } = call.behaviour;
  if (poison === null) return undefined;
  const isPoisoned = (id: string): boolean =>
    (call.tenant.fleet.find(id.toLowerCase()) ?? poison.devices) < poison.devices;
  if (!deviceIds.some(isPoisoned)) return undefined;
  return deviceIds.length > 1
    ? graphError(call, poison.status, "InternalServerError", "Something went wrong.")
    : badRequest(call, "The record of the device is damaged.");
}

/** 404 for a thing that is not there. */
export const notFound = (call: Traced, what: string): GraphAnswer =>
  intuneError(call, 404, "ResourceNotFound", `${what} was not found.`);

/** 429; without a time to wait, the header is left out as Intune does at times. */
export function tooManyRequests(call: Traced, retryAfterSeconds: number | null): GraphAnswer {
  const headers = retryAfterSeconds === null ? {} : { "Retry-After": String(retryAfterSeconds) };
  return graphError(call, 429, "TooManyRequests", "Too many requests. Please retry later.", {
    ...headers,
  });
}

/** 503. */
export const unavailable = (call: Traced): GraphAnswer =>
  graphError(call, 503, "ServiceUnavailable", "The service is temporarily unavailable.");
