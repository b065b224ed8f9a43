/** What the audit trail keeps of one call. Pure. */
import { z } from "zod";

/** An event as it is kept for ever; fields are added, never changed. */
export const AuditEvent = z
  .object({
    eventId: z.string(),
    at: z.iso.datetime(),
    actor: z
      .object({
        kind: z.enum(["user", "app", "bootstrap", "anonymous", "system"]),
        id: z.string().describe("Object id; empty when nobody signed in"),
        homeTenantId: z.string().optional(),
        appId: z.string().optional().describe("Client id of the application that called"),
        name: z.string().optional().describe("For people to read; it can change hands"),
      })
      .describe("Who called"),
    ip: z.string().optional().describe("Address that the call came from"),
    operation: z.string().describe("operationId"),
    tenantId: z.string().optional(),
    object: z.string().optional().describe("What it was about: kind and id, or the path"),
    outcome: z.enum(["allowed", "refused", "failed"]),
    step: z
      .string()
      .optional()
      .describe(
        "Where it was refused, or the code of the failure; replayed: the answer had been given before",
      ),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    requestId: z.string(),
    approver: z.string().optional().describe("Object id of the second person"),
  })
  .meta({ id: "AuditEvent" });
export type AuditEvent = z.output<typeof AuditEvent>;

/** The trail of one tenant, or of what belongs to none. */
export type TrailId = string;

/** Where events go that belong to no tenant: sign-in refused, roles, assignments, the service. */
export const platformTrail = "platform" satisfies TrailId;
