/**
 * Intune's Multi Admin Approval, where a tenant's behaviour has it: a write is held under a code until a second
 * administrator approves it through control, and is then done when the identical request comes with that code.
 */
import { guidOf } from "../fleet/guids.ts";
import { badRequest, graphError } from "./errors.ts";
import type { GraphAnswer, GraphCall } from "./exchange.ts";
import type { GraphRequest } from "./serve.ts";

/** What a request for approval can be. */
export const approvalStatuses = [
  "needsApproval",
  "approved",
  "rejected",
  "cancelled",
  "expired",
  "completed",
] as const;

/** A write that was held. */
export type HeldWrite = {
  readonly tenantId: string;
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly justification: string;
  readonly requestedAt: number;
  status: (typeof approvalStatuses)[number];
};

/** Every write that was held, by its code. */
export type HeldWriteByCode = Map<string, HeldWrite>;

const codeHeader = "x-msft-approval-code";
const reasonHeader = "x-msft-approval-justification";
const mostReasonChars = 1024;

/** What a write is answered with instead of being done; undefined when it may be done. */
export function holdWrite(request: GraphRequest): GraphAnswer | undefined {
  const { method, behaviour, headers, state, tenant, target } = request;
  if (method === "GET" || !behaviour.holdWrites) return undefined;
  const body = request.body.kind === "json" ? JSON.stringify(request.body.value) : "{}";
  const code = headers[codeHeader];
  if (code !== undefined) return release(request, state.heldWrites.get(code), body);
  const given = headers[reasonHeader];
  const justification = Buffer.from(given ?? "", "base64").toString();
  if (justification === "" || justification.length > mostReasonChars)
    return badRequest(request, `The header ${reasonHeader} is missing or not valid.`);
  const same = [...state.heldWrites.values()].some(
    (held) =>
      held.tenantId === tenant.id && held.target === target && held.status === "needsApproval",
  );
  if (same)
    return graphError(request, 409, "Conflict", "A request for this object waits for approval.");
  const next = guidOf(0x4d414100, tenant.number, state.heldWrites.size + 1, 0);
  const held = {
    tenantId: tenant.id,
    method,
    target,
    body,
    justification,
    requestedAt: request.now,
  };
  state.heldWrites.set(next, { ...held, status: "needsApproval" });
  return waiting(request, next);
}

function release(
  request: GraphRequest,
  held: HeldWrite | undefined,
  body: string,
): GraphAnswer | undefined {
  const { method, target, tenant, headers } = request;
  const known = held?.tenantId === tenant.id ? held : undefined;
  if (known?.method !== method || known.target !== target || known.body !== body)
    return badRequest(request, "This is not the request that was approved.");
  if (known.status === "needsApproval") return waiting(request, headers[codeHeader] ?? "");
  if (known.status !== "approved")
    return badRequest(request, `The request for approval is ${known.status}.`);
  known.status = "completed";
  return undefined;
}

const waiting = (request: GraphRequest, code: string): GraphAnswer =>
  graphError(request, 412, "ApprovalRequired", "A second administrator has to approve this.", {
    [codeHeader]: code,
  });

/** Requests end by themselves after this time. */
const lastingMs = 3 * 86_400_000;

/** A tenant's requests for approval, as Graph lists them. */
export const approvalRequests = ({ state, tenant }: GraphCall): readonly object[] =>
  [...state.heldWrites]
    .filter(([, held]) => held.tenantId === tenant.id)
    .map(([id, { requestedAt, justification, status }]) => ({
      id,
      requestDateTime: new Date(requestedAt).toISOString(),
      expirationDateTime: new Date(requestedAt + lastingMs).toISOString(),
      lastModifiedDateTime: new Date(requestedAt).toISOString(),
      requestor: null,
      approver: null,
      requestJustification: justification,
      approvalJustification: null,
      status,
      requiredOperationApprovalPolicyTypes: [],
    }));
