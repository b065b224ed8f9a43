/** Requests that must be refused, each with the problem that it is. */
import { randomUUID } from "node:crypto";
import { pageToken } from "../../../shared/http/paging.ts";
import type { Sent } from "./running-app.ts";

/** The tenant that they are about. */
export const tenantId = randomUUID();
export const base = `/api/v1/tenants/${tenantId}`;
export const sending = `${base}/notifications`;
const wholeTenant = { action: "downloadComputerPolicy", target: { kind: "tenant" } };
const ids = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
export const toDevices = (deviceIds: unknown) => ({
  action: "downloadComputerPolicy",
  target: { kind: "devices", deviceIds },
});

/** What a problem document says at least. */
export const problem = (status: number, code: string, ...pointers: string[]) => ({
  status,
  body: {
    code,
    status,
    ...(pointers.length > 0 ? { errors: pointers.map((pointer) => ({ pointer })) } : {}),
  },
});

/** Name, method, path, what is sent, and what the answer must say. */
export const badRequests: readonly (readonly [string, string, string, Sent, object])[] = [
  [
    "an unknown tenant",
    "POST",
    `/api/v1/tenants/${randomUUID()}/notifications`,
    { body: wholeTenant },
    problem(404, "unknown-tenant"),
  ],
  [
    "a tenant id that is none",
    "POST",
    "/api/v1/tenants/contoso/notifications",
    { body: wholeTenant },
    problem(400, "invalid-request", "/path/tenantId"),
  ],
  [
    "an unknown action",
    "POST",
    sending,
    { body: { ...wholeTenant, action: "dance" } },
    problem(400, "unknown-action", "/action"),
  ],
  [
    "an unknown action among other faults",
    "POST",
    sending,
    { body: { ...wholeTenant, action: "dance", expiresAfter: "soon" } },
    problem(400, "invalid-request", "/expiresAfter", "/action"),
  ],
  [
    "an unknown action to an unknown device",
    "POST",
    sending,
    { body: { ...toDevices([randomUUID()]), action: "dance" } },
    problem(400, "unknown-action", "/action", "/target/deviceIds/0"),
  ],
  [
    "an unknown device",
    "POST",
    sending,
    { body: toDevices([randomUUID()]) },
    problem(404, "unknown-device", "/target/deviceIds/0"),
  ],
  [
    "a device id that is none",
    "POST",
    sending,
    { body: toDevices([randomUUID(), "PC-1"]) },
    problem(400, "invalid-request", "/target/deviceIds/1"),
  ],
  [
    "no device",
    "POST",
    sending,
    { body: toDevices([]) },
    problem(400, "invalid-request", "/target/deviceIds"),
  ],
  [
    "10,001 devices",
    "POST",
    sending,
    { body: toDevices(ids(10_001)) },
    problem(400, "invalid-request", "/target/deviceIds"),
  ],
  [
    "an unknown collection",
    "POST",
    sending,
    { body: { ...wholeTenant, target: { kind: "collection", collectionId: "none" } } },
    problem(404, "unknown-collection", "/target/collectionId"),
  ],
  [
    "an unknown kind of target",
    "POST",
    sending,
    { body: { ...wholeTenant, target: { kind: "world" } } },
    problem(400, "invalid-request", "/target/kind"),
  ],
  [
    "parameters where none belong",
    "POST",
    sending,
    { body: { ...wholeTenant, parameters: { speed: 1 } } },
    problem(400, "invalid-request", "/parameters/speed"),
  ],
  [
    "a script without its id",
    "POST",
    sending,
    { body: { ...wholeTenant, action: "runScript" } },
    problem(400, "action-needs-parameters", "/parameters"),
  ],
  [
    "a script by another name",
    "POST",
    sending,
    { body: { ...wholeTenant, action: "runScript", parameters: { remediationScriptId: "mine" } } },
    problem(400, "action-needs-parameters", "/parameters/remediationScriptId"),
  ],
  [
    "a query of the wrong type",
    "POST",
    sending,
    { body: { ...wholeTenant, action: "startCMPivot", parameters: { query: 5 } } },
    problem(400, "action-needs-parameters", "/parameters/query"),
  ],
  [
    "an unknown property",
    "POST",
    sending,
    { body: { ...wholeTenant, urgent: true } },
    problem(400, "invalid-request", "/urgent"),
  ],
  [
    "an unknown query parameter",
    "POST",
    `${sending}?dryrun=true`,
    { body: wholeTenant },
    problem(400, "invalid-request", "/query/dryrun"),
  ],
  [
    "a duration that is none",
    "POST",
    sending,
    { body: { ...wholeTenant, expiresAfter: "1 day" } },
    problem(400, "invalid-request", "/expiresAfter"),
  ],
  [
    "several faults at once",
    "POST",
    "/api/v1/tenants",
    { body: { tenantId: "x", pace: { deviceActions: 1 }, more: 1 } },
    problem(400, "invalid-request", "/tenantId", "/displayName", "/pace/deviceActions", "/more"),
  ],
  [
    "another content type",
    "POST",
    sending,
    { raw: "action=dance", headers: { "content-type": "application/x-www-form-urlencoded" } },
    problem(415, "unsupported-media-type"),
  ],
  ["no JSON", "POST", sending, { raw: '{"action":' }, problem(400, "malformed-json")],
  [
    "no body",
    "POST",
    sending,
    { headers: { "content-type": "application/json" } },
    problem(400, "malformed-json"),
  ],
  [
    "more than 1 MiB, as it says itself",
    "POST",
    sending,
    { raw: " ".repeat(1024 * 1024 + 1) },
    problem(413, "body-too-large"),
  ],
  [
    "a rule nested without end",
    "POST",
    `${base}/collections`,
    { raw: nested(40_000) },
    problem(400, "invalid-request"),
  ],
  [
    "a token that is none",
    "GET",
    "/api/v1/tenants?pageToken=next",
    {},
    problem(400, "bad-page-token", "/query/pageToken"),
  ],
  [
    "another list's token",
    "GET",
    `${base}/devices?pageToken=${pageToken("tenants", "x")}`,
    {},
    problem(400, "bad-page-token", "/query/pageToken"),
  ],
  [
    "a page of nothing",
    "GET",
    "/api/v1/tenants?top=0",
    {},
    problem(400, "invalid-request", "/query/top"),
  ],
  [
    "another version than the present",
    "PATCH",
    base,
    { body: { displayName: "New" }, headers: { "if-match": "garbage" } },
    problem(412, "precondition-failed"),
  ],
  [
    "another version to remove",
    "DELETE",
    base,
    { headers: { "if-match": "garbage" } },
    problem(412, "precondition-failed"),
  ],
  [
    "a tenant that is there",
    "POST",
    "/api/v1/tenants",
    { body: { tenantId, displayName: "Again" } },
    problem(409, "already-exists"),
  ],
  [
    "a key that is too long",
    "POST",
    sending,
    { body: wholeTenant, headers: { "idempotency-key": "k".repeat(257) } },
    problem(400, "invalid-request", "/headers/Idempotency-Key"),
  ],
];

/** A collection whose rule has so many levels. */
function nested(levels: number): string {
  const leaf = '{"property":"deviceName","operator":"startsWith","value":"P"}';
  const rule = '{"not":'.repeat(levels) + leaf + "}".repeat(levels);
  return `{"kind":"rule","name":"Deep","rule":${rule}}`;
}
